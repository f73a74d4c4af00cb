import type { CounterDrift, IndexDrift, PartitionAudit, UnreadableValue } from './audit.ts'
import { compareSubject, type HeldAmount } from './compare-subject.ts'
import type { LedgerRecord } from './decision.ts'
import type { SubjectState } from './port.ts'
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

type Readable = readonly [rid: string, record: LedgerRecord]

/**
 * Compares a partition with itself (`ledger.md` section 14: I1, I4): every counter's pending with the
 * holds of pending reservations, and the index with what is pending or condemned. Pure. What cannot
 * be read is listed and left alone; while a record is among it, no counter is lowered, for that record
 * may hold the difference.
 */
export function auditPartition(
  found: PartitionFound,
  { repair }: { repair: boolean },
): AuditOutcome {
  const unreadable = [...(found.unreadable ?? [])]
  const { states, broken } = readSubjects(found, unreadable)
  const { open, unknown } = readRecords(found, unreadable)
  const held = heldBy(open)
  const drifts: CounterDrift[] = []
  const negative: PartitionAudit['negative'][number][] = []
  const totals: PartitionAudit['totals'][number][] = []
  const repaired = new Map<string, SubjectState | undefined>()
  const mayLower = unknown.size === 0
  for (const subject of sorted(new Set([...states.keys(), ...held.keys()]))) {
    if (broken.has(subject)) continue
    const compared = compareSubject(subject, states.get(subject), held.get(subject) ?? [], mayLower)
    negative.push(...compared.negative)
    totals.push(...compared.totals)
    drifts.push(
      ...compared.drifts.map((drift) => ({ ...drift, repaired: repair && drift.repaired })),
    )
    const mends = repair && compared.drifts.some((drift) => drift.repaired)
    if (mends) repaired.set(subject, compared.mended)
  }
  const { missing, stray } = compareIndex(found.due, open, unknown)
  const condemned = open.filter(([, { state }]) => state === 'D').length
  return {
    audit: {
      counts: { pending: open.length - condemned, condemned, subjects: states.size },
      drifts,
      index: indexDrifts({ missing, stray }, repair),
      negative,
      unreadable,
      totals,
    },
    repairs: repair
      ? { subjects: repaired, missing, stray }
      : { subjects: new Map(), missing: [], stray: [] },
  }
}

function readSubjects({ subjects, nameOf }: PartitionFound, unreadable: UnreadableValue[]) {
  const states = new Map<string, SubjectState>()
  const broken = new Set<string>()
  for (const [id, value] of subjects) {
    const reason = flawOfSubject(value)
    if (reason === undefined) {
      states.set(id, value as SubjectState)
      continue
    }
    broken.add(id)
    unreadable.push({ name: nameOf('subject', id), reason })
  }
  return { states, broken }
}

/** The records that are not ended, and the rids of those that cannot be read. */
function readRecords({ records, nameOf }: PartitionFound, unreadable: UnreadableValue[]) {
  const open: Readable[] = []
  const unknown = new Set<string>()
  for (const [rid, value, closed] of records) {
    const reason = flawOfRecord(value)
    if (reason !== undefined) {
      unknown.add(rid)
      unreadable.push({ name: nameOf('reservation', rid), reason })
      continue
    }
    const record = value as LedgerRecord
    if (record.state === 'P' || (record.state === 'D' && !closed)) open.push([rid, record])
  }
  return { open, unknown }
}

/** What pending reservations hold, by subject, with one sum for each limit and window. */
function heldBy(open: readonly Readable[]): Map<string, readonly HeldAmount[]> {
  const sums = new Map<string, Map<string, HeldAmount>>()
  for (const [, { state, hold, subjects }] of open) {
    if (state !== 'P') continue
    let h = 0
    for (const subject of subjects) {
      const own = sums.get(subject) ?? new Map<string, HeldAmount>()
      sums.set(subject, own)
      const entries = hold[h++] ?? 0
      for (let entry = 0; entry < entries; entry += 1, h += 4) {
        const [limitId = 0, window = 0, amount = 0] = [hold[h], hold[h + 1], hold[h + 2]]
        const name = `${limitId} ${window}`
        own.set(name, { limitId, window, amount: (own.get(name)?.amount ?? 0) + amount })
      }
    }
  }
  return new Map([...sums].map(([subject, own]) => [subject, [...own.values()]]))
}

function compareIndex(
  due: PartitionFound['due'],
  open: readonly Readable[],
  unknown: ReadonlySet<string>,
): { missing: string[]; stray: string[] } {
  const rids = new Set(open.map(([rid]) => rid))
  return {
    missing: sorted([...rids].filter((rid) => !due.has(rid))),
    stray: sorted([...due.keys()].filter((rid) => !rids.has(rid) && !unknown.has(rid))),
  }
}

function indexDrifts(
  { missing, stray }: { missing: readonly string[]; stray: readonly string[] },
  repaired: boolean,
): IndexDrift[] {
  return [
    ...missing.map((rid) => ({ rid, what: 'missing' as const, repaired })),
    ...stray.map((rid) => ({ rid, what: 'stray' as const, repaired })),
  ]
}

function sorted(names: Iterable<string>): string[] {
  return [...names].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0))
}
