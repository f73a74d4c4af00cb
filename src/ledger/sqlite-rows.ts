import { GatewayError } from '../errors.ts'
import type { SqlDatabase, SqlRow } from '../sql-database.ts'
import type { LedgerRecord } from './decision.ts'
import type { Hold, Reservation, ReservationState, SubjectState } from './port.ts'
import { decoded, readableRecord, readableState } from './readable.ts'

const COLUMNS = 'rid, state, fp, exp, hold, subjects, note, actual, over'

/** The ledger's statements, prepared once, and their rows as values. */
export function openRows(database: SqlDatabase) {
  const getSubject = database.prepare('SELECT state FROM subject WHERE id = ?')
  const putSubject = database.prepare('INSERT OR REPLACE INTO subject (id, state) VALUES (?, ?)')
  const dropSubject = database.prepare('DELETE FROM subject WHERE id = ?')
  const getRecord = database.prepare(`SELECT ${COLUMNS} FROM reservation WHERE rid = ?`)
  const putRecord = database.prepare(
    `INSERT INTO reservation (${COLUMNS}, owner, ended, due) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (rid) DO UPDATE SET state = excluded.state, fp = excluded.fp, exp = excluded.exp,
       hold = excluded.hold, subjects = excluded.subjects, note = excluded.note,
       actual = excluded.actual, over = excluded.over, ended = excluded.ended, due = iif(?, due, excluded.due)`,
  )
  const setDue = database.prepare('UPDATE reservation SET due = ? WHERE rid = ?')
  const dueRids = database.prepare(
    'SELECT rid FROM reservation WHERE due <= ? ORDER BY due, rid LIMIT ?',
  )
  const prune = database.prepare(
    'DELETE FROM reservation WHERE rid IN (SELECT rid FROM reservation WHERE ended < ? LIMIT ?)',
  )
  const listState = database.prepare(
    `SELECT ${COLUMNS} FROM reservation WHERE owner = ? AND state = ? AND rid > ? AND rid >= ?
       AND rid < ? ORDER BY rid LIMIT ?`,
  )
  // By an index each: what has not ended is due some time.
  const listPending = database.prepare(
    `SELECT ${COLUMNS} FROM reservation WHERE due IS NOT NULL AND state = 'P' LIMIT ?`,
  )
  const listSettled = database.prepare(
    `SELECT ${COLUMNS} FROM reservation WHERE ended >= ? AND state = 'S' LIMIT ?`,
  )
  return {
    subject(id: string): SubjectState | undefined {
      const row = getSubject.get(id)
      return row && readableState(`subject ${id}`, decoded(row.state))
    },
    writeSubject(id: string, state: SubjectState | undefined): void {
      if (state === undefined) dropSubject.run(id)
      else putSubject.run(id, JSON.stringify(state))
    },
    reservation(rid: string): Reservation | undefined {
      const row = getRecord.get(rid)
      return row && reservationOf(row)
    },
    /** The same, but for one that cannot be read: it is left to the auditor. */
    readable(rid: string): Reservation | undefined {
      try {
        const row = getRecord.get(rid)
        return row && reservationOf(row)
      } catch (error) {
        // A number that is too large for JavaScript is a `RangeError` of the database's.
        if (error instanceof GatewayError || error instanceof RangeError) return undefined
        throw error
      }
    },
    /** `dueMs`: as in `Writes`; undefined leaves it as it is. */
    writeRecord(
      rid: string,
      record: LedgerRecord,
      kept: { endedMs: number | null; dueMs: number | null | undefined },
    ): void {
      const { state, fingerprint, expMs, note, actual, over } = record
      const { endedMs, dueMs } = kept
      const hold = JSON.stringify(record.hold)
      const subjects = JSON.stringify(record.subjects)
      const owner = record.subjects[0] ?? ''
      putRecord.run(
        rid,
        state,
        fingerprint,
        expMs,
        hold,
        subjects,
        note,
        actual,
        over,
        owner,
        endedMs,
        dueMs ?? null,
        dueMs === undefined ? 1 : 0,
      )
    },
    setDue(rid: string, dueMs: number | null): void {
      setDue.run(dueMs, rid)
    },
    due(nowMs: number, limit: number): string[] {
      return dueRids.all(nowMs, limit).map((row) => String(row.rid))
    },
    prune(endedBeforeMs: number, limit: number): void {
      prune.run(endedBeforeMs, limit)
    },
    recent(sinceMs: number, limit: number): Reservation[] {
      const rows = [...listPending.all(limit), ...listSettled.all(sinceMs, limit)]
      return rows.slice(0, limit).map(reservationOf)
    },
    list(request: {
      owner: string
      after: string
      ridPrefix: string
      states: readonly ReservationState[]
      limit: number
    }): Reservation[] {
      const { owner, after, ridPrefix, states, limit } = request
      const end = `${ridPrefix}\u{10ffff}`
      // State by state, so that each is a walk along the index and stops at the limit.
      const found = [...new Set(states)].flatMap((state) =>
        listState.all(owner, state, after, ridPrefix, end, limit).map(reservationOf),
      )
      return found.sort((a, b) => (a.rid < b.rid ? -1 : 1)).slice(0, limit)
    },
  }
}

/** What `openRows` returns. */
export type Rows = ReturnType<typeof openRows>

function reservationOf(row: SqlRow): Reservation {
  return readableRecord(`reservation ${row.rid}`, recordIn(row))
}

function recordIn(row: SqlRow): Reservation {
  return {
    partition: 0,
    rid: String(row.rid),
    state: String(row.state) as ReservationState,
    fingerprint: String(row.fp),
    expMs: Number(row.exp),
    hold: decoded(row.hold) as Hold,
    subjects: decoded(row.subjects) as string[],
    note: String(row.note),
    actual: Number(row.actual),
    over: Number(row.over),
  }
}
