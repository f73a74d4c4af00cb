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

/** Room for so many uploads, and how many are asked for. */
const PLACES = 60
const ASKED = 4 * PLACES
/** Downloads that may come at once; one more takes an hour. */
const BURST = 40

/** Limits of the users `counted` and `slow`. */
const LIMITS = {
  counted: {
    quotas: [{ policy: 'objects', per: 'user', unit: 'objects', limit: PLACES, window: 'month' }],
  },
  slow: {
    rates: [{ policy: 'requests', per: 'user', requests: 1, windowSeconds: 3_600, burst: BURST }],
  },
}

describeOnRuntimes(({ bun }) =>
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
      const shared = {
        ...settings,
        plans: { ...(settings.plans as object), ...LIMITS },
        // Exactness is shown here, not speed: a busy machine may be slow to sync.
        ledger: { commandTimeoutMs: 5_000 },
      }
      const file = join(directory.path, 'init.json')
      await writeFile(file, JSON.stringify(shared))
      await initialiseLedger({ file, apiKey: '' })
      const runtimes = [NODE, bunRuntime(bun)]
      for (const running of await Promise.all(
        runtimes.map((runtime) => runtime.start(shared, directory.path)),
      )) {
        closing.use(running)
        gateways.push(underTest({ ...running, store, storeBucket, keys }))
      }
    })
    afterAll(() => closing.disposeAsync())

    /** So many requests at once, each gateway its share; answers the statuses by gateway. */
    async function fromAll(
      times: number,
      send: (gateway: GatewayUnderTest, index: number) => Promise<Response>,
    ): Promise<number[][]> {
      const statuses = gateways.map((): number[] => [])
      await Promise.all(
        Array.from({ length: times }, async (_, index) => {
          const turn = index % gateways.length
          const gateway = at(turn)
          // As a client does that is told to come back: until there is a decision.
          for (;;) {
            const response = await send(gateway, index)
            await response.bytes()
            if (response.status === 503) continue
            statuses[turn]?.push(response.status)
            return
          }
        }),
      )
      return statuses
    }

    function at(turn: number): GatewayUnderTest {
      const gateway = gateways[turn]
      if (gateway === undefined) throw new Error(`there is no gateway ${turn}`)
      return gateway
    }

    const count = (statuses: readonly number[][], status: number) =>
      statuses.flat().filter((each) => each === status).length

    it('201, 429: of four times as many uploads at once exactly the configured number is granted, by both', async () => {
      const who = 'acme/counted'
      const statuses = await fromAll(ASKED, (gateway, index) =>
        gateway.call('POST', '/v1/uploads', uploadBody(`${who}/${index}`), {
          who,
          headers: { 'idempotency-key': `request-${index}` },
        }),
      )
      expect([count(statuses, 201), count(statuses, 429)]).toEqual([PLACES, ASKED - PLACES])
      expect(statuses.map((own) => own.includes(201))).toEqual(gateways.map(() => true))
      for (const gateway of gateways) {
        expect(await gateway.level('objects', who)).toEqual({ used: 0, pending: PLACES })
      }
      const { drift, records } = await ledgerAtRest(redis)
      expect([drift, records.size]).toEqual([[], PLACES])
    })

    it('200, 429: a rate has one burst between them', async () => {
      const who = 'acme/slow'
      const wanted = { bucket: 'media', key: `${who}/x` }
      const statuses = await fromAll(4 * BURST, (gateway) =>
        gateway.call('POST', '/v1/downloads', wanted, { who }),
      )
      expect([count(statuses, 200), count(statuses, 429)]).toEqual([BURST, 3 * BURST])
      expect(statuses.map((own) => own.includes(200))).toEqual(gateways.map(() => true))
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
