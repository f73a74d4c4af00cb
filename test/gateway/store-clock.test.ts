import { afterEach, expect, it } from 'vitest'
import { createHealthChecks } from '../../src/gateway/health-checks.ts'
import { sweep } from '../../src/gateway/sweep.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { TestClock } from '../support/test-clock.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import {
  openTestGateway,
  type TestGateway,
  type TestGatewayOptions,
  uploadBody,
} from '../support/test-gateway.ts'

const WITH_ALL = { ...CAPABLE_STORE.capabilities, postPolicy: 'yes', multipart: 'yes' }
const KEY = 'acme/alice/cat.jpg'
const UNAVAILABLE = { status: 503, code: 'StoreUnavailable' } as const
const TEN_MINUTES = 600

let gateway: TestGateway
afterEach(() => gateway.close())

/** A gateway whose store says what time it is, by `aheadSeconds` of our own clock, when it is asked. */
async function open(options: TestGatewayOptions = {}) {
  gateway = await openTestGateway({ store: { capabilities: WITH_ALL }, ...options })
  const { context, clock } = gateway
  const store = { aheadSeconds: 0, looks: 0 }
  const see = () => {
    const nowMs = clock.nowMs()
    const dateMs = nowMs + store.aheadSeconds * 1000
    const main = context.config.stores.get('main')
    if (main === undefined) throw new Error('no store')
    const seen = { dateMs, sentAtMs: nowMs, receivedAtMs: nowMs, failed: false }
    context.storeHealth.answered(main, seen)
  }
  const storeClient: StoreClient = {
    ...context.storeClient,
    createMultipart: async () => 'an-upload-id',
    async headBucket() {
      store.looks += 1
      see()
    },
  }
  Object.assign(context, { storeClient })
  return {
    store,
    /** The store's clock from now on, and one look at it. */
    setAhead(seconds: number) {
      store.aheadSeconds = seconds
      see()
      see()
    },
  }
}

const post = (path: string, body: unknown, headers = {}) =>
  gateway.call('POST', path, body, { headers })

it.each([
  [0, 201],
  [TEN_MINUTES - 1, 201],
  [TEN_MINUTES, 503],
  [-TEN_MINUTES, 201],
  [-TEN_MINUTES - 1, 503],
  [86_400, 503],
])('a store %d s ahead of us, to the second that a Date has: %d', async (seconds, status) => {
  const { setAhead } = await open()
  setAhead(seconds)
  expect((await post('/v1/uploads', uploadBody())).status).toBe(status)
})

it('503: every way to a grant, with when to ask again; nothing is charged, kept or signed', async () => {
  const allow = { 'acme/alice': [{ operations: ['upload', 'overwrite', 'download'] }] }
  const { setAhead } = await open({ allow })
  const parts = uploadBody({ key: 'acme/alice/parts', mode: 'multipart', sizeBytes: 6 * 2 ** 20 })
  const made = (await (await post('/v1/uploads', parts)).json()) as { id: string }
  const again = { 'idempotency-key': 'again' }
  expect((await post('/v1/uploads', uploadBody({ key: 'acme/alice/again' }), again)).status).toBe(
    201,
  )
  setAhead(-1_200)
  const before = stateOf(gateway)
  const ways: readonly [string, () => Response | Promise<Response>][] = [
    ['put', () => post('/v1/uploads', uploadBody())],
    ['post', () => post('/v1/uploads', uploadBody({ mode: 'post' }))],
    ['parts', () => post('/v1/uploads', { ...parts, key: 'acme/alice/more' })],
    ['overwrite', () => post('/v1/uploads', uploadBody({ overwrite: true }))],
    ['again', () => post('/v1/uploads', uploadBody({ key: 'acme/alice/again' }), again)],
    ['dry run', () => post('/v1/uploads?dryRun=true', uploadBody())],
    ['batch', () => post('/v1/uploads/batch', { items: [uploadBody()] })],
    ['more parts', () => post(`/v1/uploads/${made.id}/parts`, { partNumbers: [1] })],
    ['download', () => post('/v1/downloads', { bucket: 'media', key: KEY })],
    ['downloads', () => post('/v1/downloads', { items: [{ bucket: 'media', key: KEY }] })],
    ['open', () => gateway.call('GET', `/v1/objects/media/${KEY}`)],
  ]
  for (const [way, ask] of ways) {
    const answer = await ask()
    expect([way, answer.headers.get('retry-after')]).toEqual([way, '10'])
    const { detail } = await expectRefused(answer, UNAVAILABLE, { gateway, before })
    expect(detail).toMatch(/^Cannot sign for this store: its clock is 1(?:199|200) s off ours/)
  }
})

