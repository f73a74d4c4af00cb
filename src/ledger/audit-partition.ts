import type { CounterDrift, IndexDrift, PartitionAudit, UnreadableValue } from './audit.ts'
import { compareSubject, type HeldAmount } from './compare-subject.ts'
import type { LedgerRecord } from './decision.ts'
import { KIND, type SubjectState } from './port.ts'
import { flawOfRecord, flawOfSubject } from './readable.ts'

/** What a driver found in one partition, at one instant. */
export interface PartitionFound {
  /** Every subject's state as decoded, `undefined` where that fails. */
  readonly subjects: Iterable<readonly [id: string, state: unknown]>
  /**
   * Every record whose reservation has not ended, decoded likewise; ended ones may be among them. A
   * condemned one that `G` has closed stays in state D: `closed` tells it from one whose object is
   * still there (memory and SQLite keep when it ended, Redis lets it expire).
   */
  readonly records: Iterable<readonly [rid: string, record: unknown, closed: boolean]>
  /** The rids in the index, each once. */
  readonly due: ReadonlySet<string> | ReadonlyMap<string, unknown>
  /** What stored values are called in a report: a row, a key. */
  readonly nameOf: (what: 'subject' | 'reservation', id: string) => string
  /** What the driver has found unreadable besides: keys of the wrong type, foreign ones. */
  readonly unreadable?: readonly UnreadableValue[]
}

/** What a driver writes to mend a partition, in the same step; nothing when nothing is repaired. */
export interface Repairs {
  /** New states; `undefined` removes the subject. */
  readonly subjects: ReadonlyMap<string, SubjectState | undefined>
  /** Rids to put into the index, due now. */
  readonly missing: readonly string[]
  /** Rids to take out of the index. */
  readonly stray: readonly string[]
}

export interface AuditOutcome {
  readonly audit: Omit<PartitionAudit, 'partition' | 'nowMs'>
  readonly repairs: Repairs
}

/** Takes a partition piece by piece: whoever must not stop others audits between their turns. */
export interface PartitionAuditor {
  /** A record; all of them come before the first subject. See `PartitionFound`. */
  record(rid: string, value: unknown, at: { closed: boolean; indexed: boolean }): void
  /** A rid that is in the index and has no record. */
  lonely(rid: string): void
  /** A subject, once each. */
  subject(id: string, value: unknown): void
  /** What is wrong; nothing comes after it. */
  finish(): AuditOutcome
}

/**
 * Compares a partition with itself (`ledger.md` section 14: I1, I4): every counter's pending with the
 * holds of pending reservations, and the index with what is pending or condemned. Pure. What cannot
 * be read is listed and left alone; while a record is among it, no counter is lowered, for that record
 * may hold the difference.
 */
export function auditPartition(found: PartitionFound, options: { repair: boolean }): AuditOutcome {
  const auditor = createPartitionAuditor({ ...options, ...found })
  const known = new Set<string>()
  for (const [rid, record, closed] of found.records) {
    known.add(rid)
    auditor.record(rid, record, { closed, indexed: found.due.has(rid) })
  }
  for (const rid of found.due.keys()) if (!known.has(rid)) auditor.lonely(rid)
  for (const [id, state] of found.subjects) auditor.subject(id, state)
  return auditor.finish()
}

/** The same, piece by piece. */
export function createPartitionAuditor({
  nameOf,
  unreadable: before = [],
  repair,
}: Pick<PartitionFound, 'nameOf' | 'unreadable'> & { readonly repair: boolean }): PartitionAuditor {
  const unreadable = [...before]
  const held = new Map<string, HeldAmount[]>()
  const index: IndexDrift[] = []
  const drifts: CounterDrift[] = []
  const negative: PartitionAudit['negative'][number][] = []
  const totals: PartitionAudit['totals'][number][] = []
  const mended = new Map<string, SubjectState | undefined>()
  const credits: string[] = []
  const counts = { pending: 0, condemned: 0, subjects: 0 }
  let unknownRecords = 0

  function compare(subject: string, state: SubjectState | undefined): void {
    const mayLower = unknownRecords === 0
    const compared = compareSubject(subject, state, held.get(subject) ?? [], mayLower)
    held.delete(subject)
    negative.push(...compared.negative)
    totals.push(...compared.totals)
    for (const drift of compared.drifts) {
      drifts.push({ ...drift, repaired: repair && drift.repaired })
      if (repair && drift.repaired) mended.set(subject, compared.mended)
    }
  }

  return {
    record(rid, value, { closed, indexed }) {
      const reason = flawOfRecord(value)
      if (reason !== undefined) {
        unknownRecords += 1
        unreadable.push({ name: nameOf('reservation', rid), reason })
        return
      }
      const { state, hold, subjects } = value as LedgerRecord
      if (state === 'P') {
        counts.pending += 1
        if (addHold(held, subjects, hold)) credits.push(rid)
      }
      if (state === 'D' && !closed) counts.condemned += 1
      const isOpen = state === 'P' || (state === 'D' && !closed)
      if (isOpen && !indexed) index.push({ rid, what: 'missing', repaired: repair })
      if (!isOpen && indexed) index.push({ rid, what: 'stray', repaired: repair })
    },
    lonely(rid) {
      index.push({ rid, what: 'stray', repaired: repair })
    },
    subject(id, value) {
      const reason = flawOfSubject(value)
      if (reason === undefined) {
        counts.subjects += 1
        compare(id, value as SubjectState)
        return
      }
      unreadable.push({ name: nameOf('subject', id), reason })
      held.delete(id)
    },
    finish() {
      for (const lost of [...held.keys()]) compare(lost, undefined)
      const repaired = index.filter((each) => each.repaired)
      const ridsOf = (what: IndexDrift['what']) =>
        repaired.filter((each) => each.what === what).map(({ rid }) => rid)
      return {
        audit: {
          counts,
          drifts: sortedBy(drifts, ({ subject }) => subject),
          index: sortedBy(index, ({ rid }) => rid),
          negative: sortedBy(negative, ({ subject }) => subject),
          unreadable,
          totals: sortedBy(totals, ({ subject }) => subject),
          credits: sortedBy(credits, (rid) => rid),
        },
        repairs: { subjects: mended, missing: ridsOf('missing'), stray: ridsOf('stray') },
      }
    },
  }
}

/**
 * Adds what a pending reservation holds: one sum for each subject, limit and window. True for one that
 * names stored totals and holds nothing at all.
 */
function addHold(
  held: Map<string, HeldAmount[]>,
  subjects: readonly string[],
  hold: readonly number[],
): boolean {
  let h = 0
  let largest = 0
  let stored = false
  for (const subject of subjects) {
    const sums = held.get(subject) ?? []
    if (sums.length === 0) held.set(subject, sums)
    const entries = hold[h++] ?? 0
    for (let entry = 0; entry < entries; entry += 1, h += 4) {
      const [limitId = 0, window = 0, amount = 0] = [hold[h], hold[h + 1], hold[h + 2]]
      const sum = sums.find((each) => each.limitId === limitId && each.window === window)
      if (sum === undefined) sums.push({ limitId, window, amount })
      else sum.amount += amount
      largest = Math.max(largest, amount)
      stored ||= hold[h + 3] === KIND.stored || hold[h + 3] === KIND.objects
    }
  }
  return stored && largest === 0
}

function sortedBy<Item>(items: Item[], nameOf: (item: Item) => string): Item[] {
  return items.sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : nameOf(a) > nameOf(b) ? 1 : 0))
}
