import { describe, expect, it } from 'vitest'
import type { PartitionAudit } from '../../src/ledger/audit.ts'
import { KIND, type Ledger } from '../../src/ledger/port.ts'
import {
  type Asked,
  carried,
  countersOf,
  landed,
  type OpenedLedger,
  ref,
  reserve,
  stored,
  TENANT,
  USER,
} from './reservation-commands.ts'

/** Does to a ledger's store what no command of the port can. All of it hits partition 0. */
export interface Damage {
  /** Sets the pending amount of a counter that is there. */
  setPending(subject: string, limitId: number, window: number, value: number): Promise<void>
  /** Sets what a counter that is there has posted. */
  setPosted(subject: string, limitId: number, window: number, value: number): Promise<void>
  /** Takes a reservation out of the sweeper's index, and leaves the rest. */
  dropFromIndex(rid: string): Promise<void>
  /** Puts an ended reservation into the sweeper's index, due now. */
  addStray(rid: string): Promise<void>
  /** Forgets a subject, as an eviction would. */
  loseSubject(subject: string): Promise<void>
  /** Puts something unreadable where a subject's state is. */
  breakSubject(subject: string): Promise<void>
  /** Puts something unreadable where a reservation's record is. */
  breakRecord(rid: string): Promise<void>
  /** The value where a subject's state is, as text. */
  rawSubject(subject: string): Promise<string>
}

/** A driver whose store the contract may damage. */
export interface DamageableLedger extends OpenedLedger {
  readonly damage: Damage
  close(): Promise<void>
}

const STORED = 7
const BYTES = 8

const asked = (amount: number): Asked[] => [
  { subject: USER, quotas: [stored(amount, 1_000)] },
  { subject: TENANT, quotas: [stored(amount, 1_000), bytesIn(10, amount)] },
]

function bytesIn(window: number, amount: number) {
  return { id: BYTES, kind: KIND.bytes, window, amount, limit: 1_000 }
}

const audited = (ledger: Ledger, repair = false): Promise<PartitionAudit> =>
  ledger.audit({ partition: 0, repair })

/** The parts of an answer that say that something is wrong. */
const found = ({ drifts, index, negative, unreadable }: PartitionAudit) => ({
  drifts,
  index,
  negative,
  unreadable,
})
const NOTHING = { drifts: [], index: [], negative: [], unreadable: [] }

