import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHealthChecks, type HealthChecks } from '../../src/gateway/health-checks.ts'
import { eventsIn } from '../support/log-lines.ts'
import { openRawStore, type RawReply, type RawStore, rawAnswer } from '../support/raw-store.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import {
  openTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from '../support/test-gateway.ts'

const SECOND_MS = 1_000
/** A busy machine is no silent store. */
const PATIENT = { first: 60_000, next: 60_000 }
const POLL = { interval: 5, timeout: 10_000 }
const there = rawAnswer(200)
const away = rawAnswer(503)
const silence: RawReply = () => {}

let raw: RawStore
let gateway: TestGateway
let checks: HealthChecks
let endTrouble: () => void
beforeEach(async () => {
  raw = await openRawStore()
  raw.reply(() => there)
})
afterEach(async () => {
  endTrouble()
  await checks.stop()
  await gateway.close()
  await raw[Symbol.asyncDispose]()
})

/** Two stores behind one bucket, `main` and one where nobody listens; rests are as long as they may be. */
async function open(
  store: TestGatewayOptions['store'] = {},
  { alone = false, cutRests = 0, silentMs = PATIENT } = {},
): Promise<void> {
  const placements = [
    { store: 'main', bucket: 'media-prod' },
    ...(alone ? [] : [{ store: 'other', bucket: 'media-else' }]),
  ]
  gateway = await openTestGateway({
    store: { endpoint: raw.url, timeoutMs: 60_000, ...store },
    stores: { other: { healthCheckSeconds: 0 } },
    bucket: { placements },
  })
  const { context, clock } = gateway
  const random = (length: number) => new Uint8Array(length).fill(cutRests)
  checks = createHealthChecks(Object.assign(context, { random }), clock, { silentMs })
  endTrouble = context.storeHealth.onTrouble(checks.trouble)
}

const health = () => gateway.context.storeHealth.of('main')
const isDown = () => gateway.context.storeHealth.isDown('main')
const look = () => gateway.call('HEAD', '/v1/objects/media/acme/alice/x')

/** Begins what is due; answers how many requests the store has had when that is over. */
async function begin(): Promise<number> {
  checks.begin()
  await checks.settled()
  return raw.asked.length
}

async function advance(ms: number): Promise<number> {
  gateway.clock.advance(ms)
  return begin()
}

describe('a store that is checked', () => {
  it('is asked by one signed HEAD of its bucket, at once and then every 5 s where objects can go elsewhere', async () => {
    await open()
    expect([await begin(), raw.asked[0]]).toEqual([1, 'HEAD /media-prod HTTP/1.1'])
    expect([await begin(), await advance(4_999)]).toEqual([1, 1])
    expect([await advance(1), await advance(4_999), await advance(1)]).toEqual([2, 2, 3])
  })

  it.each<[string, TestGatewayOptions['store'], { alone?: boolean; cutRests?: number }, number]>([
    ['every 60 s where they cannot', {}, { alone: true }, 60_000],
    ['as often as it is said', { healthCheckSeconds: 7 }, {}, 7_000],
    ['up to a fifth sooner, by chance', {}, { cutRests: 255 }, 4_000],
  ])('is asked %s', async (_, store, how, everyMs) => {
    await open(store, how)
    expect([await begin(), await advance(everyMs - 1), await advance(1)]).toEqual([1, 1, 2])
  })

  it('is never asked where it is said so, and not by the other names of the configuration', async () => {
    await open({ healthCheckSeconds: 0 })
    expect([await begin(), await advance(3_600 * SECOND_MS)]).toEqual([0, 0])
  })

  it('is left alone while calls show that it answers', async () => {
    await open()
    await begin()
    for (let n = 0; n < 4; n += 1) {
      gateway.clock.advance(4_000)
      await look()
      await begin()
    }
    expect(raw.asked.filter((line) => line.startsWith('HEAD /media-prod '))).toHaveLength(1)
  })

  it('is asked anew when its settings are replaced: at another address, at once', async () => {
    await open()
    expect(await begin()).toBe(1)
    const { context } = gateway
    const { stores, buckets } = context.config
    const moved = await openRawStore()
    moved.reply(() => there)
    const main = { ...stores.get('main'), endpoint: moved.url } as never
    const media = buckets.get('media')
    const [first, ...others] = media?.placements ?? []
    const placements = [{ ...first, store: main }, ...others]
    const config = {
      ...context.config,
      stores: new Map([...stores, ['main', main]]),
      buckets: new Map([['media', { ...media, placements }]]),
    }
    context.live.storeTruth.reconfigure(config as never)
    context.storeHealth.reconfigure(config.stores.values() as never)
    await begin()
    expect(moved.asked).toHaveLength(1)
    await advance(4_999)
    expect(moved.asked).toHaveLength(1)
    await advance(1)
    expect(moved.asked).toHaveLength(2)
    await moved[Symbol.asyncDispose]()
  })
})

