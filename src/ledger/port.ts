import type { AuditRequest, PartitionAudit } from './audit.ts'

/**
 * The ledger's port. All limits of one request are decided in one atomic step; every command may be
 * repeated, reordered, delayed or lost, and counts once. `decide-admit.ts` and `decide-finish.ts` are
 * the specification that every driver follows. Numbers travel in the flat arrays that drivers store as
 * they are.
 */

/** P pending, S settled, V void, X expired, D delete-required (condemned, still at the store). */
export type ReservationState = 'P' | 'S' | 'V' | 'X' | 'D'

/** What a hold counts: bytes, uploads, requests, bytes at rest, slots, objects at rest. */
export const KIND = { bytes: 0, count: 1, request: 2, stored: 3, slot: 4, objects: 5 } as const
export type Kind = (typeof KIND)[keyof typeof KIND]

/** Window id of a total, which never rolls. */
export const TOTAL_WINDOW = 0
/** Amounts are integers from 0 to this; deltas lie between minus this and this. */
export const MAX_AMOUNT = 2 ** 50
/**
 * What a counter holds at most, posted and pending together. One more amount on top is still an exact
 * number, in Lua and JavaScript alike; past 2^53 a counter would be exact, and readable, nowhere.
 */
export const MAX_COUNTER = 2 ** 52
/** Of one reservation. */
export const MAX_SUBJECTS = 5
/** Of a batch: whom all are for, and the stores that they go to. */
export const MAX_BATCH_SUBJECTS = 18
export const MAX_LIMITS = 32
/** UTF-8 bytes of a note: a key of 1,024 quotation marks takes half of it once it is JSON. */
export const MAX_NOTE_BYTES = 4096
/** Reservations of one batch. */
export const MAX_BATCH = 1_000
/**
 * UTF-8 bytes of all notes of a batch together: with its keys and holds it is one command of some
 * 1.3 MB, and what Redis and a gateway keep of it while it waits.
 */
export const MAX_BATCH_NOTE_BYTES = 1_048_576

/** Per subject, in the order of `subjects`: `nb, (limit id, window, amount, kind) × nb`. */
export type Hold = readonly number[]
/** `latestStart, earliestEnd` (ms), then per subject `nr, (limit id, inc, tau) × nr, limit × nb`. */
export type Check = readonly number[]
/** State of a subject: `1, nr, (limit id, tat) × nr, (limit id, window, posted, pending) × n`. */
export type SubjectState = readonly number[]

/** Names a reservation; the partition is found from the tenant, so that the id alone is never enough. */
export interface ReservationRef {
  readonly partition: number
  readonly rid: string
}

interface Admission {
  readonly partition: number
  /** Subject ids; the first one owns the reservation. */
  readonly subjects: readonly string[]
  readonly hold: Hold
  readonly check: Check
  /** Ledger time after which the command is not executed any more; 0: none. */
  readonly deadlineMs: number
}

/** One reservation of a batch. */
export interface BatchItem {
  readonly rid: string
  /** Its own of the command's, in their order, the owner first. Default: all of them. */
  readonly subjects?: readonly string[]
  /** Its part of the command's hold: of its subjects the same limits, windows and kinds, in their order. */
  readonly hold: Hold
  /** As of `ReserveCommand`. */
  readonly note: string
}

