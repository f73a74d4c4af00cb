import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { Store } from '../../src/stores/store.ts'
import { createStoreHealth, isUnsent, type StoreHealth } from '../../src/stores/store-health.ts'
import { eventsIn } from '../support/log-lines.ts'
import {
  openRawStore,
  type RawReply,
  type RawStore,
  rawAnswer,
  rawBytes,
  rawReset,
} from '../support/raw-store.ts'
import { TestClock } from '../support/test-clock.ts'
import { exampleStore, placeOf } from './store-fixture.ts'

let raw: RawStore
beforeAll(async () => {
  raw = await openRawStore()
})
afterAll(() => raw[Symbol.asyncDispose]())

let clock: TestClock
let log: string[]
let health: StoreHealth
beforeEach(() => {
  clock = new TestClock()
  log = []
  const logger = createLogger({ write: (line) => log.push(line), clock })
  health = createStoreHealth({ clock, log: logger })
})

const OBJECT = { 'content-length': '5', etag: '"x"' }
const there = rawAnswer(200, OBJECT)
const away = rawAnswer(503)
const silence: RawReply = () => {}

function storeAt(changes: Partial<Store> = {}): Store {
  return exampleStore({ endpoint: raw.url, ...changes })
}

/** HEADs an object; answers what came of it, in a word. */
async function head(reply: RawReply, changes: Partial<Store> = {}): Promise<string> {
  raw.reply(() => reply)
  const client = createStoreClient({ fetch, clock, health })
  const place = placeOf('k', { store: storeAt(changes) })
  return client.head(place).then(
    ({ found }) => (found ? 'there' : 'not there'),
    (error) => (isUnsent(error) ? `${error.code}, unsent` : error.code),
  )
}

async function times(count: number, reply: RawReply, changes: Partial<Store> = {}) {
  const outcomes: string[] = []
  for (let n = 0; n < count; n += 1) outcomes.push(await head(reply, changes))
  return [...new Set(outcomes)]
}

const UNSENT = 'StoreUnavailable, unsent'
const events = () => eventsIn(log, 'store.').map(({ event, level, store }) => [event, level, store])

