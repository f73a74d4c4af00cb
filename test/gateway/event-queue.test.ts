import { describe, expect, it } from 'vitest'
import type { Config } from '../../src/config/config.ts'
import { GatewayError } from '../../src/errors.ts'
import { createEventQueue } from '../../src/gateway/events/queue.ts'
import type { EventHint, EventOutcome } from '../../src/gateway/events/settle-by-event.ts'
import { createLogger } from '../../src/log.ts'
import type { StoreEvent } from '../../src/stores/events/store-event.ts'
import { settingsOf } from '../stores/events/events-fixture.ts'
import { exampleBucket, examplePlacement, exampleStore } from '../stores/store-fixture.ts'
import { eventsIn } from '../support/log-lines.ts'
import { TestClock } from '../support/test-clock.ts'
import { until } from '../support/until.ts'

const SETTLED: EventOutcome = { outcome: 'settled', reason: 'settled' }
const ENOUGH_MS = 10_000

const byText = (a: string, b: string) => a.localeCompare(b)

let ids = 0

function event(key: string, changes: Partial<StoreEvent> = {}): StoreEvent {
  ids += 1
  return { shape: 'minio', bucket: 'bkt', keys: [key], type: 'created', id: `id${ids}`, ...changes }
}

function away(): GatewayError {
  return new GatewayError('StoreUnavailable', 'Cannot reach the store: it is away')
}

/** A queue for the stores `main` and `other`, whose looks are what a test makes of them. */
function openQueue({
  settle = async () => SETTLED,
  prefix = '',
  capacity = 10_000,
}: {
  settle?: (store: string, hint: EventHint) => Promise<EventOutcome>
  prefix?: string
  capacity?: number
} = {}) {
  const names = ['main', 'other']
  const stores = new Map(
    names.map((name) => [name, exampleStore({ name, events: settingsOf('minio') })]),
  )
  const placements = names.map((name) =>
    examplePlacement({ store: exampleStore({ name }), prefix }),
  ) as unknown as ReturnType<typeof exampleBucket>['placements']
  const config = {
    stores,
    buckets: new Map([['media', exampleBucket({ placements })]]),
  } as unknown as Pick<Config, 'buckets' | 'stores'>
  const looks: string[] = []
  const counted: Record<string, number> = {}
  const lines: string[] = []
  const queue = createEventQueue({
    config: () => config,
    log: createLogger({
      write: (line) => lines.push(line),
      clock: new TestClock(),
      level: 'debug',
    }),
    telemetry: {
      eventHandled({ outcome, reason, events }) {
        counted[`${outcome} ${reason}`] = (counted[`${outcome} ${reason}`] ?? 0) + events
      },
    },
    settle(store, hint) {
      looks.push(`${store} ${hint.type} ${hint.keys.join(' ')}`)
      return settle(store, hint)
    },
    capacity,
    pauseMs: 1,
  })
  return { queue, looks, counted, lines }
}

