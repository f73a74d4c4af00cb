import type { Clock } from '../clock.ts'
import { toBase64Url } from '../hashing.ts'
import type { AuditRequest } from './audit.ts'
import { auditPartition } from './audit-partition.ts'
import { otherRids } from './batch-items.ts'
import { checkCommand } from './check-command.ts'
import { decideAdmit } from './decide-admit.ts'
import { decideFinish } from './decide-finish.ts'
import type { LedgerRecord, LedgerState, Writes } from './decision.ts'
import type {
  AdmitCommand,
  ClaimRequest,
  FinishCommand,
  Ledger,
  ListRequest,
  RecentRequest,
  Reservation,
  ReservationRef,
  SubjectState,
} from './port.ts'
import { flawOfRecord, readableRecord, readableState } from './readable.ts'
import { steadyClock } from './steady-clock.ts'

export interface MemoryLedgerOptions {
  readonly clock: Clock
  /** Installation salt. Default: one of its own, as nothing outlives the process. */
  readonly salt?: string
  /** How long an ended reservation is remembered, in milliseconds. Default 24 h. */
  readonly retentionMs?: number
  /** Where it is all kept. Default: new and empty. */
  readonly state?: MemoryState
}

/** All that a memory ledger keeps: a test may look at it, damage it, or open it once more. */
export interface MemoryState {
  readonly subjects: Map<string, SubjectState>
  readonly records: Map<string, LedgerRecord>
  /** When the sweeper looks next, in ledger time. */
  readonly due: Map<string, number>
  /** When reservations ended, longest ago first. */
  readonly ended: Map<string, number>
}

/** An empty state. */
export function newMemoryState(): MemoryState {
  return { subjects: new Map(), records: new Map(), due: new Map(), ended: new Map() }
}

/** What the memory ledger lets tests look at. */
export interface MemoryLedger extends Ledger {
  /** A copy of every subject's state. */
  subjects(): ReadonlyMap<string, SubjectState>
  /** A copy of the index: rid → next look, in milliseconds. */
  looks(): ReadonlyMap<string, number>
  /** Drops a subject's state, as a damaged ledger would. */
  lose(subject: string): void
}

const DAY_MS = 86_400_000
const SALT_BYTES = 16
const PRUNED_AT_ONCE = 1_000