describe('the breaker of a store', () => {
  it.each<[string, RawReply, Partial<Store>?]>([
    ['a connection that is refused', silence, { endpoint: 'http://127.0.0.1:9' }],
    ['silence', silence, { timeoutMs: 30 }],
    ['a reset', rawReset('')],
    ['a head that breaks off', rawReset('HTTP/1.1 200 OK\r\n')],
    ['what is no HTTP', rawBytes('SSH-2.0-x\r\n')],
    ['502', rawAnswer(502)],
    ['503 SlowDown', away],
    ['429', rawAnswer(429)],
  ])('opens after five times %s, and not after four', async (_, reply, changes) => {
    expect(await times(4, reply, changes)).toEqual(['StoreUnavailable'])
    expect([health.of('main').breaker, events()]).toEqual(['closed', []])
    expect(await times(1, reply, changes)).toEqual(['StoreUnavailable'])
    const view = health.of('main')
    expect(view).toMatchObject({ breaker: 'open', lastFailureAt: '2026-01-15T12:00:00Z' })
    const before = raw.asked.length
    expect(await times(20, there)).toEqual([UNSENT])
    expect(raw.asked).toHaveLength(before)
    expect(events()).toEqual([['store.away', 'warn', 'main']])
  })

  it.each([501, 403, 404, 412, 400, 301, 200])(
    'stays closed for %d: that is an answer',
    async (status) => {
      await times(4, away)
      await times(1, rawAnswer(status))
      await times(4, away)
      expect(health.of('main').breaker).toBe('closed')
      expect(await times(1, there)).toEqual(['there'])
    },
  )

  it('takes 500 to a HEAD of an object for nothing: one name may be all that the store fails at', async () => {
    await times(4, away)
    expect(await times(20, rawAnswer(500))).toEqual(['StoreUnavailable'])
    expect(health.of('main')).toMatchObject({ breaker: 'closed', inFlight: 0 })
    await times(1, away)
    expect(health.of('main').breaker).toBe('open')
    clock.advance(5_000)
    expect(await times(1, rawAnswer(500))).toEqual(['StoreUnavailable'])
    expect(health.of('main')).toMatchObject({ breaker: 'open', inFlight: 0 })
  })

  it('counts 500 to whatever no caller can name', async () => {
    const client = createStoreClient({ fetch, clock, health })
    const { placement } = placeOf('k', { store: storeAt() })
    raw.reply(() => rawAnswer(500))
    for (let n = 0; n < 5; n += 1) await client.headBucket(placement).catch(() => {})
    expect(health.of('main').breaker).toBe('open')
  })

  it('counts a body that breaks off, and not one that is read or given up', async () => {
    const client = createStoreClient({ fetch, clock, health })
    const { placement } = placeOf('k', { store: storeAt() })
    const ask = () => client.list(placement, { prefix: '', limit: 1 }).catch(() => {})
    raw.reply(() => rawReset('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n<List'))
    for (let n = 0; n < 4; n += 1) await ask()
    raw.reply(() => rawAnswer(200, {}, 'x'.repeat(9 * 2 ** 20)))
    await ask()
    raw.reply(() => rawReset('HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n<List'))
    for (let n = 0; n < 4; n += 1) await ask()
    expect(health.of('main')).toMatchObject({ breaker: 'closed', inFlight: 0 })
    await ask()
    expect(health.of('main')).toMatchObject({ breaker: 'open', inFlight: 0 })
  })

  it('lets one call try in the store’s own time for one, and any answer closes it', async () => {
    await times(5, away)
    clock.advance(4_999)
    expect(await times(2, there)).toEqual([UNSENT])
    clock.advance(1)
    expect([await head(away), await head(there)]).toEqual(['StoreUnavailable', UNSENT])
    clock.advance(5_000)
    expect(await times(3, rawAnswer(404))).toEqual(['not there'])
    expect(health.of('main').breaker).toBe('closed')
    expect(events()).toEqual([['store.away', 'warn', 'main']])
    clock.advance(30_000)
    await head(there)
    expect(events().slice(1)).toEqual([['store.back', 'info', 'main']])
  })

  it.each([
    [100, 1_000],
    [60_000, 10_000],
  ])(
    'tries again not sooner than a second and not later than ten: %d ms, %d ms',
    async (timeoutMs, trialMs) => {
      const changes = { timeoutMs }
      await times(5, away, changes)
      clock.advance(trialMs - 1)
      expect(await head(there, changes)).toBe(UNSENT)
      clock.advance(1)
      expect(await head(there, changes)).toBe('there')
    },
  )

  it('is what placing asks: down while open, and asking takes no turn from the call that tries', async () => {
    await times(4, away)
    expect([health.isDown('main'), health.isDown('other')]).toEqual([false, false])
    await times(1, away)
    expect([health.isDown('main'), health.isDown('other')]).toEqual([true, false])
    clock.advance(5_000)
    expect([health.isDown('main'), health.isDown('main')]).toEqual([true, true])
    expect(await head(there)).toBe('there')
    expect(health.isDown('main')).toBe(false)
  })

  it('is down for a minute after the last failure: where nobody looks, only a new object shows that it is back', async () => {
    await times(5, away)
    clock.advance(30_000)
    expect(await head(away)).toBe('StoreUnavailable')
    clock.advance(59_999)
    expect(health.isDown('main')).toBe(true)
    clock.advance(1)
    expect([health.isDown('main'), health.of('main').breaker]).toEqual([false, 'open'])
    expect(await head(away)).toBe('StoreUnavailable')
    expect(health.isDown('main')).toBe(true)
  })

  it('says when to try again, how long it has been away, and nothing of other stores', async () => {
    await times(5, away)
    clock.advance(3_000)
    expect([health.awayMs('main'), health.awayMs('other')]).toEqual([3_000, undefined])
    expect(await head(there, { name: 'other' })).toBe('there')
    const asking = Promise.resolve().then(() => health.assertAnswers(storeAt()))
    await expect(asking).rejects.toMatchObject({
      code: 'StoreUnavailable',
      details: { retryAfterSeconds: 5 },
    })
    expect(() => health.assertAnswers(storeAt({ name: 'other' }))).not.toThrow()
    // The turn of the one that tries is not taken by asking.
    clock.advance(2_000)
    health.assertAnswers(storeAt())
    expect(await head(there)).toBe('there')
    expect(health.awayMs('main')).toBeUndefined()
  })
})

