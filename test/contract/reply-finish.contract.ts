import { describe, expect, it } from 'vitest'
import { KIND, MAX_AMOUNT, MAX_COUNTER, type ReserveCommand } from '../../src/ledger/port.ts'
import {
  type Asked,
  bytes,
  carried,
  countersOf,
  everyKind,
  landed,
  OBJECT,
  type OpenedLedger,
  ref,
  reserve,
  stored,
  TENANT,
  TTL_MS,
  USER,
} from './reservation-commands.ts'

const every = (amount: number): Asked[] => [{ subject: USER, quotas: everyKind(amount) }]

/** The three endings of a pending reservation, and amend. */
const ENDINGS = [{ op: 'S' as const, ...landed(10) }, { op: 'V' as const }, { op: 'X' as const }]

/** Settle, void, expire and amend. */
export function finishContract(open: () => Promise<OpenedLedger>): void {
  async function openWith(command: ReserveCommand): Promise<OpenedLedger> {
    const opened = await open()
    expect(await opened.ledger.admit(command)).toMatchObject({ code: 'OK' })
    return opened
  }

  describe('endings', () => {
    it('settle posts what landed, by the kind of each counter', async () => {
      const command = reserve('up_1', every(10))
      const { ledger } = await openWith(command)
      // bytes, uploads, requests, bytes at rest, slots, objects at rest
      expect(await countersOf(ledger, every(0))).toEqual([0, 10, 0, 10, 0, 10, 0, 10, 0, 10, 0, 10])
      const ending = { ...ref(command), op: 'S' as const, ...landed(7, 5, 1), note: '{"etag":"x"}' }
      expect(await ledger.finish(ending)).toEqual({
        code: 'OK',
        nowMs: expect.any(Number),
        over: 0,
      })
      expect(await countersOf(ledger, every(0))).toEqual([7, 0, 10, 0, 10, 0, 5, 0, 0, 0, 1, 0])
      expect(await ledger.find(command)).toMatchObject({
        state: 'S',
        actual: 7,
        note: '{"etag":"x"}',
      })
    })

    it.each(['V', 'X'] as const)('%s gives everything back but the requests', async (op) => {
      const command = reserve('up_1', every(10), { ttlMs: 1 })
      const { ledger, advance } = await openWith(command)
      await advance(2)
      expect(await ledger.finish({ ...ref(command), op })).toMatchObject({ code: 'OK', over: 0 })
      expect(await countersOf(ledger, every(0))).toEqual([0, 0, 0, 0, 10, 0, 0, 0, 0, 0, 0, 0])
      expect(await ledger.find(command)).toMatchObject({
        state: op,
        actual: -1,
        note: command.note,
      })
    })

    it('settle takes the signed change of an overwrite or a delete', async () => {
      const { ledger } = await openWith(reserve('up_1', every(10)))
      await ledger.finish({ ...ref(reserve('up_1', every(10))), op: 'S', ...landed(10) })
      const smaller = reserve('up_2', every(4))
      await ledger.admit(smaller)
      await ledger.finish({ ...ref(smaller), op: 'S', ...landed(4, 4 - 10, 0) })
      expect((await countersOf(ledger, every(0))).slice(6)).toEqual([4, 0, 0, 0, 1, 0])
      const gone = reserve('up_3', [{ subject: USER, quotas: everyKind(0) }])
      await ledger.admit(gone)
      await ledger.finish({ ...ref(gone), op: 'S', ...landed(0, -4, -1) })
      expect((await countersOf(ledger, every(0))).slice(6)).toEqual([0, 0, 0, 0, 0, 0])
    })

    it('settle records more than was reserved, and says by how much', async () => {
      const asked = [{ subject: USER, quotas: [bytes(10, 10, 30), stored(10, 10)] }]
      const command = reserve('up_1', asked)
      const { ledger } = await openWith(command)
      const reply = await ledger.finish({ ...ref(command), op: 'S', ...landed(13) })
      expect(reply).toMatchObject({ code: 'OK', over: 3 })
      expect(await countersOf(ledger, asked)).toEqual([13, 0, 13, 0])
      expect(await ledger.find(command)).toMatchObject({ over: 3, actual: 13 })
    })

    it.each(ENDINGS)('DUP: $op again changes nothing', async (ending) => {
      const command = reserve('up_1', every(10), { ttlMs: 1 })
      const { ledger, advance } = await openWith(command)
      await advance(2)
      await ledger.finish({ ...ref(command), ...ending, note: '{"first":1}' })
      const before = [await countersOf(ledger, every(0)), await ledger.find(command)]
      const again = await ledger.finish({ ...ref(command), ...ending, note: '{"second":1}' })
      expect(again).toMatchObject({ code: 'DUP', state: ending.op, note: '{"first":1}' })
      expect([await countersOf(ledger, every(0)), await ledger.find(command)]).toEqual(before)
    })

    it.each(
      ENDINGS.flatMap((first) => ENDINGS.map((second) => ({ first, second }))).filter(
        ({ first, second }) => first.op !== second.op,
      ),
    )('TERMINAL: $second.op after $first.op changes nothing', async ({ first, second }) => {
      const command = reserve('up_1', every(10), { ttlMs: 1 })
      const { ledger, advance } = await openWith(command)
      await advance(2)
      await ledger.finish({ ...ref(command), ...first })
      const before = [await countersOf(ledger, every(0)), await ledger.find(command)]
      const reply = await ledger.finish({ ...ref(command), ...second })
      const actual = first.op === 'S' ? 10 : -1
      expect(reply).toMatchObject({ code: 'TERMINAL', state: first.op, actual, note: command.note })
      expect([await countersOf(ledger, every(0)), await ledger.find(command)]).toEqual(before)
    })

    it('TERMINAL: settle with another size keeps the first', async () => {
      const command = reserve('up_1', every(10))
      const { ledger } = await openWith(command)
      await ledger.finish({ ...ref(command), op: 'S', ...landed(10) })
      const reply = await ledger.finish({ ...ref(command), op: 'S', ...landed(9) })
      expect(reply).toMatchObject({ code: 'TERMINAL', state: 'S', actual: 10 })
      expect((await countersOf(ledger, every(0)))[0]).toBe(10)
    })

    it('EARLY: expires nothing before its time, and everything after', async () => {
      const command = reserve('up_1', every(10), { ttlMs: 5_000 })
      const { ledger, advance } = await openWith(command)
      const early = await ledger.finish({ ...ref(command), op: 'X' })
      const record = await ledger.find(command)
      expect(early).toEqual({
        code: 'EARLY',
        nowMs: expect.any(Number),
        expMs: record?.expMs,
      })
      expect(record?.state).toBe('P')
      await advance(5_000)
      expect(await ledger.finish({ ...ref(command), op: 'X' })).toMatchObject({ code: 'OK' })
    })

    it('an amendment puts off the end and the next look: until then nothing expires', async () => {
      const command = reserve('up_1', every(10), { ttlMs: 1_000, lookMs: 1_000 })
      const { ledger, advance } = await openWith(command)
      const { expMs = 0 } = (await ledger.find(command)) ?? {}
      const later = { op: 'M' as const, expMs: expMs + 2_000, lookMs: 3_000 }
      expect(await ledger.finish({ ...ref(command), ...later })).toMatchObject({ code: 'OK' })
      expect(await ledger.find(command)).toMatchObject({ state: 'P', expMs: expMs + 2_000 })
      const claimed = async () => {
        const due = await ledger.claim({ partition: 0, limit: 9, leaseMs: 1 })
        return due.reservations.map(({ rid }) => rid)
      }
      // Past the first end and the first look, before the second ones.
      await advance(1_500)
      expect(await claimed()).toEqual([])
      const early = await ledger.finish({ ...ref(command), op: 'X' })
      expect(early).toMatchObject({ code: 'EARLY', expMs: expMs + 2_000 })
      expect(await countersOf(ledger, every(0))).toEqual([0, 10, 0, 10, 0, 10, 0, 10, 0, 10, 0, 10])
      await advance(1_500)
      expect(await claimed()).toEqual(['up_1'])
      expect(await ledger.finish({ ...ref(command), op: 'X' })).toMatchObject({ code: 'OK' })
      expect((await countersOf(ledger, every(0))).filter((_, at) => at % 2 === 1)).toEqual([
        0, 0, 0, 0, 0, 0,
      ])
    })

    it('UNKNOWN: ends nothing that it does not know', async () => {
      const { ledger } = await open()
      const command = reserve('up_1', every(10))
      for (const ending of [...ENDINGS, { op: 'M' as const }, { op: 'G' as const }]) {
        const reply = await ledger.finish({ ...ref(command), ...ending })
        expect(reply).toEqual({ code: 'UNKNOWN', nowMs: expect.any(Number) })
      }
      expect(await ledger.find(command)).toBeUndefined()
    })

    it.each([...ENDINGS, { op: 'M' as const, note: '{}', expMs: 9e12 }, { op: 'G' as const }])(
      'CONFLICT: $op with another fingerprint changes nothing',
      async (ending) => {
        const command = reserve('up_1', every(10), { ttlMs: 1 })
        const { ledger, advance } = await openWith(command)
        await advance(2)
        const before = [await countersOf(ledger, every(0)), await ledger.find(command)]
        const reply = await ledger.finish({ ...ref(command), ...ending, fingerprint: 'other' })
        expect(reply).toEqual({ code: 'CONFLICT', nowMs: expect.any(Number), state: 'P' })
        expect([await countersOf(ledger, every(0)), await ledger.find(command)]).toEqual(before)
      },
    )

    it('CORRUPT: never takes a counter below nothing, and writes no other one either', async () => {
      const asked = [{ subject: USER, quotas: [bytes(10, 100, 30), stored(10, 100)] }]
      const command = reserve('up_1', asked)
      const { ledger } = await openWith(command)
      const reply = await ledger.finish({ ...ref(command), op: 'S', ...landed(10, -1) })
      expect(reply).toEqual({ code: 'CORRUPT', nowMs: expect.any(Number), position: 2 })
      expect(await countersOf(ledger, asked)).toEqual([0, 10, 0, 10])
      expect(await ledger.find(command)).toMatchObject({ state: 'P' })
      const right = await ledger.finish({ ...ref(command), op: 'S', ...landed(10, 0) })
      expect(right).toMatchObject({ code: 'OK' })
    })

    it('CORRUPT: never takes a counter above 2^52, where every sum is exact', async () => {
      const asked = [{ subject: TENANT, quotas: [stored(0, MAX_AMOUNT)] }]
      const { ledger } = await openWith(reserve('up_0', asked))
      const credit = async (n: number, storedDelta: number) => {
        const named = carried(asked, `adj_${n}`)
        await ledger.finish({ ...named, op: 'A', expMs: 1 })
        return ledger.finish({ ...named, op: 'S', ...landed(0, storedDelta, 0) })
      }
      for (const n of [1, 2, 3]) expect(await credit(n, MAX_AMOUNT)).toMatchObject({ code: 'OK' })
      expect(await credit(4, MAX_AMOUNT - 1)).toMatchObject({ code: 'OK' })
      for (const n of [5, 6, 7, 8, 9]) {
        const reply = await credit(n, MAX_AMOUNT)
        expect(reply).toEqual({ code: 'CORRUPT', nowMs: expect.any(Number), position: 1 })
      }
      expect(await countersOf(ledger, asked)).toEqual([MAX_COUNTER - 1, 0])
      expect(await credit(10, 1)).toMatchObject({ code: 'OK' })
      expect(await credit(11, 1)).toMatchObject({ code: 'CORRUPT' })
      // A counter that is full takes nothing that is pending, either, and gives back what it has.
      const more = carried([{ subject: TENANT, quotas: [stored(1, MAX_AMOUNT)] }], 'up_more')
      expect(await ledger.finish({ ...more, op: 'A', expMs: 1 })).toMatchObject({ code: 'CORRUPT' })
      expect(await credit(12, -MAX_AMOUNT)).toMatchObject({ code: 'OK' })
      expect(await countersOf(ledger, asked)).toEqual([MAX_COUNTER - MAX_AMOUNT, 0])
    })

    it('CORRUPT: says so when the counters of a reservation are gone', async () => {
      const command = reserve('up_1', every(10))
      const { ledger } = await openWith(command)
      const elsewhere = { ...ref(command), subjects: ['uZZZZZZZZZZZZZZZZ'] }
      const reply = await ledger.finish({ ...elsewhere, op: 'V' })
      expect(reply).toMatchObject({ code: 'CORRUPT', position: 1 })
      expect(await ledger.find(command)).toMatchObject({ state: 'P' })
    })

    it('CORRUPT: ends nothing for fewer subjects than it was reserved for', async () => {
      const lock = [{ id: 1, kind: KIND.slot, amount: 1, limit: 1 }]
      const asked = [...every(10), { subject: OBJECT, quotas: lock }]
      const command = reserve('up_1', asked)
      const { ledger } = await openWith(command)
      const reply = await ledger.finish({ ...ref(command), subjects: [USER], op: 'V' })
      expect(reply).toMatchObject({ code: 'CORRUPT', position: 7 })
      expect(await ledger.find(command)).toMatchObject({ state: 'P' })
      expect(await countersOf(ledger, asked)).toEqual([...Array(6).fill([0, 10]).flat(), 0, 1])
    })

    it('settles in the window of the reservation, not in the one that runs', async () => {
      const at = (window: number, amount = 0) => [
        { subject: USER, quotas: [bytes(amount, 100, window)] },
      ]
      const older = reserve('up_1', at(60, 30))
      const { ledger } = await openWith(older)
      const newer = reserve('up_2', at(61, 50))
      await ledger.admit(newer)
      await ledger.finish({ ...ref(older), op: 'S', ...landed(30) })
      expect(await countersOf(ledger, at(61))).toEqual([0, 50])
      await ledger.finish({ ...ref(newer), op: 'S', ...landed(50) })
      expect(await countersOf(ledger, at(61))).toEqual([50, 0])
    })

    it('keeps two windows: a reservation still older ends, and counts no more', async () => {
      const at = (window: number, amount = 0) => [
        { subject: USER, quotas: [bytes(amount, 100, window)] },
      ]
      const commands = [60, 61, 62].map((window) => reserve(`up_${window}`, at(window, 10)))
      const { ledger } = await open()
      for (const command of commands) await ledger.admit(command)
      for (const command of commands) {
        const reply = await ledger.finish({ ...ref(command), op: 'S', ...landed(10) })
        expect(reply).toMatchObject({ code: 'OK' })
      }
      expect(await countersOf(ledger, at(62))).toEqual([10, 0])
    })
  })

  describe('amend', () => {
    it('changes the note, and the end only to a later one', async () => {
      const command = reserve('up_1', every(10))
      const { ledger } = await openWith(command)
      const { expMs = 0 } = (await ledger.find(command)) ?? {}
      await ledger.finish({ ...ref(command), op: 'M', note: '{"upload":"a"}', expMs: expMs - 1 })
      expect(await ledger.find(command)).toMatchObject({ note: '{"upload":"a"}', expMs })
      const reply = await ledger.finish({ ...ref(command), op: 'M', expMs: expMs + 1 })
      expect(reply).toMatchObject({ code: 'OK', over: 0 })
      const record = await ledger.find(command)
      expect(record).toMatchObject({ state: 'P', note: '{"upload":"a"}', expMs: expMs + 1 })
    })

    it('EXISTS: changes nothing where another note is there than the one that was read', async () => {
      const command = reserve('up_1', every(10))
      const { ledger } = await openWith(command)
      const read = { ...ref(command), op: 'M' as const, ifNote: command.note }
      const first = await ledger.finish({ ...read, note: '{"upload":"a"}' })
      const before = await ledger.find(command)
      const late = await ledger.finish({ ...read, note: '{"upload":"b"}', expMs: 9e12, lookMs: 1 })
      expect(first).toMatchObject({ code: 'OK' })
      expect(late).toMatchObject({ code: 'EXISTS', state: 'P', note: '{"upload":"a"}' })
      expect(await ledger.find(command)).toEqual(before)
    })

    it('moves the end that expiring goes by', async () => {
      const command = reserve('up_1', every(10), { ttlMs: 1_000 })
      const { ledger, nowMs, advance } = await openWith(command)
      await ledger.finish({ ...ref(command), op: 'M', expMs: (await nowMs()) + TTL_MS })
      await advance(1_000)
      expect(await ledger.finish({ ...ref(command), op: 'X' })).toMatchObject({ code: 'EARLY' })
    })

    it.each(ENDINGS)('TERMINAL: changes nothing after $op', async (ending) => {
      const command = reserve('up_1', [{ subject: USER, quotas: [stored(10, 99)] }], { ttlMs: 1 })
      const { ledger, advance } = await openWith(command)
      await advance(2)
      await ledger.finish({ ...ref(command), ...ending })
      const before = await ledger.find(command)
      const reply = await ledger.finish({ ...ref(command), op: 'M', note: '{}', expMs: 9e12 })
      expect(reply).toMatchObject({ code: 'TERMINAL', state: ending.op })
      expect(await ledger.find(command)).toEqual(before)
    })
  })

  it('counts a slot for an amount of nothing as nothing', async () => {
    const asked = [{ subject: USER, quotas: [{ id: 1, kind: KIND.slot, amount: 0, limit: 0 }] }]
    const command = reserve('up_1', asked)
    const { ledger } = await openWith(command)
    expect(await ledger.finish({ ...ref(command), op: 'V' })).toMatchObject({ code: 'OK' })
    expect(await countersOf(ledger, asked)).toEqual([0, 0])
  })
}
