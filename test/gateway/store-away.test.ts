import { afterEach, beforeEach, expect, it } from 'vitest'
import { sweep } from '../../src/gateway/sweep.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { eventsIn } from '../support/log-lines.ts'
import { openRawStore, type RawReply, type RawStore, rawAnswer } from '../support/raw-store.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import {
  openTestGateway,
  type TestGateway,
  type TestGatewayOptions,
  uploadBody,
} from '../support/test-gateway.ts'
import { UNTIL_RELEASED_MS } from './gateway-on-store.ts'

const MINUTE_MS = 60_000
const WITH_PARTS = { ...CAPABLE_STORE.capabilities, multipart: 'yes', writeOnceMultipart: 'yes' }
const UNAVAILABLE = { status: 503, code: 'StoreUnavailable' } as const

let raw: RawStore
let gateway: TestGateway
beforeEach(async () => {
  raw = await openRawStore()
})
afterEach(async () => {
  await gateway.close()
  await raw[Symbol.asyncDispose]()
})

async function open(store: TestGatewayOptions['store'] = {}): Promise<void> {
  gateway = await openTestGateway({
    store: { endpoint: raw.url, maxTransferSeconds: 60, capabilities: WITH_PARTS, ...store },
    allow: {
      'acme/alice': [{ operations: ['upload', 'overwrite', 'download', 'list', 'delete'] }],
    },
  })
}

async function create(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const body = uploadBody({ key: `acme/alice/${n}` })
    expect((await gateway.call('POST', '/v1/uploads', body)).status).toBe(201)
  }
}

const away = rawAnswer(503)
/** Nothing is there, by a clock that goes with ours. */
const gone: RawReply = (socket) =>
  rawAnswer(404, { date: new Date(gateway.clock.nowMs()).toUTCString() })(socket)

const pending = async () => {
  const answer = await gateway.call('GET', '/v1/uploads?status=pending&limit=1000')
  return ((await answer.json()) as { uploads: unknown[] }).uploads.length
}

const changes = () =>
  ['store.away', 'store.back'].filter((event) => eventsIn(gateway.log, event).length === 1)

it('the sweeper releases nothing, counts no look that was spared, and the log has a line, not one for each', async () => {
  await open()
  const count = 20
  await create(count)
  raw.reply(() => away)
  gateway.clock.advance(UNTIL_RELEASED_MS)
  // Each reservation comes up each time, and one of them tries the store.
  for (let n = 0; n < 30; n += 1) {
    await sweep(gateway.context)
    gateway.clock.advance(10 * MINUTE_MS)
  }
  expect(await pending()).toBe(count)
  expect(eventsIn(gateway.log, 'sweep.stuck')).toEqual([])
  expect(changes()).toEqual(['store.away'])
  // Those that were under way together when it turned out to be away.
  expect(eventsIn(gateway.log, 'sweep.failed').length).toBeLessThanOrEqual(16)

  raw.reply(() => gone)
  for (let n = 0; n < 3; n += 1) {
    gateway.clock.advance(10 * MINUTE_MS)
    await sweep(gateway.context)
  }
  expect(await pending()).toBe(0)
  expect(changes()).toEqual(['store.away', 'store.back'])
})

it('503 at once and before anything is charged, for all that has to ask the store; the rest goes on', async () => {
  await open()
  await create(1)
  raw.reply(() => rawAnswer(200, {}, MADE))
  const body = uploadBody({ key: 'acme/alice/parts', mode: 'multipart' })
  const made = (await (await gateway.call('POST', '/v1/uploads', body)).json()) as { id: string }
  raw.reply(() => away)
  for (let n = 0; n < 5; n += 1) await gateway.call('HEAD', '/v1/objects/media/acme/alice/0')
  const levels = await usage()
  const asked = raw.asked.length
  const ways: readonly (() => Response | Promise<Response>)[] = [
    () => gateway.call('POST', '/v1/uploads', uploadBody({ overwrite: true })),
    () => gateway.call('POST', '/v1/uploads?dryRun=true', uploadBody({ overwrite: true })),
    () => gateway.call('POST', '/v1/uploads', { ...body, key: 'acme/alice/more' }),
    () => gateway.call('POST', `/v1/uploads/${made.id}/complete`, {}),
    () => gateway.call('DELETE', '/v1/objects/media/acme/alice/0'),
    () => gateway.call('GET', '/v1/objects/media'),
  ]
  for (const ask of ways) {
    const answer = await ask()
    expect(answer.headers.get('retry-after')).toBe('5')
    await expectRefused(answer, UNAVAILABLE, { gateway })
  }
  expect((await gateway.call('HEAD', '/v1/objects/media/acme/alice/0')).status).toBe(503)
  expect([await usage(), raw.asked.length]).toEqual([levels, asked])
  const granted = uploadBody({ key: 'acme/alice/put' })
  expect((await gateway.call('POST', '/v1/uploads', granted)).status).toBe(201)
  const metrics = (await gateway.context.readMetrics?.()) ?? ''
  expect(metrics).toMatch(/signet_store_breaker\{store="main".*\} 1\b/)
  expect(metrics).toMatch(/signet_store_refused_total\{store="main",why="away".*\} [1-9]/)
  expect(metrics).toMatch(/signet_store_in_flight\{store="main".*\} 0\b/)
})

it('keeps turns for callers while the sweeper waits for a store that hangs', async () => {
  await open({ maxConcurrentCalls: 4, timeoutMs: 2_000 })
  await create(20)
  gateway.clock.advance(UNTIL_RELEASED_MS)
  const held: Parameters<RawReply>[0][] = []
  raw.reply(() => (socket) => held.push(socket))
  const swept = sweep(gateway.context)
  await expect.poll(() => held.length).toBe(2)
  expect(gateway.context.storeHealth.of('main')).toMatchObject({ inFlight: 2, waiting: 14 })
  raw.reply(() => gone)
  const look = await gateway.call('HEAD', '/v1/objects/media/acme/alice/0')
  expect([look.status, held.length]).toEqual([404, 2])
  for (const socket of held) gone(socket)
  await swept
  expect(gateway.context.storeHealth.of('main')).toMatchObject({ inFlight: 0, waiting: 0 })
})

const MADE =
  '<?xml version="1.0"?><InitiateMultipartUploadResult><UploadId>one</UploadId></InitiateMultipartUploadResult>'

async function usage(): Promise<unknown> {
  return ((await (await gateway.call('GET', '/v1/usage')).json()) as { limits: unknown }).limits
}
