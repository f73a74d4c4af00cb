import type { SqlDatabase, SqlRow } from '../sql-database.ts'
import type { AuditRequest, PartitionAudit } from './audit.ts'
import { createPartitionAuditor, type PartitionAuditor } from './audit-partition.ts'
import { decoded } from './readable.ts'
import type { Rows } from './sqlite-rows.ts'

// Numbers are read as text: one beyond 2^53, which must not be there, would fail the whole query.
const COLUMNS = `r.rid, r.state, r.fp, CAST(r.exp AS TEXT) AS exp, CAST(r.hold AS TEXT) AS hold,
  CAST(r.subjects AS TEXT) AS subjects, CAST(r.actual AS TEXT) AS actual,
  CAST(r.over AS TEXT) AS over, r.due IS NOT NULL AS indexed, r.ended IS NOT NULL AS closed`

const SUBJECTS = 'SELECT id, CAST(state AS TEXT) AS state FROM subject'

// Owner by owner along the index, as ended reservations can be a thousand times as many; and whatever
// the sweeper would look at.
const OPEN_OR_INDEXED = `
  WITH RECURSIVE owners (owner) AS (
    SELECT min(owner) FROM reservation
    UNION ALL
    SELECT (SELECT min(owner) FROM reservation WHERE owner > owners.owner) FROM owners
      WHERE owners.owner IS NOT NULL)
  SELECT ${COLUMNS} FROM owners JOIN reservation r ON r.owner = owners.owner AND r.state IN ('P', 'D')
  UNION ALL
  SELECT ${COLUMNS} FROM reservation r WHERE r.due IS NOT NULL AND r.state NOT IN ('P', 'D')`

/** Rows of one turn of the event loop: about a millisecond. */
const SLICE = 64

export interface SqliteAudit {
  /** Audits within the transaction under way, on rows that are written. */
  atOnce(request: AuditRequest, nowMs: number): PartitionAudit
  /** Audits what is committed by now, a slice a turn. Repairs nothing. */
  inSlices(partition: number, nowMs: number): Promise<PartitionAudit>
  /** Ends an audit under way with an error, and lets go of the second connection. */
  close(): Promise<void>
}

/** The auditor's part of the SQLite ledger. */
export function openSqliteAudit({
  database,
  rows,
  schedule,
  openReader,
}: {
  readonly database: SqlDatabase
  readonly rows: Rows
  readonly schedule: (run: () => void) => void
  /** Opens a connection that only reads: its transaction is a snapshot that holds nobody up. */
  readonly openReader: () => SqlDatabase
}): SqliteAudit {
  let reader: SqlDatabase | undefined
  let queue: Promise<unknown> = Promise.resolve()
  let closed = false

  async function slices(partition: number, nowMs: number): Promise<PartitionAudit> {
    if (closed) throw new Error('the ledger is closed')
    reader ??= openReader()
    const auditor = createPartitionAuditor({ nameOf, repair: false })
    const work = readAll(reader, auditor)
    reader.exec('BEGIN')
    try {
      let read = 0
      while (work.next().done !== true) {
        read += 1
        if (read % SLICE !== 0) continue
        await new Promise<void>((resolve) => schedule(resolve))
        if (closed) throw new Error('the ledger is closed')
      }
      return { partition, nowMs, ...auditor.finish().audit }
    } finally {
      work.return()
      reader.exec('ROLLBACK')
    }
  }

  return {
    atOnce({ partition, repair }, nowMs) {
      const auditor = createPartitionAuditor({ nameOf, repair })
      for (const _ of readAll(database, auditor));
      const { audit, repairs } = auditor.finish()
      for (const [id, mended] of repairs.subjects) rows.writeSubject(id, mended)
      for (const rid of repairs.missing) rows.setDue(rid, nowMs)
      for (const rid of repairs.stray) rows.setDue(rid, null)
      return { partition, nowMs, ...audit }
    },
    inSlices(partition, nowMs) {
      // One after the other: there is one connection.
      const audit = queue.then(() => slices(partition, nowMs))
      queue = audit.catch(() => {})
      return audit
    },
    async close() {
      closed = true
      await queue
      reader?.close()
    },
  }
}

/** Hands every row over; it stops after each, for whoever wants to pause. */
function* readAll(database: SqlDatabase, auditor: PartitionAuditor): Generator<void, void> {
  for (const row of database.prepare(OPEN_OR_INDEXED).iterate()) {
    const at = { closed: row.closed === 1, indexed: row.indexed === 1 }
    auditor.record(String(row.rid), recordIn(row), at)
    yield
  }
  for (const { id, state } of database.prepare(SUBJECTS).iterate()) {
    auditor.subject(String(id), decoded(state))
    yield
  }
}

function nameOf(what: 'subject' | 'reservation', id: string): string {
  return `${what} ${id}`
}

/** A row as a record; the note stays where it is. */
function recordIn({ state, fp, exp, hold, subjects, actual, over }: SqlRow) {
  const numbers = { expMs: Number(exp), actual: Number(actual), over: Number(over) }
  return {
    ...numbers,
    state,
    fingerprint: fp,
    hold: decoded(hold),
    subjects: decoded(subjects),
    note: '',
  }
}