/** The ledger on Maps: for tests and trying out. Everything is gone with the process. */
export function openMemoryLedger({
  clock,
  salt = toBase64Url(crypto.getRandomValues(new Uint8Array(SALT_BYTES))),
  retentionMs = DAY_MS,
  state = newMemoryState(),
}: MemoryLedgerOptions): MemoryLedger {
  const now = steadyClock(clock)
  const { subjects, records, due, ended } = state

  function stateOf(command: AdmitCommand | FinishCommand): LedgerState {
    return {
      record: 'rid' in command ? recordOf(command.rid) : undefined,
      others: otherRids(command).map(recordOf),
      subjects: command.subjects.map((id) => {
        const state = subjects.get(id)
        return state === undefined ? undefined : readableState(nameOf('subject', id), state)
      }),
    }
  }

  function apply(command: AdmitCommand | FinishCommand, writes: Writes | undefined): void {
    if (writes === undefined) return
    for (const [index, state] of (writes.subjects ?? []).entries()) {
      const id = command.subjects[index]
      if (id === undefined) continue
      if (state === undefined) subjects.delete(id)
      else subjects.set(id, state)
    }
    for (const { rid, record } of writes.others ?? []) {
      records.set(rid, record)
      due.set(rid, writes.dueMs ?? now())
    }
    if (!('rid' in command)) return
    const { rid } = command
    if (writes.record !== undefined) {
      records.set(rid, writes.record)
      // Taken out first: `prune` relies on the order of the endings, and a late one ends anew.
      ended.delete(rid)
      if (writes.dueMs === null) ended.set(rid, now())
    }
    if (writes.dueMs === null) due.delete(rid)
    else if (writes.dueMs !== undefined) due.set(rid, writes.dueMs)
  }

  function recordOf(rid: string): LedgerRecord | undefined {
    const record = records.get(rid)
    return record && readableRecord(nameOf('reservation', rid), record)
  }

  function reservation(rid: string, partition: number): Reservation | undefined {
    const record = recordOf(rid)
    return record === undefined ? undefined : { ...record, rid, partition }
  }

  /** The claimed ones; what cannot be read is left to the auditor, or nothing would be swept. */
  function readableOnes(rids: readonly string[], partition: number): Reservation[] {
    const readable = rids.filter((rid) => flawOfRecord(records.get(rid)) === undefined)
    return readable.flatMap((rid) => reservation(rid, partition) ?? [])
  }

  function prune(): void {
    let pruned = 0
    for (const [rid, endedMs] of ended) {
      if (endedMs >= now() - retentionMs || pruned >= PRUNED_AT_ONCE) return
      ended.delete(rid)
      records.delete(rid)
      pruned += 1
    }
  }

  return {
    partitions: 1,
    salt,
    async admit(command) {
      checkCommand(command)
      const { reply, writes } = decideAdmit(stateOf(command), command, now())
      apply(command, writes)
      return reply
    },
    async finish(command) {
      checkCommand(command)
      const { reply, writes } = decideFinish(stateOf(command), command, now())
      apply(command, writes)
      return reply
    },
    share: async () => [0],
    async claim({ partition, limit, leaseMs }: ClaimRequest) {
      prune()
      const nowMs = now()
      const claimed = [...due]
        .filter(([, atMs]) => atMs <= nowMs)
        .sort(([aRid, a], [bRid, b]) => a - b || (aRid < bRid ? -1 : 1))
        .slice(0, limit)
      for (const [rid] of claimed) due.set(rid, nowMs + leaseMs)
      const rids = claimed.map(([rid]) => rid)
      return { nowMs, reservations: readableOnes(rids, partition) }
    },
    async find({ partition, rid }: ReservationRef) {
      return reservation(rid, partition)
    },
    async list({ partition, owner, states, ridPrefix, after = '', limit }: ListRequest) {
      const rids = [...records]
        .filter(([rid]) => rid.startsWith(ridPrefix) && rid > after)
        .filter(
          ([
            ,
            {
              state,
              subjects: [first],
            },
          ]) => first === owner && states.includes(state),
        )
        .map(([rid]) => rid)
        .sort((a, b) => (a < b ? -1 : 1))
      return rids.slice(0, limit).flatMap((rid) => reservation(rid, partition) ?? [])
    },
    async recent({ partition, sinceMs, limit }: RecentRequest) {
      const isRecent = (rid: string, state: string) =>
        state === 'P' || (state === 'S' && (ended.get(rid) ?? 0) >= sinceMs)
      const rids = [...records].flatMap(([rid, { state }]) => (isRecent(rid, state) ? [rid] : []))
      return readableOnes(rids, partition).slice(0, limit)
    },
    async audit({ partition, repair }: AuditRequest) {
      const nowMs = now()
      const open = [...records].map(([rid, record]) => [rid, record, ended.has(rid)] as const)
      const found = { subjects, records: open, due, nameOf }
      const { audit, repairs } = auditPartition(found, { repair })
      for (const [id, mended] of repairs.subjects) {
        if (mended === undefined) subjects.delete(id)
        else subjects.set(id, mended)
      }
      for (const rid of repairs.missing) due.set(rid, nowMs)
      for (const rid of repairs.stray) due.delete(rid)
      return { partition, nowMs, ...audit }
    },
    async close() {},
    subjects: () => new Map(subjects),
    looks: () => new Map(due),
    lose: (subject) => void subjects.delete(subject),
  }
}

function nameOf(what: 'subject' | 'reservation', id: string): string {
  return `${what} ${id}`
}