it('goes by what has been seen: a clock that nobody has measured refuses nothing', async () => {
  await open()
  expect((await post('/v1/uploads', uploadBody())).status).toBe(201)
})

it('503: the ledger’s clock is off, by which grants are dated, though ours is right', async () => {
  const clock = new TestClock()
  const ledgerClock = new TestClock(clock.nowMs() + 1_200_000)
  const ledger = openMemoryLedger({ clock: ledgerClock })
  const { setAhead } = await open({ clock, overrides: { ledger } })
  setAhead(0)
  // The first decision tells what time it is there.
  expect((await post('/v1/uploads', uploadBody())).status).toBe(201)
  const again = () => post('/v1/uploads', uploadBody({ key: 'acme/alice/2' }))
  await expectRefused(await again(), UNAVAILABLE)
  // A ledger in this process never goes back: the others come after it.
  clock.advance(601_000)
  setAhead(0)
  await sweep(gateway.context)
  expect((await again()).status).toBe(201)
})

it('measures again when it refuses, in the background and every ten seconds at most, and so it heals', async () => {
  const { store, setAhead } = await open()
  setAhead(1_200)
  const flood = async () => {
    for (let n = 0; n < 5; n += 1) {
      await expectRefused(await post('/v1/uploads', uploadBody()), UNAVAILABLE)
    }
  }
  await flood()
  expect(store.looks).toBe(1)
  gateway.clock.advance(9_999)
  await flood()
  expect(store.looks).toBe(1)
  store.aheadSeconds = 3
  gateway.clock.advance(1)
  await expectRefused(await post('/v1/uploads', uploadBody()), UNAVAILABLE)
  // What it shows is new, so it is looked at twice.
  expect(store.looks).toBe(3)
  expect((await post('/v1/uploads', uploadBody())).status).toBe(201)
  expect(gateway.context.storeHealth.of('main').clockOffsetSeconds).toBe(4)
  const metrics = (await gateway.context.readMetrics?.()) ?? ''
  expect(metrics).toMatch(/signet_store_clock_offset_seconds\{store="main".*\} 3.5\b/)
})

it('is kept in view when nothing else asks the store, and left alone when something does', async () => {
  const { store, setAhead } = await open()
  store.aheadSeconds = -1_200
  const { clock, context } = gateway
  // No rest is cut short.
  const checks = createHealthChecks({ ...context, random: (n) => new Uint8Array(n) }, clock)
  const look = async () => {
    checks.begin()
    await new Promise(setImmediate)
    return store.looks
  }
  expect(await look()).toBe(1)
  await expectRefused(await post('/v1/uploads', uploadBody()), UNAVAILABLE)
  clock.advance(59_999)
  const { looks } = store
  expect(await look()).toBe(looks)
  setAhead(-1_200)
  clock.advance(59_999)
  expect(await look()).toBe(looks)
  clock.advance(1)
  expect(await look()).toBe(looks + 1)
  // It was set, and shows another time: that counts when it is seen twice, so it is looked at twice.
  store.aheadSeconds = 0
  clock.advance(60_000)
  expect(await look()).toBe(looks + 3)
  expect((await post('/v1/uploads', uploadBody())).status).toBe(201)
  await checks.stop()
  clock.advance(60_000)
  expect(await look()).toBe(looks + 3)
})
