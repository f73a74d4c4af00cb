import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { initialiseLedger } from '../support/redis/initialise.ts'
import { ledgerAtRest } from '../support/redis/ledger-at-rest.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { cephStore, createTestBucket, embeddedStore } from '../support/stores/stores-under-test.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { until } from '../support/until.ts'
import { describeOnRuntimes } from './runtimes-under-test.ts'
import {
  type GatewayUnderTest,
  type Granted,
  put,
  underTest,
  uploadBody,
} from './suite/gateway-under-test.ts'
import { bunRuntime, NODE } from './suite/process-runtime.ts'
import { suiteSettings } from './suite/settings.ts'
import { workerRuntime } from './suite/worker-runtime.ts'

/** Room for so many uploads, and how many are asked for. */
const PLACES = 30
/** Requests that may come at once; one more takes an hour. */
const BURST = 15
/** What the store may hold, in bytes: far more than goes there. */
const CAPACITY = 10_000_000
/** How often as many are asked for. */
const TIMES = 4

/** Limits of the users `counted` and `slow`. */
const LIMITS = {
  counted: {
    quotas: [{ policy: 'objects', per: 'user', unit: 'objects', limit: PLACES, window: 'month' }],
  },
  slow: {
    rates: [{ policy: 'requests', per: 'user', requests: 1, windowSeconds: 3_600, burst: BURST }],
  },
}

