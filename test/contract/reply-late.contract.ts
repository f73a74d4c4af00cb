import { describe, expect, it } from 'vitest'
import {
  type Asked,
  bytes,
  carried,
  countersOf,
  everyKind,
  landed,
  NOTE,
  type OpenedLedger,
  ref,
  reserve,
  stored,
  USER,
} from './reservation-commands.ts'

const every = (amount: number): Asked[] => [{ subject: USER, quotas: everyKind(amount) }]
const total = (amount: number, limit: number): Asked[] => [
  { subject: USER, quotas: [stored(amount, limit)] },
]
const late = (asked: readonly Asked[], rid: string, actualBytes: number) => ({
  op: 'L' as const,
  ...carried(asked, rid),
  ...landed(actualBytes),
})

/** Late objects, condemned ones, and reservations put back. */
export function lateContract(open: () => Promise<OpenedLedger>): void {
  describe('late', () => {
    it.each(['V', 'X'] as const)(
      'OK: an object after %s is posted like a settled one',
      async (op) => {
        const { ledger, advance } = await open()
        const command = reserve('up_1', every(10), { ttlMs: 1 })
        await ledger.admit(command)
        await advance(2)
        await ledger.finish({ ...ref(command), op })
        const reply = await ledger.finish({ ...late(every(10), 'up_1', 9), note: '{"late":1}' })
        expect(reply).toMatchObject({ code: 'OK', over: 0 })
        // Its requests were spent when it ended: 10, not 20.
        expect(await countersOf(ledger, every(0))).toEqual([9, 0, 10, 0, 10, 0, 9, 0, 0, 0, 1, 0])
        const record = await ledger.find(command)
        expect(record).toMatchObject({ state: 'S', actual: 9, note: '{"late":1}' })
      },
    )

    it('OK: an object of an unknown record is posted with its requests', async () => {
      const { ledger } = await open()
      expect(await ledger.finish(late(every(10), 'up_1', 9))).toMatchObject({ code: 'OK' })
      expect(await countersOf(ledger, every(0))).toEqual([9, 0, 10, 0, 10, 0, 9, 0, 0, 0, 1, 0])
      const again = await ledger.finish(late(every(10), 'up_1', 9))
      expect(again).toMatchObject({ code: 'EXISTS', state: 'S', actual: 9 })
    })

    it('EXISTS: leaves alone what is pending, settled or condemned', async () => {
      const { ledger } = await open()
      const pending = reserve('up_1', total(10, 100))
      await ledger.admit(pending)
      const settled = reserve('up_2', total(10, 100))
      await ledger.admit(settled)
      await ledger.finish({ ...ref(settled), op: 'S', ...landed(10) })
      expect(await ledger.finish(late(total(10, 15), 'up_3', 10))).toMatchObject({ code: 'DENIED' })
      const before = await countersOf(ledger, total(0, 0))
      for (const [rid, state] of Object.entries({ up_1: 'P', up_2: 'S', up_3: 'D' })) {
        const reply = await ledger.finish(late(total(10, 100), rid, 10))
        expect(reply).toMatchObject({ code: 'EXISTS', state })
      }
      expect(await countersOf(ledger, total(0, 0))).toEqual(before)
    })

    it('DENIED: condemns what does not fit any more, names the limits, and charges nothing', async () => {
      const { ledger, advance } = await open()
      const asked = (amount: number, limit: number) => [
        { subject: USER, quotas: [stored(amount, limit), bytes(amount, 1_000, 30)] },
      ]
      await ledger.admit(reserve('up_1', asked(60, 100)))
      const reply = await ledger.finish(late(asked(41, 100), 'up_2', 41))
      expect(reply).toEqual({ code: 'DENIED', nowMs: expect.any(Number), denied: [1] })
      expect(await countersOf(ledger, asked(0, 0))).toEqual([0, 60, 0, 60])
      expect(await ledger.find({ partition: 0, rid: 'up_2' })).toMatchObject({ state: 'D' })
      await advance(1_000)
      const due = await ledger.claim({ partition: 0, limit: 10, leaseMs: 5_000 })
      expect(due.reservations.map(({ rid }) => rid)).toEqual(['up_2'])
      const fits = await ledger.finish(late(asked(40, 100), 'up_3', 40))
      expect(fits).toMatchObject({ code: 'OK' })
    })

    it('DENIED: a condemned object is never let in again, not even once it is gone', async () => {
      const { ledger, advance } = await open()
      await ledger.finish(late(total(10, 9), 'up_1', 10))
      const named = { partition: 0, rid: 'up_1', fingerprint: 'fp', subjects: [USER] }
      const gone = await ledger.finish({ ...named, op: 'G', note: '{"gone":1}' })
      expect(gone).toMatchObject({ code: 'OK', over: 0 })
      expect(await ledger.find(named)).toMatchObject({ state: 'D', note: '{"gone":1}' })
      await advance(10_000)
      const due = await ledger.claim({ partition: 0, limit: 10, leaseMs: 5_000 })
      expect(due.reservations).toEqual([])
      const again = await ledger.finish(late(total(10, 100), 'up_1', 10))
      expect(again).toMatchObject({ code: 'EXISTS', state: 'D' })
      for (const ending of [{ op: 'V' as const }, { op: 'S' as const, ...landed(10) }]) {
        const reply = await ledger.finish({ ...named, ...ending })
        expect(reply).toMatchObject({ code: 'TERMINAL', state: 'D' })
      }
      expect(await countersOf(ledger, total(0, 0))).toEqual([0, 0])
    })

    it('TERMINAL: gone closes nothing that was not condemned', async () => {
      const { ledger } = await open()
      const command = reserve('up_1', total(10, 100))
      await ledger.admit(command)
      const reply = await ledger.finish({ ...ref(command), op: 'G' })
      expect(reply).toMatchObject({ code: 'TERMINAL', state: 'P' })
      expect(await ledger.find(command)).toMatchObject({ state: 'P' })
    })

    it('CONFLICT: late, gone and re-assert with another fingerprint change nothing', async () => {
      const { ledger } = await open()
      await ledger.finish(late(total(10, 9), 'up_1', 10))
      const other = carried(total(1, 99), 'up_1', 'other')
      const replies = [
        await ledger.finish({ op: 'L', ...other, ...landed(1) }),
        await ledger.finish({ op: 'A', ...other, expMs: 9e12 }),
        await ledger.finish({ op: 'G', ...other }),
      ]
      for (const reply of replies) expect(reply).toMatchObject({ code: 'CONFLICT', state: 'D' })
      expect(await countersOf(ledger, total(0, 0))).toEqual([0, 0])
    })

    it('CORRUPT: a late object that would take a total below nothing is not recorded', async () => {
      const { ledger } = await open()
      const asked = [{ subject: USER, quotas: [bytes(1, 100, 30), stored(1, 100)] }]
      const wrong = { ...late(asked, 'up_1', 1), storedDelta: -1 }
      expect(await ledger.finish(wrong)).toMatchObject({ code: 'CORRUPT', position: 2 })
      expect(await ledger.find({ partition: 0, rid: 'up_1' })).toBeUndefined()
      expect(await countersOf(ledger, asked)).toEqual([0, 0, 0, 0])
    })

    it('charges a late object to the window of its reservation', async () => {
      const { ledger } = await open()
      const at = (window: number, amount = 0) => [
        { subject: USER, quotas: [bytes(amount, 100, window)] },
      ]
      await ledger.admit(reserve('up_1', at(60, 10)))
      await ledger.admit(reserve('up_2', at(61, 10)))
      for (const [rid, window] of Object.entries({ up_3: 59, up_4: 60, up_5: 61 })) {
        const reply = await ledger.finish(late(at(window, 5), rid, 5))
        expect(reply).toMatchObject({ code: 'OK' })
      }
      expect(await countersOf(ledger, at(61))).toEqual([5, 10])
    })
  })

  describe('re-assert', () => {
    it('puts a missing reservation back without admission, and reports the overdraft', async () => {
      const { ledger } = await open()
      await ledger.admit(reserve('up_1', total(60, 100)))
      const missing = { op: 'A' as const, ...carried(total(50, 100), 'up_2'), expMs: 9e12 }
      expect(await ledger.finish(missing)).toMatchObject({ code: 'OK', over: 10 })
      expect(await countersOf(ledger, total(0, 0))).toEqual([0, 110])
      const record = { state: 'P', expMs: 9e12, note: NOTE, actual: -1 }
      expect(await ledger.find(missing)).toMatchObject(record)
      const settle = { ...missing, op: 'S' as const, ...landed(50) }
      expect(await ledger.finish(settle)).toMatchObject({ code: 'OK' })
      expect(await countersOf(ledger, total(0, 0))).toEqual([50, 60])
    })

    it('EXISTS: leaves alone what is there, whatever has become of it', async () => {
      const { ledger } = await open()
      const command = reserve('up_1', total(60, 100))
      await ledger.admit(command)
      const again = { op: 'A' as const, ...carried(total(60, 100), 'up_1'), expMs: 9e12 }
      expect(await ledger.finish(again)).toMatchObject({ code: 'EXISTS', state: 'P' })
      await ledger.finish({ ...ref(command), op: 'V' })
      expect(await ledger.finish(again)).toMatchObject({ code: 'EXISTS', state: 'V' })
      expect(await countersOf(ledger, total(0, 0))).toEqual([0, 0])
    })

    it('is looked at by the sweeper when it says', async () => {
      const { ledger, advance } = await open()
      await ledger.finish({ op: 'A', ...carried(total(1, 9), 'up_1'), expMs: 9e12 })
      await advance(1_000)
      const due = await ledger.claim({ partition: 0, limit: 10, leaseMs: 5_000 })
      expect(due.reservations).toMatchObject([{ rid: 'up_1', state: 'P', expMs: 9e12 }])
    })

    it('carries an adjustment: nothing held, then a signed delta, once', async () => {
      const { ledger } = await open()
      const total0 = total(0, 0)
      await ledger.finish(late(total(100, 100), 'up_1', 100))
      const adjustment = { op: 'A' as const, ...carried(total0, 'adj_1'), expMs: 9e12 }
      expect(await ledger.finish(adjustment)).toMatchObject({ code: 'OK', over: 0 })
      const posted = { ...adjustment, op: 'S' as const, ...landed(0, -30, 0) }
      expect(await ledger.finish(posted)).toMatchObject({ code: 'OK' })
      expect(await ledger.finish(posted)).toMatchObject({ code: 'DUP' })
      expect(await countersOf(ledger, total0)).toEqual([70, 0])
    })
  })
}