describe('a store that goes away', () => {
  it('is down by the one check that fails, for that is repeated at once; then it is tried once a second', async () => {
    await open()
    await begin()
    raw.reply(() => away)
    expect([await advance(4_999), isDown()]).toEqual([1, false])
    expect([await advance(1), isDown()]).toEqual([6, true])
    expect([await begin(), await advance(999), await advance(1)]).toEqual([6, 6, 7])
    expect([await advance(999), await advance(1), isDown()]).toEqual([7, 8, true])
    raw.reply(() => there)
    expect([await advance(SECOND_MS), isDown()]).toEqual([9, false])
  })

  it('is not down when the second look is answered', async () => {
    await open()
    await begin()
    let asked = 0
    raw.reply(() => {
      asked += 1
      return asked === 1 ? away : there
    })
    expect([await advance(5_000), isDown(), health().timesDown]).toEqual([3, false, 0])
  })

  it('is down by the first call that fails, where nothing is due; that is asked once a second at most', async () => {
    await open()
    await begin()
    raw.reply((line) => (line.includes('/x ') ? away : there))
    gateway.clock.advance(SECOND_MS)
    expect([(await look()).status, await begin()]).toEqual([503, 3])
    // The bucket answers, and one call that failed is no reason to ask it all the time.
    await look()
    expect([await begin(), await advance(999), await advance(1)]).toEqual([4, 4, 5])
    raw.reply(() => away)
    gateway.clock.advance(SECOND_MS)
    await look()
    await checks.settled()
    expect([isDown(), health().timesDown]).toEqual([true, 1])
  })

  it('is down although its bucket answers, when five calls in a row fail, and up by the next check', async () => {
    await open()
    raw.reply((line) => (line.includes('/x ') ? away : there))
    for (let n = 0; n < 4; n += 1) {
      await look()
      await advance(SECOND_MS)
      expect(isDown()).toBe(false)
    }
    await look()
    expect(isDown()).toBe(true)
    await advance(SECOND_MS)
    expect(isDown()).toBe(false)
  })

  it('that is silent has five looks under way before the first one fails, so that it is down when they do', async () => {
    await open({}, { silentMs: { first: 20, next: 10 } })
    const held: Parameters<RawReply>[0][] = []
    raw.reply(() => (socket) => held.push(socket))
    checks.begin()
    await expect.poll(() => held.length, POLL).toBe(5)
    expect(health()).toMatchObject({ breaker: 'closed', inFlight: 5 })
    expect(health().lastFailureAt).toBeUndefined()
    for (const socket of held) socket.resetAndDestroy()
    await checks.settled()
    expect([raw.asked.length, isDown(), health().timesDown]).toEqual([5, true, 1])
  })

  it('that is silent is tried by five looks at once at most, and one of them that is answered will do', async () => {
    await open({ timeoutMs: 60_000 })
    endTrouble()
    const main = gateway.context.config.stores.get('main')
    if (main === undefined) throw new Error('no store')
    const seen = { sentAtMs: 0, receivedAtMs: 0, failed: true }
    for (let n = 0; n < 5; n += 1) gateway.context.storeHealth.answered(main, seen)
    const held: Parameters<RawReply>[0][] = []
    raw.reply(() => (socket) => held.push(socket))
    for (let n = 1; n <= 8; n += 1) {
      gateway.clock.advance(SECOND_MS)
      checks.begin()
      await expect.poll(() => held.length, POLL).toBe(Math.min(n, 5))
    }
    const [, second] = held
    if (second !== undefined) there(second)
    await expect.poll(isDown, POLL).toBe(false)
    for (const socket of held) there(socket)
    await checks.settled()
    expect(raw.asked).toHaveLength(5)
  })

  it('stops at once, whatever hangs, and what is given up says nothing of the store', async () => {
    await open({ timeoutMs: 60_000 })
    raw.reply(() => silence)
    checks.begin()
    await expect.poll(() => raw.asked.length, POLL).toBe(1)
    await checks.stop()
    expect(health()).toMatchObject({ breaker: 'closed', inFlight: 0, timesDown: 0 })
    expect(health().lastFailureAt).toBeUndefined()
    expect(await advance(3_600 * SECOND_MS)).toBe(1)
  })
})

