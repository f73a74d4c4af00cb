import { describe, expect, it } from 'vitest'
import { type Ledger, MAX_AMOUNT } from '../../src/ledger/port.ts'
import { finishOf, LIMIT, START_MS, wanted } from './ledger-commands.ts'
import { reserved } from './reserved.ts'

/** A driver under test. `advance` moves the ledger's own clock. */
export interface LedgerUnderTest {
  readonly ledger: Ledger
  advance(ms: number): void | Promise<void>
  close(): Promise<void>
}

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/**
 * What every driver of the port promises. The clock starts at `START_MS`. `steadyClock`: false for a
 * driver whose server's clock decides, which may step back.
 */
export function ledgerContract(
  name: string,
  openDriver: () => Promise<LedgerUnderTest>,
  { steadyClock = true }: { readonly steadyClock?: boolean } = {},
): void {
  async function within(use: (opened: LedgerUnderTest) => Promise<void>): Promise<void> {
    const opened = await openDriver()
    try {
      await use(opened)
    } finally {
      await opened.close()
    }
  }
  describe(`the ledger contract, ${name}`, () => {
    it('takes nothing at all when one of several limits refuses, and names all that do', () =>
      within(async ({ ledger }) => {
        const refused = await ledger.admit(wanted({ bytes: 101, limit: 100, burst: 0 }))
        expect(refused).toMatchObject({ code: 'DENIED', denied: [1, 2] })
        const next = await ledger.admit(wanted({ rid: 'up_2', bytes: 100, limit: 100, burst: 1 }))
        expect(next).toMatchObject({ code: 'OK', levels: [1_000_000, 0, 0, 0, 0] })
      }))

    it('lets the last byte in and refuses the next', () =>
      within(async (opened) => {
        await reserved(opened, { bytes: 99, limit: 100 })
        await reserved(opened, { rid: 'up_2', bytes: 1, limit: 100 })
        const refused = await opened.ledger.admit(wanted({ rid: 'up_3', bytes: 1, limit: 100 }))
        expect(refused).toMatchObject({ code: 'DENIED', denied: [2] })
      }))

    it('gives the last byte to exactly one of many that ask at once', () =>
      within(async ({ ledger }) => {
        const asked = Array.from({ length: 200 }, (_, n) =>
          ledger.admit(wanted({ rid: `up_${n}`, bytes: 10, limit: 100, burst: 1000 })),
        )
        const codes = (await Promise.all(asked)).map(({ code }) => code)
        expect(codes.filter((code) => code === 'OK')).toHaveLength(10)
        expect(codes.filter((code) => code === 'DENIED')).toHaveLength(190)
      }))

    it('a rate: 999 ms later refuses, 1,000 ms later grants', () =>
      within(async (opened) => {
        await reserved(opened, { burst: 1 })
        await opened.advance(999)
        const early = await opened.ledger.admit(wanted({ rid: 'up_2', burst: 1 }))
        expect(early).toMatchObject({ code: 'DENIED', denied: [1] })
        await opened.advance(1)
        expect(await opened.ledger.admit(wanted({ rid: 'up_2', burst: 1 }))).toMatchObject({
          code: 'OK',
        })
      }))

    it('the same reservation twice is one; with another fingerprint a conflict', () =>
      within(async (opened) => {
        const command = await reserved(opened, { bytes: 60, limit: 100 })
        const again = await opened.ledger.admit(command)
        expect(again).toMatchObject({ code: 'EXISTS', state: 'P', note: command.note, actual: -1 })
        const other = await opened.ledger.admit({ ...command, fingerprint: 'another' })
        expect(other).toMatchObject({ code: 'CONFLICT', state: 'P' })
        await reserved(opened, { rid: 'up_2', bytes: 40, limit: 100 })
      }))

    it('refuses what comes after its deadline, or from a gateway whose clock is wrong', () =>
      within(async (opened) => {
        const { ledger, advance } = opened
        await advance(1_000)
        const inTime = { ...wanted({ rid: 'up_in_time' }), deadlineMs: START_MS + 1_000 }
        expect(await ledger.admit(inTime)).toMatchObject({ code: 'OK' })
        const late = { ...wanted({ rid: 'up_late' }), deadlineMs: START_MS + 999 }
        expect(await ledger.admit(late)).toMatchObject({ code: 'STALE' })
        const slow = wanted({ rid: 'up_slow', from: START_MS - HOUR_MS, until: START_MS + 1_000 })
        expect(await ledger.admit(slow)).toMatchObject({ code: 'PERIOD' })
        const fast = wanted({ rid: 'up_fast', from: START_MS + 1_001 })
        expect(await ledger.admit(fast)).toMatchObject({ code: 'PERIOD' })
      }))

    it('settles once, whatever comes again or late', () =>
      within(async (opened) => {
        const { ledger } = opened
        const command = await reserved(opened, { bytes: 60, limit: 100 })
        const settle = finishOf(command, 'S', 40)
        expect(await ledger.finish(settle)).toMatchObject({ code: 'OK', over: 0 })
        expect(await ledger.finish(settle)).toMatchObject({ code: 'DUP', state: 'S', actual: 40 })
        expect(await ledger.finish(finishOf(command, 'V'))).toMatchObject({ code: 'TERMINAL' })
        expect(await ledger.finish(finishOf(command, 'S', 41))).toMatchObject({ code: 'TERMINAL' })
        await reserved(opened, { rid: 'up_2', bytes: 60, limit: 100 })
        const more = await ledger.admit(wanted({ rid: 'up_3', bytes: 1, limit: 100 }))
        expect(more).toMatchObject({ code: 'DENIED', levels: expect.arrayContaining([40, 60]) })
      }))

    it('says by how much an object is larger than what was reserved', () =>
      within(async (opened) => {
        const command = await reserved(opened, { bytes: 60, limit: 100 })
        const settled = await opened.ledger.finish(finishOf(command, 'S', 75))
        expect(settled).toMatchObject({ code: 'OK', over: 15 })
        expect(await opened.ledger.find(command)).toMatchObject({
          state: 'S',
          actual: 75,
          over: 15,
        })
      }))

    it('expires not before its time, and not by itself', () =>
      within(async (opened) => {
        const { ledger, advance } = opened
        const command = await reserved(opened, { bytes: 100, limit: 100, ttlMs: 5_000 })
        await advance(4_999)
        const early = await ledger.finish(finishOf(command, 'X'))
        expect(early).toMatchObject({ code: 'EARLY', expMs: START_MS + 5_000 })
        await advance(1)
        const still = await ledger.admit(wanted({ rid: 'up_2', bytes: 1, limit: 100 }))
        expect(still).toMatchObject({ code: 'DENIED' })
        expect(await ledger.finish(finishOf(command, 'X'))).toMatchObject({ code: 'OK' })
        await reserved(opened, { rid: 'up_3', bytes: 100, limit: 100 })
      }))

    it('an object that comes after its release is admitted, or condemned for good', () =>
      within(async (opened) => {
        const { ledger } = opened
        const [fits, not] = [
          await reserved(opened, { bytes: 60, limit: 100 }),
          await reserved(opened, { rid: 'up_2', bytes: 40, limit: 100 }),
        ]
        await ledger.finish(finishOf(fits, 'V'))
        await ledger.finish(finishOf(not, 'V'))
        await reserved(opened, { rid: 'up_3', bytes: 40, limit: 100 })
        expect(await ledger.finish(finishOf(fits, 'L', 60))).toMatchObject({ code: 'OK' })
        const late = finishOf(not, 'L', 40)
        expect(await ledger.finish(late)).toMatchObject({ code: 'DENIED' })
        expect(await ledger.finish(late)).toMatchObject({ code: 'EXISTS', state: 'D' })
        const gone = finishOf(not, 'G')
        expect(await ledger.finish(gone)).toMatchObject({ code: 'OK' })
        expect(await ledger.finish(gone)).toMatchObject({ code: 'OK' })
        expect(await ledger.finish(late)).toMatchObject({ code: 'EXISTS', state: 'D' })
      }))

    it('puts a lost reservation back and says by how much that is too much', () =>
      within(async (opened) => {
        const { ledger } = opened
        await reserved(opened, { bytes: 60, limit: 100 })
        const lost = finishOf(wanted({ rid: 'up_2', bytes: 60, limit: 100 }), 'A')
        expect(await ledger.finish(lost)).toMatchObject({ code: 'OK', over: 20 })
        expect(await ledger.finish(lost)).toMatchObject({ code: 'EXISTS', state: 'P' })
      }))

    it('hands what is due to one sweeper at a time, until its lease ends', () =>
      within(async (opened) => {
        const { ledger, advance } = opened
        await reserved(opened, { rid: 'up_b', lookMs: 2_000 })
        await reserved(opened, { rid: 'up_a', lookMs: 1_000 })
        const settled = await reserved(opened, { rid: 'up_c', lookMs: 1_000 })
        await ledger.finish(finishOf(settled, 'S', 0))
        const claim = async () => {
          const due = await ledger.claim({ partition: 0, limit: 2, leaseMs: 30_000 })
          return due.reservations.map(({ rid }) => rid)
        }
        await advance(999)
        expect(await claim()).toEqual([])
        await advance(1_001)
        expect(await claim()).toEqual(['up_a', 'up_b'])
        expect(await claim()).toEqual([])
        await advance(30_000)
        expect(await claim()).toEqual(['up_a', 'up_b'])
      }))

    it('amends only what is pending: the note, the next look, a later end', () =>
      within(async (opened) => {
        const { ledger, advance } = opened
        const command = await reserved(opened, { ttlMs: 5_000, lookMs: 1_000 })
        const amend = {
          ...finishOf(command, 'M'),
          op: 'M' as const,
          note: '{"n":2}',
          lookMs: 60_000,
        }
        await ledger.finish({ ...amend, expMs: START_MS + 4_000 })
        expect(await ledger.find(command)).toMatchObject({
          note: '{"n":2}',
          expMs: START_MS + 5_000,
        })
        await ledger.finish({ ...amend, expMs: START_MS + 6_000 })
        expect(await ledger.find(command)).toMatchObject({ expMs: START_MS + 6_000 })
        await advance(59_999)
        const early = await ledger.claim({ partition: 0, limit: 9, leaseMs: 1 })
        expect(early.reservations).toEqual([])
        await ledger.finish(finishOf(command, 'V'))
        expect(await ledger.finish(amend)).toMatchObject({ code: 'TERMINAL', state: 'V' })
      }))

    it('lists the owner’s own by state, prefix and page, in the order of their ids', () =>
      within(async (opened) => {
        const { ledger } = opened
        for (const rid of ['up_3', 'up_1', 'up_4', 'del_2', 'up_2']) await reserved(opened, { rid })
        await reserved(opened, { rid: 'up_5', user: 'u-another' })
        await ledger.finish(finishOf(wanted({ rid: 'up_3' }), 'S', 0))
        const rids = async (states: ('P' | 'S' | 'V')[], after?: string, limit = 10) => {
          const page = { partition: 0, owner: 'u-alice', states, ridPrefix: 'up_', limit }
          const found = await ledger.list({ ...page, ...(after !== undefined && { after }) })
          return found.map(({ rid }) => rid)
        }
        expect(await rids(['P'])).toEqual(['up_1', 'up_2', 'up_4'])
        expect(await rids(['S', 'P'])).toEqual(['up_1', 'up_2', 'up_3', 'up_4'])
        expect(await rids(['P', 'S'], 'up_1', 2)).toEqual(['up_2', 'up_3'])
        expect(await rids(['V'])).toEqual([])
      }))

    it('names what is pending, and what was settled since a moment, whoever owns it', () =>
      within(async (opened) => {
        const { ledger, advance } = opened
        const before = await reserved(opened, { rid: 'up_before' })
        await reserved(opened, { rid: 'up_pending', user: 'u-another' })
        const [late, void_] = [
          await reserved(opened, { rid: 'up_late', user: 'u-another' }),
          await reserved(opened, { rid: 'up_void' }),
        ]
        await ledger.finish(finishOf(before, 'S', 0))
        await advance(1_000)
        await ledger.finish({ ...finishOf(late, 'S', 0), note: `{"at":${START_MS + 1_000}}` })
        await ledger.finish(finishOf(void_, 'V'))
        const rids = async (sinceMs: number, limit = 10) => {
          const settledMs = (note: string) => JSON.parse(note).at ?? START_MS
          const found = await ledger.recent({ partition: 0, sinceMs, settledMs, limit })
          return found.map(({ rid }) => rid).sort()
        }
        expect(await rids(START_MS)).toEqual(['up_before', 'up_late', 'up_pending'])
        expect(await rids(START_MS + 1_000)).toEqual(['up_late', 'up_pending'])
        expect(await rids(START_MS + 1_001)).toEqual(['up_pending'])
        expect(await rids(START_MS, 2)).toHaveLength(2)
      }))

    it('forgets what has ended after its retention, and nothing that is pending or condemned', () =>
      within(async (opened) => {
        const { ledger, advance } = opened
        const ended = await reserved(opened, { rid: 'up_ended' })
        const kept = await reserved(opened, { rid: 'up_kept' })
        const condemned = await reserved(opened, { rid: 'up_condemned', bytes: 5, limit: 5 })
        await ledger.finish(finishOf(ended, 'S', 0))
        await ledger.finish(finishOf(condemned, 'V'))
        const late = { ...finishOf(condemned, 'L', 5), limits: [0, 0] } as ReturnType<
          typeof finishOf
        >
        expect(await ledger.finish(late)).toMatchObject({ code: 'DENIED' })
        await advance(DAY_MS - MINUTE_MS)
        await ledger.claim({ partition: 0, limit: 1, leaseMs: 1 })
        expect(await ledger.find(ended)).toMatchObject({ state: 'S' })
        await advance(2 * MINUTE_MS)
        await ledger.claim({ partition: 0, limit: 1, leaseMs: 1 })
        expect(await ledger.find(ended)).toBeUndefined()
        expect(await ledger.find(kept)).toMatchObject({ state: 'P' })
        expect(await ledger.find(condemned)).toMatchObject({ state: 'D' })
      }))

    it('a clock that steps back costs callers no more than the burst', () =>
      within(async ({ ledger, advance }) => {
        await ledger.admit(wanted({ rid: 'up_1', burst: 2 }))
        await advance(-HOUR_MS)
        const next = await ledger.admit(wanted({ rid: 'up_2', burst: 2 }))
        const nowMs = steadyClock ? START_MS : START_MS - HOUR_MS
        expect(next).toMatchObject({ code: 'OK', nowMs })
        const third = wanted({ rid: 'up_3', burst: 2 })
        expect(await ledger.admit(third)).toMatchObject({ code: 'DENIED' })
        await advance(steadyClock ? HOUR_MS + 2_000 : 2_000)
        expect(await ledger.admit(third)).toMatchObject({ code: 'OK' })
      }))

    it.each([Number.NaN, -1, 0.5, MAX_AMOUNT + 1])('takes no amount of %s', (bytes) =>
      within(async (opened) => {
        await expect(opened.ledger.admit(wanted({ bytes }))).rejects.toThrow(RangeError)
        const command = await reserved(opened, {})
        await expect(opened.ledger.finish(finishOf(command, 'S', bytes))).rejects.toThrow(
          RangeError,
        )
        expect(await opened.ledger.find(command)).toMatchObject({ state: 'P' })
      }),
    )

    it('counts exactly up to 2^50 bytes', () =>
      within(async (opened) => {
        await reserved(opened, { bytes: MAX_AMOUNT, limit: MAX_AMOUNT })
        const refused = await opened.ledger.admit(
          wanted({ rid: 'up_2', bytes: 1, limit: MAX_AMOUNT }),
        )
        expect(refused).toMatchObject({
          code: 'DENIED',
          levels: expect.arrayContaining([MAX_AMOUNT]),
        })
      }))

    it('posts nothing below zero, and writes nothing then', () =>
      within(async (opened) => {
        const command = await reserved(opened, { bytes: 10, limit: 100 })
        const settle = finishOf(command, 'S', 10)
        const credit = {
          ...settle,
          op: 'S' as const,
          actualBytes: 10,
          storedDelta: -1,
          objectsDelta: 0,
        }
        expect(await opened.ledger.finish(credit)).toMatchObject({
          code: 'CORRUPT',
          position: LIMIT.stored,
        })
        expect(await opened.ledger.find(command)).toMatchObject({ state: 'P' })
      }))

    it('has a salt, and knows nothing of what it was never told', () =>
      within(async ({ ledger }) => {
        expect(ledger.salt.length).toBeGreaterThan(0)
        expect(await ledger.find({ partition: 0, rid: 'up_unknown' })).toBeUndefined()
        const unknown = finishOf(wanted({ rid: 'up_unknown' }), 'S', 1)
        expect(await ledger.finish(unknown)).toMatchObject({ code: 'UNKNOWN' })
      }))
  })
}
