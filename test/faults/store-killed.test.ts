import { setTimeout as pause } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { storeSettings } from '../gateway/gateway-on-store.ts'
import { callOver, prepareGateway, startGateway } from '../support/gateway-process.ts'
import { openKillableCeph } from '../support/stores/ceph-store.ts'
import {
  createTestBucket,
  describeOnSwift,
  type StoreUnderTest,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { until } from '../support/until.ts'
import type { Caller } from '../support/upload-load.ts'

const SIZE = 7
const WORKERS = 4
/** Between two uploads of a worker, in milliseconds. */
const PACE_MS = 20
const TIMEOUT_MS = 120_000

/** One upload of the load, as far as it came. */
interface Sent {
  readonly key: string
  readonly id: string
  readonly status: number
  /** Where the link led, and when it was issued. */
  readonly origin: string
  readonly atMs: number
  /** The store's answer; 0: none. */
  put: number
  completed: number
}

/** Uploads, each with its PUT and its `complete`, and looks at `old` objects between them. */
function openLoad(call: Caller, old: readonly string[]) {
  const sent: Sent[] = []
  const looks: { readonly key: string; readonly status: number; readonly url: string }[] = []
  let stopped = false
  const work = async (worker: number) => {
    for (let n = 0; !stopped; n += 1) {
      const key = `acme/alice/${worker}-${n}`
      sent.push(await upload(call, key))
      const wanted = old[(worker + n) % old.length]
      if (wanted !== undefined) looks.push({ key: wanted, ...(await linkTo(call, wanted)) })
      await pause(PACE_MS)
    }
  }
  const working = Promise.all(Array.from({ length: WORKERS }, (_, worker) => work(worker)))
  return {
    sent,
    looks,
    /** Uploads by the store that their links led to. */
    to: (origin: string) => sent.filter((each) => each.origin === origin),
    async stop() {
      stopped = true
      await working
    },
    async [Symbol.asyncDispose]() {
      stopped = true
      await working.catch(() => {})
    },
  }
}

async function upload(call: Caller, key: string): Promise<Sent> {
  const wanted = { bucket: 'media', key, sizeBytes: SIZE, contentType: 'text/plain' }
  const answer = await call('POST', '/v1/uploads', wanted)
  const atMs = performance.now()
  const { id = '', request } = (await answer.json()) as {
    id?: string
    request?: { url: string; headers: Record<string, string> }
  }
  const { url = 'none:', headers = {} } = request ?? {}
  const { origin } = new URL(url)
  const put = await statusOf(fetch(url, { method: 'PUT', headers, body: bodyOf(key) }))
  const completed = put === 0 ? 0 : await complete(call, id)
  return { key, id, status: answer.status, origin, atMs, put, completed }
}

const complete = (call: Caller, id: string) =>
  statusOf(call('POST', `/v1/uploads/${id}/complete`, {}))

async function linkTo(call: Caller, key: string): Promise<{ status: number; url: string }> {
  const answer = await call('POST', '/v1/downloads', { bucket: 'media', key })
  const { request } = (await answer.json()) as { request?: { url: string } }
  return { status: answer.status, url: request?.url ?? '' }
}

const bodyOf = (key: string) => key.slice(-SIZE).padStart(SIZE, '.')

/** 0: no answer. */
async function statusOf(answering: Promise<Response>): Promise<number> {
  return answering.then(
    async (answer) => {
      await answer.bytes()
      return answer.status
    },
    () => 0,
  )
}

describeOnSwift('a bucket in two stores of different make', (swift) => {
  it(
    'goes on in the other when one is killed under load; what was there is read when it is back, and counted once',
    async () => {
      await using closing = new AsyncDisposableStack()
      const directory = await openTemporaryDirectory()
      closing.defer(directory.close)
      const opened = await openKillableCeph()
      if (opened.kind === 'unavailable') throw new Error(opened.reason)
      const { ceph, kill, revive } = opened
      closing.defer(ceph.close)
      const buckets = { ceph: await createTestBucket(ceph), swift: await createTestBucket(swift) }
      const common = { probe: 'manual', timeoutMs: 2_000, healthCheckSeconds: 1 }
      const prepared = await prepareGateway(directory.path, {
        store: { ...storeSettings(ceph), ...common },
        stores: { other: { ...storeSettings(swift), ...common } },
        bucket: {
          placements: [
            { store: 'main', bucket: buckets.ceph },
            { store: 'other', bucket: buckets.swift },
          ],
        },
      })
      const gateway = closing.use(await startGateway(prepared))
      const call = callOver(gateway.url, prepared)
      const admin = (method: string, path: string, body?: unknown) =>
        fetch(`${gateway.adminUrl}/admin/v1/${path}`, {
          method,
          headers: {
            authorization: `Bearer ${TEST_ADMIN_TOKEN}`,
            'content-type': 'application/json',
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
        })

      const old = Array.from({ length: 5 }, (_, n) => `acme/alice/old-${n}`)
      const before = await Promise.all(old.map((key) => upload(call, key)))
      expect(before.map(({ origin, completed }) => [origin, completed])).toEqual(
        old.map(() => [ceph.endpoint, 200]),
      )

      await using load = openLoad(call, old)
      await until('the load runs', async () => load.sent.length >= 20)
      expect(load.sent.every((each) => each.completed === 200)).toBe(true)
      const killedMs = performance.now()
      await kill()
      await gateway.said(/"store\.away"/)
      const detectedMs = performance.now()
      const elsewhere = () => load.to(swift.endpoint)
      await until('links have led to the other store for a while', async () =>
        elsewhere().some(({ atMs }) => atMs > detectedMs + 1_500),
      )
      // The gateway answers of what was there: links at once, and what it cannot know with 503.
      expect((await call('HEAD', `/v1/objects/media/${old[0]}`)).status).toBe(503)
      expect((await call('GET', '/v1/objects/media')).status).toBe(503)
      const revivedMs = performance.now()
      await revive()
      const back = load.to(ceph.endpoint).length
      await until('links lead to the first again', async () => load.to(ceph.endpoint).length > back)
      await load.stop()

      // Every link was issued, and none led to the store that was gone a second after that was known.
      expect(new Set(load.sent.map(({ status }) => status))).toEqual(new Set([201]))
      expect(new Set(load.looks.map(({ status }) => status))).toEqual(new Set([200]))
      const misled = load
        .to(ceph.endpoint)
        .filter(({ atMs }) => atMs > detectedMs + 1_000 && atMs < revivedMs)
      expect(misled).toEqual([])
      // A check a second, and the four that follow it at once.
      expect(detectedMs - killedMs).toBeLessThan(5_000)
      // No other call was hurt: what went to the other store came there, and was seen there.
      expect(elsewhere().filter(({ completed }) => completed !== 200)).toEqual([])
      const hurt = load.to(ceph.endpoint).filter(({ completed }) => completed !== 200)
      expect(hurt.filter(({ completed }) => ![0, 503].includes(completed))).toEqual([])

      // Whatever came there can still be completed; what did not, is not there.
      for (const each of hurt) each.completed = await complete(call, each.id)
      const done = [...before, ...load.sent].filter(({ completed }) => completed === 200)
      const undone = load.sent.length + before.length - done.length
      for (const { key } of done) {
        const { status, url } = await linkTo(call, key)
        const got = await fetch(url)
        expect([key, status, got.status, await got.text()]).toEqual([key, 200, 200, bodyOf(key)])
        expect((await call('HEAD', `/v1/objects/media/${key}`)).status).toBe(200)
      }
      expect(await listedKeys(call)).toEqual(new Set(done.map(({ key }) => key)))

      const lying = (await bytesIn(ceph, buckets.ceph)) + (await bytesIn(swift, buckets.swift))
      const { limits } = (await (await call('GET', '/v1/usage')).json()) as Usage
      const stored = limits.find(({ policy }) => policy === 'tenant-stored')
      expect([stored?.used, stored?.pending]).toEqual([lying, undone * SIZE])
      expect(lying).toBe(done.length * SIZE)
      const audit = await admin('POST', 'ledger/audit', { stored: true })
      expect(await audit.json()).toMatchObject({
        found: { drifts: 0, index: 0, negative: 0, unreadable: 0, stored: 0 },
      })
    },
    TIMEOUT_MS,
  )
})

interface Usage {
  readonly limits: readonly {
    readonly policy: string
    readonly used: number
    readonly pending: number
  }[]
}

async function listedKeys(call: Caller): Promise<ReadonlySet<string>> {
  const keys = new Set<string>()
  let cursor: string | undefined
  do {
    const query = cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`
    const answer = await call('GET', `/v1/objects/media?limit=1000${query}`)
    const page = (await answer.json()) as { objects: { key: string }[]; nextCursor?: string }
    for (const { key } of page.objects) keys.add(key)
    cursor = page.nextCursor
  } while (cursor !== undefined)
  return keys
}

/** What a store itself says that it holds. */
async function bytesIn(store: StoreUnderTest, bucket: string): Promise<number> {
  const answer = await storeClient(store).fetch(`${store.endpoint}/${bucket}?list-type=2`)
  const sizes = (await answer.text()).matchAll(/<Size>(\d+)<\/Size>/g)
  return [...sizes].reduce((sum, [, size]) => sum + Number(size), 0)
}
