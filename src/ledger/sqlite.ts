import type { Clock } from '../clock.ts'
import { toBase64Url } from '../hashing.ts'
import type { SqlDatabase } from '../sql-database.ts'
import type { PartitionAudit } from './audit.ts'
import { batchItems, otherRids } from './batch-items.ts'
import { checkCommand } from './check-command.ts'
import { decideAdmit } from './decide-admit.ts'
import { decideFinish } from './decide-finish.ts'
import type { LedgerState, Writes } from './decision.ts'
import { createGroupCommit, unavailable } from './group-commit.ts'
import type { AdmitCommand, FinishCommand, Ledger, SubjectState } from './port.ts'
import { openSqliteAudit } from './sqlite-audit.ts'
import { openRows } from './sqlite-rows.ts'
import { prepareDatabase } from './sqlite-schema.ts'
import { steadyClock } from './steady-clock.ts'

export interface SqliteLedgerOptions {
  /** An open database that nobody else writes. */
  readonly database: SqlDatabase
  readonly clock: Clock
  /** Runs a function after the current turn of the event loop: `setImmediate` where there is one. */
  readonly schedule: (run: () => void) => void
  /**
   * How long an ended reservation is remembered, in milliseconds, 2 h and up; asked for with each claim
   * where it can change. Default 24 h.
   */
  readonly retentionMs?: number | (() => number)
  /**
   * Opens the same file once more, to read alone: then audits stop nobody. Default: an audit is one
   * turn of the event loop, however long it takes.
   */
  readonly openReader?: () => SqlDatabase
}

const DAY_MS = 86_400_000
const SALT_BYTES = 16
const PRUNED_AT_ONCE = 5_000

/**
 * The ledger in SQLite: WAL, `synchronous = FULL`, one transaction for all commands of a turn of the
 * event loop. What was answered survives a crash and the loss of power. Throws `LedgerUnavailable`
 * when the file cannot be used.
 */
export function openSqliteLedger(options: SqliteLedgerOptions): Ledger {
  const { database, clock, schedule, retentionMs = DAY_MS, openReader } = options
  const now = steadyClock(clock)
  const retention = typeof retentionMs === 'function' ? retentionMs : () => retentionMs
  const newSalt = () => toBase64Url(crypto.getRandomValues(new Uint8Array(SALT_BYTES)))
  const salt = prepareDatabase(database, newSalt)
  const rows = openRows(database)
  const audits = openSqliteAudit({ database, rows, schedule, openReader: openReader ?? noReader })
  // Subjects of the transaction under way: many of its commands share them.
  const subjects = new Map<string, SubjectState | undefined>()
  const changed = new Set<string>()
  let closing: Promise<void> | undefined
  const forget = () => {
    subjects.clear()
    changed.clear()
  }
  const flush = () => {
    for (const id of changed) rows.writeSubject(id, subjects.get(id))
    forget()
  }
  const commits = createGroupCommit({
    database,
    schedule,
    forget,
    flush,
  })

  function subject(id: string): SubjectState | undefined {
    if (!subjects.has(id)) subjects.set(id, rows.subject(id))
    return subjects.get(id)
  }

  function stateOf(command: AdmitCommand | FinishCommand): LedgerState {
    return {
      record: 'rid' in command ? rows.reservation(command.rid) : undefined,
      others: otherRids(command).map((rid) => rows.reservation(rid)),
      subjects: command.subjects.map(subject),
    }
  }

  function apply(command: AdmitCommand | FinishCommand, writes: Writes | undefined, nowMs: number) {
    if (writes === undefined) return
    for (const [index, state] of (writes.subjects ?? []).entries()) {
      const id = command.subjects[index]
      if (id === undefined) continue
      subjects.set(id, state)
      changed.add(id)
    }
    if (!('rid' in command)) return
    const { record, others = [], dueMs } = writes
    if (record === undefined) return
    const kept = { endedMs: dueMs === null ? nowMs : null, dueMs }
    rows.writeRecord(command.rid, record, kept)
    for (const { rid, record: other } of others) rows.writeRecord(rid, other, kept)
  }

  /** Reads see what is committed; whatever the database says becomes `LedgerUnavailable`. */
  async function read<T>(work: () => T): Promise<T> {
    try {
      return work()
    } catch (error) {
      throw unavailable(error)
    }
  }

  return {
    partitions: 1,
    salt,
    async admit(command) {
      checkCommand(command)
      const items = command.op === 'R' ? batchItems(command).length : 1
      // Awaited here, because a promise that is merely returned takes two turns more.
      return await commits.run(() => {
        const nowMs = now()
        const { reply, writes } = decideAdmit(stateOf(command), command, nowMs)
        apply(command, writes, nowMs)
        return reply
      }, items)
    },
    async finish(command) {
      checkCommand(command)
      return commits.run(() => {
        const nowMs = now()
        const { reply, writes } = decideFinish(stateOf(command), command, nowMs)
        apply(command, writes, nowMs)
        return reply
      })
    },
    share: async () => [0],
    claim: ({ limit, leaseMs }) =>
      commits.run(() => {
        const nowMs = now()
        rows.prune(nowMs - retention(), PRUNED_AT_ONCE)
        const rids = rows.due(nowMs, limit)
        for (const rid of rids) rows.setDue(rid, nowMs + leaseMs)
        return { nowMs, reservations: rids.flatMap((rid) => rows.readable(rid) ?? []) }
      }),
    find: ({ rid }) => read(() => rows.reservation(rid)),
    list: ({ owner, states, ridPrefix, after = '', limit }) =>
      read(() => rows.list({ owner, states, ridPrefix, after, limit })),
    recent: ({ sinceMs, limit }) => read(() => rows.recent(sinceMs, limit)),
    async audit(request) {
      if (openReader !== undefined) {
        const seen = await audits.inSlices(request.partition, now()).catch(rethrowUnavailable)
        if (!request.repair || isInOrder(seen)) return seen
      }
      return commits.run(() => {
        // Rows alone are audited: what earlier commands of the transaction left is written first.
        flush()
        return audits.atOnce(request, now())
      })
    },
    close() {
      closing ??= Promise.all([commits.close(), audits.close()]).then(() => database.close())
      return closing
    },
  }
}

/** True when there is nothing that a repair could mend. */
function isInOrder({ drifts, index }: PartitionAudit): boolean {
  return drifts.length + index.length === 0
}

function rethrowUnavailable(cause: unknown): never {
  throw unavailable(cause)
}

function noReader(): never {
  throw new Error('there is no second connection')
}