describe('what is told of checks', () => {
  it('what operators see of a store: how it does, since when, and what the last check showed', async () => {
    await open()
    await begin()
    expect(health()).toEqual({
      breaker: 'closed',
      inFlight: 0,
      waiting: 0,
      timesDown: 0,
      lastAnswerAt: '2026-01-15T12:00:00Z',
      lastCheck: { at: '2026-01-15T12:00:00Z', outcome: 'answered', status: 200, tookMs: 0 },
    })
    raw.reply(() => away)
    await advance(5_000)
    expect(health()).toMatchObject({
      breaker: 'open',
      timesDown: 1,
      downSince: '2026-01-15T12:00:05Z',
      lastAnswerAt: '2026-01-15T12:00:00Z',
      lastFailureAt: '2026-01-15T12:00:05Z',
      lastCheck: { at: '2026-01-15T12:00:05Z', outcome: 'failed', status: 503 },
    })
    raw.reply(() => rawAnswer(403))
    await advance(SECOND_MS)
    expect(health()).toMatchObject({ breaker: 'closed', lastCheck: { status: 403 } })
    expect(health().downSince).toBeUndefined()
    const answer = await gateway.admin.request('/admin/v1/stores', {
      headers: { authorization: `Bearer ${TEST_ADMIN_TOKEN}` },
    })
    const { stores } = (await answer.json()) as { stores: Record<string, unknown>[] }
    expect(stores).toMatchObject([
      { name: 'main', healthCheckSeconds: 5, health: health() },
      { name: 'other', healthCheckSeconds: 0, health: { breaker: 'closed', timesDown: 0 } },
    ])
  })

  it('metrics count checks, and when it went and came back; the log has one line for each', async () => {
    await open()
    await begin()
    raw.reply(() => away)
    await advance(5_000)
    const during = (await gateway.context.readMetrics?.()) ?? ''
    expect(during).toMatch(/^signet_store_up\{store="main".*\} 0$/m)
    raw.reply(() => there)
    await advance(SECOND_MS)
    await advance(30_000)
    const after = (await gateway.context.readMetrics?.()) ?? ''
    for (const [line, value] of [
      ['signet_store_up\\{store="main"', 1],
      ['signet_store_checks_total\\{store="main",outcome="answered"', 3],
      ['signet_store_checks_total\\{store="main",outcome="failed"', 5],
      ['signet_store_transitions_total\\{store="main",state="open"', 1],
      ['signet_store_transitions_total\\{store="main",state="closed"', 1],
      ['signet_store_breaker\\{store="main"', 0],
    ]) {
      expect(after).toMatch(new RegExp(`^${line}.*\\} ${value}$`, 'm'))
    }
    expect(eventsIn(gateway.log, 'store.').map(({ event }) => event)).toEqual([
      'store.away',
      'store.back',
    ])
  })
})