describe('the turns of a store', () => {
  const one = { maxConcurrentCalls: 1, timeoutMs: 10_000 }

  it('are taken until the body is read, and given back when it breaks off or nobody reads it', async () => {
    const client = createStoreClient({ fetch, clock, health })
    const { placement } = placeOf('k', { store: storeAt(one) })
    for (const reply of [
      rawAnswer(200, {}, 'x'),
      rawReset('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n'),
    ]) {
      raw.reply(() => reply)
      await client.list(placement, { prefix: '', limit: 1 }).catch(() => {})
      expect(health.of('main')).toMatchObject({ inFlight: 0, waiting: 0 })
    }
  })

  it('503 to all that wait at once when the store turns out to be away', async () => {
    const sockets: Parameters<RawReply>[0][] = []
    let isAway = false
    const held: RawReply = (socket) => {
      sockets.push(socket)
      if (isAway) socket.resetAndDestroy()
    }
    const five = { maxConcurrentCalls: 5, timeoutMs: 10_000 }
    const calls = Array.from({ length: 20 }, () => head(held, five))
    await expect.poll(() => sockets.length).toBe(5)
    expect(health.of('main')).toMatchObject({ inFlight: 5, waiting: 15 })
    isAway = true
    for (const socket of sockets) socket.resetAndDestroy()
    const outcomes = await Promise.all(calls)
    // Turns that come free before the fifth failure are taken.
    const sent = outcomes.filter((outcome) => outcome === 'StoreUnavailable').length
    expect(outcomes.filter((outcome) => outcome === UNSENT)).toHaveLength(20 - sent)
    expect(sent).toBeLessThan(10)
    expect(health.of('main')).toMatchObject({ breaker: 'open', inFlight: 0, waiting: 0 })
  })

  it('503: no turn in half of the call’s time, and that says nothing of the store', async () => {
    const slow = { maxConcurrentCalls: 1, timeoutMs: 60 }
    const outcomes = await Promise.all([head(silence, slow), head(silence, slow)])
    expect(outcomes.toSorted()).toEqual(['Overloaded, unsent', 'StoreUnavailable'])
  })
})