/** What the auditor of every driver sees and mends (`ledger.md` section 14: I1, I4). */
export function auditContract(name: string, open: () => Promise<DamageableLedger>): void {
  async function within(use: (opened: DamageableLedger) => Promise<void>): Promise<void> {
    const opened = await open()
    try {
      await use(opened)
    } finally {
      await opened.close()
    }
  }

  async function pending(ledger: Ledger, rid: string, amount: number) {
    const command = reserve(rid, asked(amount))
    expect(await ledger.admit(command)).toMatchObject({ code: 'OK' })
    return command
  }

  /** Two pending, one settled. */
  async function someHistory(ledger: Ledger): Promise<void> {
    await pending(ledger, 'up_1', 10)
    await pending(ledger, 'up_2', 30)
    const settled = await pending(ledger, 'up_3', 5)
    expect(await ledger.finish({ ...ref(settled), op: 'S', ...landed(5) })).toMatchObject({
      code: 'OK',
    })
  }

  describe(`the auditor, ${name}`, () => {
    it('finds nothing wrong with an empty ledger, and nothing in it', () =>
      within(async ({ ledger }) => {
        const audit = await audited(ledger)
        expect(found(audit)).toEqual(NOTHING)
        expect(audit).toMatchObject({
          partition: 0,
          counts: { pending: 0, condemned: 0, subjects: 0 },
          totals: [],
        })
      }))

    it('counts what is pending, and lists what every total has posted', () =>
      within(async ({ ledger, nowMs }) => {
        await someHistory(ledger)
        const audit = await audited(ledger)
        expect(found(audit)).toEqual(NOTHING)
        expect(audit.counts).toEqual({ pending: 2, condemned: 0, subjects: 2 })
        expect(audit.totals).toEqual([
          { subject: TENANT, limitId: STORED, posted: 5 },
          { subject: USER, limitId: STORED, posted: 5 },
        ])
        expect(Math.abs(audit.nowMs - (await nowMs()))).toBeLessThan(10_000)
      }))

    it('a counter that says another amount than is held: named, and left without repair', () =>
      within(async ({ ledger, damage }) => {
        await someHistory(ledger)
        await damage.setPending(USER, STORED, 0, 47)
        const drift = { subject: USER, limitId: STORED, window: 0, pending: 47, held: 40 }
        const first = await audited(ledger)
        expect(found(first)).toEqual({ ...NOTHING, drifts: [{ ...drift, repaired: false }] })
        expect(await countersOf(ledger, [{ subject: USER, quotas: [stored(0, 1)] }])).toEqual([
          5, 47,
        ])
        const second = await audited(ledger, true)
        expect(second.drifts).toEqual([{ ...drift, repaired: true }])
        expect(found(await audited(ledger))).toEqual(NOTHING)
        expect(await countersOf(ledger, [{ subject: USER, quotas: [stored(0, 1)] }])).toEqual([
          5, 40,
        ])
      }))

    it('a counter that says less than is held is raised, so that every ending still fits', () =>
      within(async ({ ledger, damage }) => {
        const command = await pending(ledger, 'up_1', 10)
        await damage.setPending(TENANT, BYTES, 10, 3)
        expect(await ledger.finish({ ...ref(command), op: 'V' })).toMatchObject({ code: 'CORRUPT' })
        expect((await audited(ledger, true)).drifts).toMatchObject([{ pending: 3, held: 10 }])
        expect(await ledger.finish({ ...ref(command), op: 'V' })).toMatchObject({ code: 'OK' })
        expect(found(await audited(ledger))).toEqual(NOTHING)
      }))

    it('a lost subject gets back what is held of it, and no posted amount is invented', () =>
      within(async ({ ledger, damage }) => {
        await someHistory(ledger)
        await damage.loseSubject(TENANT)
        const { drifts } = await audited(ledger, true)
        expect(drifts).toEqual([
          { subject: TENANT, limitId: STORED, window: 0, pending: 0, held: 40, repaired: true },
          { subject: TENANT, limitId: BYTES, window: 10, pending: 0, held: 40, repaired: true },
        ])
        const shares = [{ subject: TENANT, quotas: [stored(0, 1), bytesIn(10, 0)] }]
        expect(await countersOf(ledger, shares)).toEqual([0, 40, 0, 40])
        expect(found(await audited(ledger))).toEqual(NOTHING)
      }))

    it('what is held in a window older than the two that are kept is no drift', () =>
      within(async ({ ledger }) => {
        for (const window of [10, 11, 12, 13]) {
          const shares = [{ subject: USER, quotas: [bytesIn(window, window)] }]
          expect(await ledger.admit(reserve(`up_${window}`, shares))).toMatchObject({ code: 'OK' })
        }
        expect(found(await audited(ledger, true))).toEqual(NOTHING)
      }))

    it('a pending reservation out of the index is put in, due at once', () =>
      within(async ({ ledger, damage }) => {
        await someHistory(ledger)
        await damage.dropFromIndex('up_2')
        const index = { rid: 'up_2', what: 'missing' }
        expect(found(await audited(ledger))).toEqual({
          ...NOTHING,
          index: [{ ...index, repaired: false }],
        })
        expect((await audited(ledger, true)).index).toEqual([{ ...index, repaired: true }])
        expect(found(await audited(ledger))).toEqual(NOTHING)
        const { reservations } = await ledger.claim({ partition: 0, limit: 10, leaseMs: 1_000 })
        expect(reservations.map(({ rid }) => rid)).toEqual(['up_2'])
      }))

    it('an ended reservation in the index is taken out', () =>
      within(async ({ ledger, damage }) => {
        await someHistory(ledger)
        await damage.addStray('up_3')
        expect((await audited(ledger)).index).toEqual([
          { rid: 'up_3', what: 'stray', repaired: false },
        ])
        expect((await audited(ledger, true)).index).toEqual([
          { rid: 'up_3', what: 'stray', repaired: true },
        ])
        expect(found(await audited(ledger))).toEqual(NOTHING)
        const { reservations } = await ledger.claim({ partition: 0, limit: 10, leaseMs: 1_000 })
        expect(reservations).toEqual([])
      }))

    it('a condemned one belongs into the index until its object is gone, and not after', () =>
      within(async ({ ledger, damage }) => {
        const tooMuch = [{ subject: USER, quotas: [stored(2_000, 1_000)] }]
        const late = carried(tooMuch, 'up_late')
        const denied = await ledger.finish({ ...late, op: 'L', ...landed(2_000) })
        expect(denied).toMatchObject({ code: 'DENIED' })
        const open = await audited(ledger)
        expect(found(open)).toEqual(NOTHING)
        expect(open.counts).toMatchObject({ pending: 0, condemned: 1 })
        await damage.dropFromIndex('up_late')
        expect((await audited(ledger, true)).index).toMatchObject([{ what: 'missing' }])
        const { partition, rid, fingerprint, subjects } = late
        const gone = await ledger.finish({ op: 'G', partition, rid, fingerprint, subjects })
        expect(gone).toMatchObject({ code: 'OK' })
        const closed = await audited(ledger)
        expect(found(closed)).toEqual(NOTHING)
        expect(closed.counts).toMatchObject({ pending: 0, condemned: 0 })
        await damage.addStray('up_late')
        expect((await audited(ledger, true)).index).toMatchObject([{ what: 'stray' }])
        expect(found(await audited(ledger))).toEqual(NOTHING)
      }))

    it('a counter below zero is named, and what was posted is never changed', () =>
      within(async ({ ledger, damage }) => {
        await someHistory(ledger)
        await damage.setPosted(USER, STORED, 0, -3)
        const counter = { subject: USER, limitId: STORED, window: 0, posted: -3, pending: 40 }
        expect(found(await audited(ledger, true))).toEqual({ ...NOTHING, negative: [counter] })
        expect((await audited(ledger)).negative).toEqual([counter])
      }))

    it.each(['setPosted', 'setPending'] as const)(
      'nothing is decided on a counter below zero, which stays as it is (%s)',
      (set) =>
        within(async ({ ledger, damage }) => {
          const open = await pending(ledger, 'up_1', 10)
          await damage[set](USER, STORED, 0, -20)
          const before = await damage.rawSubject(USER)
          const refused = { code: 'LedgerUnavailable' }
          const command = reserve('up_4', asked(1))
          await expect(ledger.admit(command)).rejects.toMatchObject(refused)
          const look = ledger.admit({ ...command, op: 'Q' })
          await expect(look).rejects.toMatchObject(refused)
          const end = ledger.finish({ ...ref(open), op: 'V' })
          await expect(end).rejects.toMatchObject(refused)
          expect(await damage.rawSubject(USER)).toBe(before)
        }),
    )

    it('a pending amount below zero is repaired', () =>
      within(async ({ ledger, damage }) => {
        await someHistory(ledger)
        await damage.setPending(USER, STORED, 0, -1)
        const { negative, drifts } = await audited(ledger, true)
        expect(negative).toMatchObject([{ pending: -1 }])
        expect(drifts).toMatchObject([{ pending: -1, held: 40, repaired: true }])
        expect(found(await audited(ledger))).toEqual(NOTHING)
      }))

    it('an unreadable subject is named, refused and left as it is; others are served', () =>
      within(async ({ ledger, damage }) => {
        await someHistory(ledger)
        await damage.breakSubject(USER)
        const before = await damage.rawSubject(USER)
        const audit = await audited(ledger, true)
        expect(audit.unreadable).toHaveLength(1)
        expect(audit.unreadable[0]?.name).toContain(USER)
        expect(audit).toMatchObject({ drifts: [], index: [], negative: [] })
        const refused = ledger.admit(reserve('up_4', asked(1)))
        await expect(refused).rejects.toMatchObject({ code: 'LedgerUnavailable' })
        const others = [{ subject: TENANT, quotas: [stored(1, 1_000)] }]
        expect(await ledger.admit(reserve('up_5', others))).toMatchObject({ code: 'OK' })
        expect(await ledger.find({ partition: 0, rid: 'up_4' })).toBeUndefined()
        expect(await damage.rawSubject(USER)).toBe(before)
      }))

    it('an unreadable record is named and refused; no counter is lowered, for it may hold the rest', () =>
      within(async ({ ledger, damage, advance }) => {
        await pending(ledger, 'up_1', 10)
        const broken = await pending(ledger, 'up_2', 30)
        await damage.breakRecord('up_2')
        const audit = await audited(ledger, true)
        expect(audit.unreadable).toHaveLength(1)
        expect(audit.unreadable[0]?.name).toContain('up_2')
        expect(audit.index).toEqual([])
        expect(
          audit.drifts.map(({ held, pending, repaired }) => [held, pending, repaired]),
        ).toEqual(Array.from({ length: 3 }, () => [10, 40, false]))
        await expect(ledger.finish({ ...ref(broken), op: 'V' })).rejects.toMatchObject({
          code: 'LedgerUnavailable',
        })
        await expect(ledger.find({ partition: 0, rid: 'up_2' })).rejects.toMatchObject({
          code: 'LedgerUnavailable',
        })
        // The sweeper's other work goes on.
        await damage.dropFromIndex('up_1')
        await audited(ledger, true)
        await advance(1)
        const { reservations } = await ledger.claim({ partition: 0, limit: 10, leaseMs: 1_000 })
        expect(reservations.map(({ rid }) => rid)).toEqual(['up_1'])
      }))

    it('lists what is pending, holds nothing, and will still change a stored total', () =>
      within(async ({ ledger }) => {
        await pending(ledger, 'up_1', 10)
        const credit = await pending(ledger, 'del_1', 0)
        const window = [{ subject: USER, quotas: [bytesIn(10, 0)] }]
        expect(await ledger.admit(reserve('up_2', window))).toMatchObject({ code: 'OK' })
        expect((await audited(ledger)).credits).toEqual(['del_1'])
        await ledger.finish({ ...ref(credit), op: 'S', ...landed(0) })
        expect((await audited(ledger)).credits).toEqual([])
      }))

    it('sees all that was answered before it, and nothing half done, beside traffic', () =>
      within(async ({ ledger }) => {
        const rounds = Array.from({ length: 40 }, async (_, n) => {
          const command = reserve(`up_${n}`, asked(n))
          const rest = Array.from({ length: n % 3 }, () => audited(ledger))
          const reply = ledger.admit(command)
          const audits = [...(await Promise.all(rest)), await audited(ledger)]
          expect(await reply).toMatchObject({ code: 'OK' })
          if (n % 2 === 0) await ledger.finish({ ...ref(command), op: 'V' })
          return audits
        })
        for (const audit of (await Promise.all(rounds)).flat())
          expect(found(audit)).toEqual(NOTHING)
        expect((await audited(ledger)).counts).toMatchObject({ pending: 20, subjects: 2 })
      }))
  })
}