describeOnRuntimes(({ bun, workerd }) =>
  describeOnRedis('gateways of several runtimes on one Redis', () => {
    const closing = new AsyncDisposableStack()
    const gateways: GatewayUnderTest[] = []
    let redis: RedisServer

    beforeAll(async () => {
      const directory = await openTemporaryDirectory()
      closing.defer(directory.close)
      redis = closing.use(await openRedisServer({ appendOnly: 'always' }))
      const store = cephStore() ?? embeddedStore()
      const storeBucket = await createTestBucket(store)
      const keeping = { state: redis.url, audit: { file: 'none' } }
      const { settings, keys } = suiteSettings(store, storeBucket, keeping)
      const stores = settings.stores as { readonly main: object }
      const shared = {
        ...settings,
        // With a bound, so that its room is divided, and asked for by all of them.
        stores: { ...stores, main: { ...stores.main, capacityBytes: CAPACITY } },
        plans: { ...(settings.plans as object), ...LIMITS },
        // Exactness is shown here, not speed: a busy machine may be slow to sync.
        ledger: { commandTimeoutMs: 5_000, whenAway: { requests: 'closed' } },
      }
      const file = join(directory.path, 'init.json')
      await writeFile(file, JSON.stringify(shared))
      await initialiseLedger({ file, apiKey: '' })
      const runtimes = [NODE, bunRuntime(bun), workerRuntime(workerd, 'workerd-redis')]
      const starts = runtimes.map((runtime) => runtime.start(shared, directory.path))
      // All of them, also when one does not start: the others are to be ended.
      for (const started of await Promise.allSettled(starts)) {
        if (started.status === 'rejected') continue
        const running = closing.use(started.value)
        gateways.push(underTest({ ...running, store, storeBucket, keys }))
      }
      await Promise.all(starts)
    })
    afterAll(() => closing.disposeAsync())

    /**
     * So many uploads by a user of acme, each gateway its share: one after the other until each has had one,
     * then all at once. Answers how often each status came, by gateway.
     */
    async function askAll(user: string, times: number): Promise<Record<number, number>[]> {
      const counts = gateways.map((): Record<number, number> => ({}))
      const ask = async (index: number) => {
        const turn = index % gateways.length
        const own = counts[turn] ?? {}
        const status = await upload(at(turn), user, index)
        own[status] = (own[status] ?? 0) + 1
      }
      for (const index of gateways.keys()) await ask(index)
      const rest = Array.from({ length: times - gateways.length }, (_, n) => gateways.length + n)
      await Promise.all(rest.map(ask))
      return counts
    }

    /** As a client does that is told to come back: the same key, until there is a decision. */
    async function upload(gateway: GatewayUnderTest, user: string, index: number): Promise<number> {
      const who = `acme/${user}`
      const headers = { 'idempotency-key': `${user}-${index}` }
      for (;;) {
        const body = uploadBody(`${who}/${index}`)
        const response = await gateway.call('POST', '/v1/uploads', body, { who, headers })
        await response.bytes()
        if (response.status !== 503) return response.status
      }
    }

    function at(turn: number): GatewayUnderTest {
      const gateway = gateways[turn]
      if (gateway === undefined) throw new Error(`there is no gateway ${turn}`)
      return gateway
    }

    function expectExactly(counts: readonly Record<number, number>[], granted: number): void {
      const all: Record<number, number> = {}
      for (const own of counts) {
        for (const [status, count] of Object.entries(own)) {
          all[Number(status)] = (all[Number(status)] ?? 0) + count
        }
      }
      expect(all).toEqual({ 201: granted, 429: (TIMES - 1) * granted })
      expect(counts.map((own) => (own[201] ?? 0) > 0)).toEqual(gateways.map(() => true))
    }

    it('201, 429: of four times as many uploads exactly the configured number is granted, by all together', async () => {
      expectExactly(await askAll('counted', TIMES * PLACES), PLACES)
      for (const gateway of gateways) {
        const level = await gateway.level('objects', 'acme/counted')
        expect(level).toEqual({ used: 0, pending: PLACES })
      }
      const { drift, records } = await ledgerAtRest(redis)
      expect([drift, records.size]).toEqual([[], PLACES])
    })

    it('201, 429: a rate has one burst for all of them', async () => {
      expectExactly(await askAll('slow', TIMES * BURST), BURST)
    })

    it('201, 200: what one has granted, each other shows, completes, and counts once', async () => {
      for (const [turn, first] of gateways.entries()) {
        const other = at((turn + 1) % gateways.length)
        const before = await first.level('tenant-stored')
        const body = uploadBody(`acme/alice/from-${turn}`)
        const headers = { 'idempotency-key': `shared-${turn}` }
        const created = await first.call('POST', '/v1/uploads', body, { headers })
        const repeated = await other.call('POST', '/v1/uploads', body, { headers })
        expect([created.status, repeated.status]).toEqual([201, 201])
        const upload = (await created.json()) as Granted
        expect(((await repeated.json()) as Granted).id).toBe(upload.id)
        expect(await put(upload)).toBe(200)
        const completed = await Promise.all(
          [first, other].map((gateway) => gateway.complete(upload.id)),
        )
        expect(completed.map(({ status }) => status)).toEqual([200, 200])
        for (const gateway of gateways) {
          expect(await gateway.status(upload.id)).toBe('completed')
          const { used } = await gateway.level('tenant-stored')
          expect(used).toBe(before.used + 1_000)
        }
      }
    })

    it('201, 204: a key that is made at one works at the others, and revoked at another at none', async () => {
      const allow = [{ operations: ['upload'], buckets: ['media'], prefix: 'acme/alice/' }]
      const made = await at(0).admin('POST', 'tenants/acme/keys', {
        id: 'shared',
        user: 'alice',
        allow,
      })
      expect(made.status).toBe(201)
      const { secret } = (await made.json()) as { secret: string }
      const headers = { authorization: `Bearer ${secret}` }
      const answeredBy = async (status: number) => {
        for (const { url } of gateways) {
          await until(`all answer ${status}`, async () => {
            return (await fetch(`${url}/v1/usage`, { headers })).status === status
          })
        }
      }
      await answeredBy(200)
      expect((await at(1).admin('DELETE', 'tenants/acme/keys/shared')).status).toBe(204)
      await answeredBy(401)
    })
  }),
)
