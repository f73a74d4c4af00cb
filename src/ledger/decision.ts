import type { Reservation, ReservationRef, SubjectState } from './port.ts'

/** A reservation's record as drivers keep it: the port's, without its name. */
export type LedgerRecord = Omit<Reservation, keyof ReservationRef>

/** All that a decision reads. Subjects stand in the order of the command's. */
export interface LedgerState {
  readonly record: LedgerRecord | undefined
  /** Records of a batch behind its first, in its order. */
  readonly others?: readonly (LedgerRecord | undefined)[]
  readonly subjects: readonly (SubjectState | undefined)[]
}

/** All that a decision writes, in one step or not at all. */
export interface Writes {
  /** By position of the command's subjects; `undefined` removes the subject. */
  readonly subjects?: readonly (SubjectState | undefined)[]
  readonly record?: LedgerRecord
  /** Records of a batch behind its first: as new as it is, and due when it is. */
  readonly others?: readonly { readonly rid: string; readonly record: LedgerRecord }[]
  /**
   * When the sweeper looks next, in ledger time; `null` takes it out of the index: the record has
   * ended, and its retention begins.
   */
  readonly dueMs?: number | null
}

/** What a decision comes to. Without `writes` nothing changes. */
export interface Decision<Reply> {
  readonly reply: Reply
  readonly writes?: Writes
}