describe('the clock of a store', () => {
  const dated = (aheadSeconds: number, status = 200) =>
    rawAnswer(status, {
      ...OBJECT,
      date: new Date(clock.nowMs() + aheadSeconds * 1000).toUTCString(),
    })

  it.each([200, 403, 404, 503])('is seen by an answer of %d', async (status) => {
    await head(dated(90, status))
    expect(health.of('main')).toMatchObject({
      clockMeasuredAt: '2026-01-15T12:00:00Z',
      clockOffsetSeconds: expect.toSatisfy((seconds: number) => Math.abs(seconds - 90) <= 1),
    })
  })

  it('is not known without a Date that is one', async () => {
    for (const date of ['', 'soon', '2026']) await head(rawAnswer(200, { ...OBJECT, date }))
    await head(there)
    expect(health.of('main').clockOffsetSeconds).toBeUndefined()
    expect(health.clockOffsetMs('main')).toBeUndefined()
  })

  it('is told once when it comes to be off, when that gets worse, and when it is right again', async () => {
    const see = async (aheadSeconds: number) => {
      for (let n = 0; n < 5; n += 1) await head(dated(aheadSeconds))
      return events().map(([event, level]) => [event, level])
    }
    const off = ['store.clock_off', 'warn']
    const far = ['store.clock_off', 'error']
    const right = ['store.clock_right', 'info']
    expect(await see(59)).toEqual([])
    expect(await see(61)).toEqual([off])
    expect(await see(55)).toEqual([off])
    expect(await see(599)).toEqual([off])
    expect(await see(-601)).toEqual([off, far])
    expect(await see(595)).toEqual([off, far])
    expect(await see(300)).toEqual([off, far, off])
    expect(await see(-10)).toEqual([off, far, off, right])
  })

  it('is a fact of a refusal, for it explains many', async () => {
    const client = createStoreClient({ fetch, clock, health })
    raw.reply(() => dated(-1_200, 403))
    const look = client.head(placeOf('k', { store: storeAt() }))
    await expect(look).rejects.toMatchObject({
      code: 'StoreUnavailable',
      details: { facts: { status: 403, clockOffsetSeconds: expect.closeTo(-1_200, -1) } },
    })
  })
})

describe('a look of its own at a store', () => {
  it('runs one at a time, at most every ten seconds, and its errors are nobody’s', async () => {
    let looks = 0
    let end = () => {}
    const look = () => {
      looks += 1
      return new Promise<void>((_, reject) => {
        end = () => reject(new Error('away'))
      })
    }
    const again = () => health.lookAgain(storeAt(), look)
    again()
    clock.advance(60_000)
    again()
    expect(looks).toBe(1)
    end()
    await new Promise(setImmediate)
    again()
    end()
    await new Promise(setImmediate)
    clock.advance(9_999)
    again()
    expect(looks).toBe(2)
    clock.advance(1)
    again()
    expect(looks).toBe(3)
  })
})

it('what nobody waits for is asked in the background, whatever is asked', async () => {
  raw.reply(() => rawAnswer(404))
  const lanes: boolean[] = []
  const watched: StoreHealth = {
    ...health,
    visit: (store, call) => {
      lanes.push(call.background === true)
      return health.visit(store, call)
    },
  }
  const client = createStoreClient({ fetch, clock, health: watched })
  const place = placeOf('k', { store: storeAt() })
  for (const asked of [place, { ...place, background: true as const }]) {
    await client.head(asked)
    await client.acl(asked)
    await client.remove(asked)
  }
  expect(lanes).toEqual([false, false, false, true, true, true])
})

describe('the health of a store whose settings are replaced', () => {
  it('is as it was where it is the same store within the same bounds', async () => {
    await times(5, away)
    health.reconfigure([storeAt({ maxTransferSeconds: 7, credentials: storeAt().credentials })])
    expect(health.of('main').breaker).toBe('open')
  })

  it.each<[string, Partial<Store>[]]>([
    ['another address', [{ endpoint: 'http://127.0.0.1:9' }]],
    ['another bound on calls at once', [{ maxConcurrentCalls: 3 }]],
    ['another time for a call', [{ timeoutMs: 4_321 }]],
    ['no store of that name', []],
  ])('is unknown again: %s', async (_, stores) => {
    await times(5, away)
    health.reconfigure(stores.map(storeAt))
    const unknown = { breaker: 'closed', inFlight: 0, waiting: 0, timesDown: 0 }
    expect(health.of('main')).toEqual(unknown)
  })

  it('goes by the new bound on calls at once, also for who still has the old settings', async () => {
    const old = storeAt({ maxConcurrentCalls: 1 })
    const call = { background: false, patienceMs: 0 }
    await health.visit(old, call)
    health.reconfigure([storeAt({ maxConcurrentCalls: 2 })])
    await health.visit(old, call)
    await health.visit(old, call)
    await expect(health.visit(old, call)).rejects.toMatchObject({ code: 'Overloaded' })
  })
})