/** Looks that wait until they are let go. */
function gate() {
  const waiting: (() => void)[] = []
  return {
    waiting,
    settle: () => new Promise<EventOutcome>((resolve) => waiting.push(() => resolve(SETTLED))),
    /** Lets all go that wait, and those that come, until nothing comes any more. */
    async open() {
      while (waiting.length > 0) {
        for (const go of waiting.splice(0)) go()
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  }
}

describe('the queue of events', () => {
  it('looks after everything that it has taken, each object once', async () => {
    const { queue, looks, counted } = openQueue()
    queue.take('main', [event('a'), event('b')])
    queue.take('other', [event('a')])
    await queue.stop(ENOUGH_MS)
    expect(looks.toSorted(byText)).toEqual(['main created a', 'main created b', 'other created a'])
    expect(counted).toEqual({ 'settled settled': 3 })
  })

  it('does nothing for an event that was delivered before, in this delivery or another', async () => {
    const { queue, looks, counted } = openQueue()
    const once = event('a')
    queue.take('main', [once, once])
    queue.take('main', [once])
    // An id means something within its store only.
    queue.take('other', [once])
    await queue.stop(ENOUGH_MS)
    expect(looks).toEqual(['main created a', 'other created a'])
    expect(counted).toMatchObject({ 'ignored repeated': 2 })
  })

  it.each([
    ['minio', '182178E8B3728CAB', '182178E8B3728CAC'],
    ['aws', 'FF', '0100'],
    // 0x6B09C6A9 s and 0x1816E132 ns after 0x17328969 ns: its bytes stand the other way round.
    ['ceph', 'A9C6096B89693217', 'A9C6096BE32F4B18'],
    ['ceph', 'FFC6096B00000000', '00C7096B00000000'],
  ] as const)('ignores an older sequencer of the same key: %s', async (shape, older, newer) => {
    const { queue, looks, counted } = openQueue()
    queue.take('main', [event('a', { shape, sequencer: newer })])
    await until('it was looked after', async () => looks.length === 1)
    queue.take('main', [event('a', { shape, sequencer: older })])
    queue.take('main', [event('b', { shape, sequencer: older })])
    queue.take('main', [event('b', { shape, sequencer: newer })])
    await queue.stop(ENOUGH_MS)
    expect(counted).toMatchObject({ 'ignored older': 1 })
    expect(looks.filter((look) => look.endsWith(' a'))).toHaveLength(1)
  })

  it('looks after a removal however old: it names the upload that is gone', async () => {
    const { queue, looks } = openQueue()
    queue.take('main', [event('a', { sequencer: '02' })])
    queue.take('main', [event('a', { type: 'removed', sequencer: '01', ticket: 'sealed' })])
    await queue.stop(ENOUGH_MS)
    expect(looks).toEqual(['main created a', 'main removed a'])
  })

  it.each([
    ['foreign-bucket', event('a', { bucket: 'another' })],
    ['foreign-key', event('elsewhere/a')],
    ['foreign-key', event('in')],
    ['invalid-key', event('in//../a')],
    ['invalid-key', event('in/a', { keys: [] })],
    ['invalid-key', event(`in/${'a'.repeat(1_022)}`)],
    ['probe', event('in/.signet-probe/0123/1')],
    ['other', event('in/a', { type: 'other' })],
    ['versioned', event('in/a', { type: 'removed', versionId: 'v1' })],
  ])('ignores what is none of ours, and counts it: %s', async (reason, foreign) => {
    const { queue, looks, counted } = openQueue({ prefix: 'in/', capacity: 1 })
    queue.take('main', [foreign, event(`in/${'a'.repeat(1_021)}`)])
    await queue.stop(ENOUGH_MS)
    expect(counted).toEqual({ [`ignored ${reason}`]: 1, 'settled settled': 1 })
    expect(looks).toHaveLength(1)
  })

  it('503: takes a delivery whole or not at all, and what it refused may come again', async () => {
    const { waiting, settle, open } = gate()
    const { queue, looks, counted } = openQueue({ settle, capacity: 3 })
    queue.take('main', [event('a'), event('b')])
    expect(queue.hasRoom('main')).toBe(true)
    const both = [event('c'), event('d')]
    expect(() => queue.take('main', both)).toThrowError(
      expect.objectContaining({ code: 'Overloaded', status: 503 }),
    )
    expect(counted).toEqual({ 'refused full': 2 })
    queue.take('main', [event('e')])
    expect(queue.hasRoom('main')).toBe(false)
    // Another store has room of its own.
    expect(queue.hasRoom('other')).toBe(true)
    await until('all have begun', async () => waiting.length === 3)
    await open()
    queue.take('main', both)
    await until('the rest has begun', async () => waiting.length === 2)
    await open()
    await queue.stop(ENOUGH_MS)
    expect(looks.toSorted(byText).join()).toBe(
      ['a', 'b', 'c', 'd', 'e'].map((k) => `main created ${k}`).join(),
    )
  })

  it('looks after eight objects of a store at once, and never two events of one object', async () => {
    const { waiting, settle, open } = gate()
    const { queue, looks } = openQueue({ settle })
    for (let at = 0; at < 20; at += 1) queue.take('main', [event(`k${at}`)])
    queue.take('main', [event('k0', { type: 'removed', ticket: 't' })])
    queue.take('other', [event('k')])
    await until('the first have begun', async () => waiting.length === 9)
    expect(looks.filter((look) => look.startsWith('main'))).toHaveLength(8)
    expect(looks).not.toContain('main removed k0')
    await open()
    await queue.stop(ENOUGH_MS)
    expect(looks).toHaveLength(22)
  })

  it('joins events of an object that wait, and looks again for one that comes during a look', async () => {
    const { waiting, settle, open } = gate()
    const { queue, looks } = openQueue({ settle, capacity: 2 })
    queue.take('main', [event('a')])
    await until('it has begun', async () => waiting.length === 1)
    for (let at = 0; at < 50; at += 1) queue.take('main', [event('a')])
    await open()
    await queue.stop(ENOUGH_MS)
    expect(looks).toEqual(['main created a', 'main created a'])
  })

  it('tries again when the store gives no answer, later each time', async () => {
    let left = 6
    const settle = async () => {
      left -= 1
      if (left >= 0) throw away()
      return SETTLED
    }
    const { queue, counted } = openQueue({ settle })
    queue.take('main', [event('a')])
    await queue.stop(ENOUGH_MS)
    expect(counted).toEqual({ 'settled settled': 1 })
  })

  it('gives up what waits for a store that stays away, after few looks, and says so once', async () => {
    const settle = async () => {
      throw away()
    }
    const { queue, looks, counted, lines } = openQueue({ settle })
    for (let at = 0; at < 1_000; at += 1) queue.take('main', [event(`k${at}`)])
    await until('nothing waits', async () => counted['failed store-away'] !== undefined)
    await queue.stop(0)
    expect(Object.values(counted).reduce((sum, count) => sum + count, 0)).toBe(1_000)
    expect(looks.length).toBeLessThan(20)
    expect(eventsIn(lines, 'event.no_answer')).toMatchObject([{ code: 'StoreUnavailable' }])
    expect(lines.filter((line) => line.includes('event.given_up'))).toHaveLength(1)
  })

  it('gives up one object that the store cannot show, and goes on with all others', async () => {
    const settle = async (_: string, { keys }: EventHint) => {
      if (keys[0] === 'bad') throw away()
      return SETTLED
    }
    const { queue, looks, counted } = openQueue({ settle })
    queue.take('main', [event('bad')])
    for (let at = 0; at < 200; at += 1) queue.take('main', [event(`k${at}`)])
    await queue.stop(ENOUGH_MS)
    expect(counted).toEqual({ 'settled settled': 200, 'failed no-answer': 1 })
    expect(looks.filter((look) => look.endsWith(' bad')).length).toBeLessThan(20)
  })

  it('does not try again what is broken on our side', async () => {
    const settle = async () => {
      throw new TypeError('broken')
    }
    const { queue, looks, counted } = openQueue({ settle })
    queue.take('main', [event('a')])
    await queue.stop(ENOUGH_MS)
    expect([looks.length, counted]).toEqual([1, { 'failed error': 1 }])
  })

  it('stops when its time is over: waits for what is under way, and leaves the rest', async () => {
    const { waiting, settle, open } = gate()
    const { queue, looks, counted } = openQueue({ settle })
    for (let at = 0; at < 10; at += 1) queue.take('main', [event(`k${at}`)])
    const stopped = queue.stop(0)
    await until('the rest is left', async () => counted['failed stopped'] !== undefined)
    expect(() => queue.take('main', [event('late')])).toThrowError(
      expect.objectContaining({ code: 'Overloaded' }),
    )
    await open()
    await stopped
    expect([looks.length, waiting.length]).toEqual([8, 0])
    expect(counted).toMatchObject({ 'settled settled': 8, 'failed stopped': 2 })
  })

  it('stops at once in a hurry', async () => {
    const { settle, open } = gate()
    const { queue, counted } = openQueue({ settle })
    for (let at = 0; at < 10; at += 1) queue.take('main', [event(`k${at}`)])
    const hurry = Promise.withResolvers<void>()
    const stopped = queue.stop(ENOUGH_MS, hurry.promise)
    hurry.resolve()
    await until('the rest is left', async () => counted['failed stopped'] === 2)
    await open()
    await stopped
  })

  it('keeps no ticket that is longer than a list of real ones', async () => {
    const tickets: (string | undefined)[] = []
    const settle = async (_: string, { ticket }: EventHint) => {
      tickets.push(ticket)
      return SETTLED
    }
    const { queue } = openQueue({ settle })
    queue.take('main', [event('a', { type: 'removed', ticket: 't'.repeat(4_096) })])
    queue.take('main', [event('b', { type: 'removed', ticket: 't'.repeat(4_097) })])
    await queue.stop(ENOUGH_MS)
    expect(tickets).toEqual(['t'.repeat(4_096), undefined])
  })
})
