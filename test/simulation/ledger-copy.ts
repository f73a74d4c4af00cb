import type { LedgerRecord } from '../../src/ledger/decision.ts'
import type { ListRequest, Reservation, SubjectState } from '../../src/ledger/port.ts'
import type { Move } from './counter-books.ts'
import type { Spent } from './rate-books.ts'

/** One executed command as it goes to replicas. An absent value removes the entry. */
export interface Change {
  readonly subjects: readonly (readonly [id: string, state: SubjectState | undefined])[]
  readonly records: readonly (readonly [rid: string, record: LedgerRecord | undefined])[]
  readonly dues: readonly (readonly [rid: string, atMs: number | undefined])[]
  /** When ended records are forgotten. */
  readonly forget: readonly (readonly [rid: string, atMs: number | undefined])[]
  /** What the change did to counters and rates: undone in the books when the change is lost. */
  readonly moves: readonly Move[]
  readonly spent: readonly Spent[]
}

/** All that one server of the ledger holds. */
export class LedgerCopy {
  readonly subjects: Map<string, SubjectState>
  readonly records: Map<string, LedgerRecord>
  readonly due: Map<string, number>
  readonly forget: Map<string, number>

  constructor(from?: LedgerCopy) {
    this.subjects = new Map(from?.subjects)
    this.records = new Map(from?.records)
    this.due = new Map(from?.due)
    this.forget = new Map(from?.forget)
  }

  apply(change: Change): void {
    for (const [id, state] of change.subjects) assign(this.subjects, id, state)
    for (const [rid, record] of change.records) assign(this.records, rid, record)
    for (const [rid, atMs] of change.dues) assign(this.due, rid, atMs)
    for (const [rid, atMs] of change.forget) assign(this.forget, rid, atMs)
  }
}

function assign<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key)
  else map.set(key, value)
}

/** A record as the port shows it. */
export function reservationOf(
  copy: LedgerCopy,
  rid: string,
  partition = 0,
): Reservation | undefined {
  const record = copy.records.get(rid)
  return record === undefined ? undefined : { ...record, rid, partition }
}

/** What a list request finds. */
export function listed(
  copy: LedgerCopy,
  { owner, states, ridPrefix, after = '', limit }: ListRequest,
) {
  return [...copy.records]
    .filter(([rid, { state, subjects }]) => {
      const asked = rid.startsWith(ridPrefix) && rid > after
      return asked && subjects[0] === owner && states.includes(state)
    })
    .map(([rid]) => rid)
    .sort((a, b) => (a < b ? -1 : 1))
    .slice(0, limit)
    .flatMap((rid) => reservationOf(copy, rid) ?? [])
}
