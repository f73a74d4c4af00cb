import type { AuditRequest, PartitionAudit } from './audit.ts'
import { auditPartition } from './audit-partition.ts'
import { decoded } from './readable.ts'
import type { SqlDatabase, SqlRow } from './sql-database.ts'
import type { Rows } from './sqlite-rows.ts'

// Numbers are read as text: one beyond 2^53, which must not be there, would fail the whole query.
const COLUMNS = `r.rid, r.state, r.fp, CAST(r.exp AS TEXT) AS exp, CAST(r.hold AS TEXT) AS hold,
  CAST(r.subjects AS TEXT) AS subjects, CAST(r.actual AS TEXT) AS actual,
  CAST(r.over AS TEXT) AS over, r.due IS NOT NULL AS indexed, r.ended IS NOT NULL AS closed`

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

/** The auditor's part of the SQLite ledger: it runs within a transaction, on rows that are written. */
export function openSqliteAudit(database: SqlDatabase, rows: Rows) {
  const allSubjects = database.prepare('SELECT id, CAST(state AS TEXT) AS state FROM subject')
  const openOrIndexed = database.prepare(OPEN_OR_INDEXED)

  return function audit({ partition, repair }: AuditRequest, nowMs: number): PartitionAudit {
    const records = openOrIndexed.all()
    const { audit, repairs } = auditPartition(
      {
        subjects: allSubjects.all().map(({ id, state }) => [String(id), decoded(state)] as const),
        records: records.map((row) => [String(row.rid), recordIn(row), row.closed === 1] as const),
        due: new Set(records.filter(({ indexed }) => indexed === 1).map(({ rid }) => String(rid))),
        nameOf: (what, id) => `${what} ${id}`,
      },
      { repair },
    )
    for (const [id, mended] of repairs.subjects) rows.writeSubject(id, mended)
    for (const rid of repairs.missing) rows.setDue(rid, nowMs)
    for (const rid of repairs.stray) rows.setDue(rid, null)
    return { partition, nowMs, ...audit }
  }
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