/** Check and charge all limits and record a pending reservation, or change nothing. */
export interface ReserveCommand extends Admission, ReservationRef {
  readonly op: 'R'
  /** Fingerprint of the canonical request: the same rid with another one is a conflict. */
  readonly fingerprint: string
  /** The reservation's `exp` is this long after the ledger's now. */
  readonly ttlMs: number
  /** The sweeper looks first this long after the ledger's now. */
  readonly lookMs: number
  /** JSON, at most `MAX_NOTE_BYTES`. */
  readonly note: string
  /** The rid comes from a caller's key: somebody may have released a URL for it already. */
  readonly replayable?: boolean
  /**
   * A batch, 1 to `MAX_BATCH` reservations in one decision: `hold` and `check` are for all of them
   * together, and there is a record for each instead of one, with its own rid, hold and note; all else
   * they share. The first has the command's rid, `note` is not kept, rids are distinct, holds add up to
   * `hold`, notes take `MAX_BATCH_NOTE_BYTES` at most. The first one answers for all: `EXISTS` says how
   * it stands, the others may stand otherwise. `CONFLICT` also when another rid is known and the first
   * is not: nothing is written, and the batch cannot be had under these rids any more.
   */
  readonly each?: readonly BatchItem[]
}
/** The same without writing: dry run, usage, levels for a replay. */
export interface LookCommand extends Admission {
  readonly op: 'Q'
}
/** Rates and kind 2 at once, without a record (downloads). Never retried. */
export interface ChargeCommand extends Admission {
  readonly op: 'C'
}
export type AdmitCommand = ReserveCommand | LookCommand | ChargeCommand

interface Finish extends ReservationRef {
  readonly fingerprint: string
  /** Those of the reservation, in the same order. */
  readonly subjects: readonly string[]
}
/** What really happened: the object's bytes, and the signed change of bytes and objects at rest. */
export interface Actual {
  readonly actualBytes: number
  readonly storedDelta: number
  readonly objectsDelta: number
}
/** P → S. */
export interface SettleCommand extends Finish, Actual {
  readonly op: 'S'
  readonly note?: string
}
/** P → V at once. */
export interface VoidCommand extends Finish {
  readonly op: 'V'
  readonly note?: string
}
/** P → X, not before `exp`. */
export interface ExpireCommand extends Finish {
  readonly op: 'X'
  readonly note?: string
}
/** New note, next look (from the ledger's now), later `exp`; only in P. */
export interface AmendCommand extends Finish {
  readonly op: 'M'
  readonly note?: string
  /**
   * The note as it was read: with another one there by now nothing is changed, and the reply is
   * `EXISTS`. So no amendment that comes late, or once more, undoes one that came after it.
   */
  readonly ifNote?: string
  readonly lookMs?: number
  readonly expMs?: number
}
/** An object exists although its record is V, X or unknown: admit it, or condemn it (D). */
export interface LateCommand extends Finish, Actual {
  readonly op: 'L'
  readonly hold: Hold
  /** Limits now in force, one per hold entry, in the order of the hold. */
  readonly limits: readonly number[]
  readonly lookMs: number
  readonly note: string
}
/** The condemned object is deleted: close D. */
export interface GoneCommand extends Finish {
  readonly op: 'G'
  readonly note?: string
}
/** Put a missing P back without admission. */
export interface ReassertCommand extends Finish {
  readonly op: 'A'
  readonly hold: Hold
  readonly limits: readonly number[]
  readonly expMs: number
  readonly lookMs: number
  readonly note: string
}
export type FinishCommand =
  | SettleCommand
  | VoidCommand
  | ExpireCommand
  | AmendCommand
  | LateCommand
  | GoneCommand
  | ReassertCommand

interface Standing {
  readonly nowMs: number
  readonly state: ReservationState
  readonly expMs: number
  /** Bytes settled, -1 before. */
  readonly actual: number
  readonly note: string
}

/**
 * `levels` are as found before the charge: per subject, microseconds of room for each rate, then
 * `posted, pending` of each quota. `denied` holds 1-based positions of all limits that refuse,
 * counted per subject: rates, then quotas. `remembered`: given without asking the ledger, so that
 * `nowMs` teaches nothing about its clock.
 */
export type AdmitReply =
  | { code: 'OK'; nowMs: number; expMs: number; levels: readonly number[] }
  | ({ code: 'EXISTS' } & Standing)
  | { code: 'CONFLICT'; nowMs: number; state: ReservationState }
  | {
      code: 'DENIED'
      nowMs: number
      denied: readonly number[]
      levels: readonly number[]
      remembered?: true
    }
  | { code: 'STALE'; nowMs: number }
  | { code: 'PERIOD'; nowMs: number }
  | { code: 'FENCED'; nowMs: number; epoch: string }

export type FinishReply =
  | { code: 'OK'; nowMs: number; over: number }
  | ({ code: 'DUP' } & Standing)
  | ({ code: 'TERMINAL' } & Standing)
  | ({ code: 'EXISTS' } & Standing)
  | { code: 'DENIED'; nowMs: number; denied: readonly number[] }
  | { code: 'EARLY'; nowMs: number; expMs: number }
  | { code: 'UNKNOWN'; nowMs: number }
  | { code: 'CONFLICT'; nowMs: number; state: ReservationState }
  /** A counter would go below 0 or above `MAX_COUNTER`, or is not there; nothing is written. */
  | { code: 'CORRUPT'; nowMs: number; position: number }
  | { code: 'FENCED'; nowMs: number; epoch: string }

/** A reservation as the ledger holds it. */
export interface Reservation extends ReservationRef {
  readonly state: ReservationState
  readonly fingerprint: string
  readonly expMs: number
  /** Empty once it has ended: no later command reads it. */
  readonly hold: Hold
  /** Those of the hold, in its order; of an ended one the owner alone, the first. */
  readonly subjects: readonly string[]
  readonly note: string
  /** Bytes settled, -1 before. */
  readonly actual: number
  /** Bytes above what was reserved, 0 as a rule. */
  readonly over: number
}

export interface ClaimRequest {
  readonly partition: number
  /** 1 to 256. */
  readonly limit: number
  /** How long the claimed ones stay out of other claims. */
  readonly leaseMs: number
}

export interface ListRequest {
  readonly partition: number
  /** The owner's subject id. */
  readonly owner: string
  readonly states: readonly ReservationState[]
  /** Only rids that start with this. */
  readonly ridPrefix: string
  /** Exclusive: rids after this one. */
  readonly after?: string
  readonly limit: number
}

/** What may have changed stored totals of a partition since a moment, or still will. */
export interface RecentRequest {
  readonly partition: number
  /** By the ledger's clock. */
  readonly sinceMs: number
  /**
   * When a settled one was, as far as its note tells, for a driver that does not keep it; `undefined`
   * counts as just now.
   */
  readonly settledMs: (note: string) => number | undefined
  /** 1 to 10,000. */
  readonly limit: number
}

/**
 * Every method throws `LedgerUnavailable` (or `Overloaded`) when there is no answer; a refusal is a
 * value. Rids are listed in ascending order.
 */
export interface Ledger {
  /** Partitions that this ledger has; ids are 0 to `partitions - 1`. */
  readonly partitions: number
  /** Installation salt that subject ids are made with. Throws `LedgerUnavailable` until it is known. */
  readonly salt: string
  admit(command: AdmitCommand): Promise<AdmitReply>
  finish(command: FinishCommand): Promise<FinishReply>
  /** Partitions that this gateway is to sweep now, of those that all gateways share. */
  share(): Promise<readonly number[]>
  claim(request: ClaimRequest): Promise<{ nowMs: number; reservations: readonly Reservation[] }>
  find(ref: ReservationRef): Promise<Reservation | undefined>
  list(request: ListRequest): Promise<readonly Reservation[]>
  /**
   * Pending reservations of a partition, whoever owns them, and those that were settled at a moment or
   * after it, in no order; as many as the limit: there may be more. Settled ones are there for as long as
   * they are remembered. May read much.
   */
  recent(request: RecentRequest): Promise<readonly Reservation[]>
  /**
   * Compares a partition with itself, and with `repair` mends it, in one step. What cannot be read is
   * reported and left as it is.
   */
  audit(request: AuditRequest): Promise<PartitionAudit>
  /** Finishes what is under way, then lets go of files and connections. */
  close(): Promise<void>
}
