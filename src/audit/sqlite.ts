import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { SqlDatabase, SqlStatement, SqlValue } from '../sql-database.ts'
import { createEventBuffer, type EventBufferOptions } from './event-buffer.ts'
import type { Audit, AuditEvent, AuditQuery } from './port.ts'
import { auditUnavailable, momentOf, noSuchPosition, readPage, type Stretch } from './read-back.ts'

export interface SqliteAuditOptions extends Omit<EventBufferOptions, 'write' | 'gather'> {
  /** A file of its own; closed with the log. */
  readonly database: SqlDatabase
  readonly clock: Clock
  /** Runs something in the next turn of the event loop: events of one turn share a transaction. */
  readonly schedule: (run: () => void) => void
  /** How long events are kept, in days, 1 and up. Default: for good. */
  readonly keepDays?: number | undefined
}

const DAY_MS = 86_400_000
/**
 * How long another process may hold the file before an error, in milliseconds: everything stands still
 * meanwhile, so that only a start and an end wait for long.
 */
const BUSY_TIMEOUT_MS = 20
const EDGE_BUSY_TIMEOUT_MS = 2_000
/** Pages of the log after which they are written back: that, and not a record, is what takes time. */
const CHECKPOINT_PAGES = 8_000
/** Rows of one look, and looks of one query: nobody waits for a whole log. */
const STRETCH_ROWS = 250
const MAX_STRETCHES = 80
/** Old events that go with every write, beside twice as many as come. */
const PRUNE_ROWS = 10

/** A member of an event, for an index and its queries alike; a row that holds no event is in none. */
const memberOf = (name: string) =>
  `CASE WHEN json_valid(event) THEN json_extract(event, '$.${name}') END`
const GRANT_HASH = memberOf('grantHash')
const REQUEST_ID = memberOf('requestId')

const TABLE = `
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS audit_event (
    id INTEGER PRIMARY KEY,
    at_ms INTEGER NOT NULL, tenant TEXT, user TEXT, event TEXT NOT NULL
  );
  CREATE INDEX IF NOT EXISTS audit_event_at ON audit_event (at_ms);
  CREATE INDEX IF NOT EXISTS audit_event_tenant ON audit_event (tenant, at_ms)
    WHERE tenant IS NOT NULL;
  CREATE INDEX IF NOT EXISTS audit_event_user ON audit_event (tenant, user, at_ms)
    WHERE user IS NOT NULL;
  CREATE INDEX IF NOT EXISTS audit_event_grant ON audit_event (${GRANT_HASH}, at_ms)
    WHERE ${GRANT_HASH} IS NOT NULL;
  CREATE INDEX IF NOT EXISTS audit_event_request ON audit_event (${REQUEST_ID}, at_ms)
    WHERE ${REQUEST_ID} IS NOT NULL;
  COMMIT;
`
const PRUNE = `
  DELETE FROM audit_event WHERE id IN
    (SELECT id FROM audit_event WHERE at_ms < ? ORDER BY at_ms LIMIT ?)
`

/**
 * Audit in SQLite, one row an event, found by tenant, user, grant, request and time without a look at others. Several
 * gateways may share the file. What a crash of the process leaves is whole; a crash of the machine may
 * take the last moments, as of a file. Throws `AuditUnavailable` for a file that cannot be used.
 */
export function openSqliteAudit(options: SqliteAuditOptions): Audit {
  const { database, clock, schedule, keepDays } = options
  const statements = attempt(() => prepareAll(database))

  /** All rows or none; throws what SQLite throws. */
  function writeRows(events: readonly AuditEvent[]): void {
    database.exec('BEGIN IMMEDIATE')
    try {
      for (const event of events) {
        const { at, tenant = null, user = null } = event
        statements.insert.run(momentOf(at), tenant, user, JSON.stringify(event))
      }
      if (keepDays !== undefined) {
        const oldest = clock.nowMs() - keepDays * DAY_MS
        statements.prune.run(oldest, 2 * events.length + PRUNE_ROWS)
      }
      database.exec('COMMIT')
    } catch (error) {
      rollBack(database)
      throw error
    }
  }

  const buffer = createEventBuffer({
    ...options,
    write: async (events) => writeRows(events),
    gather: () => new Promise(schedule),
  })

  return {
    append: buffer.append,
    async query(query) {
      const { statement, values } = narrowest(statements, query)
      const { sinceMs = MIN_MS, untilMs = MAX_MS } = query
      const readBack = async (after: string | undefined) => {
        const [atMs, id] = after === undefined ? [MAX_MS, 0] : parsePosition(after)
        // Not all stretches in one turn: requests go on meanwhile.
        await new Promise<void>(schedule)
        // The index is entered at the position, and not at the newest row of all.
        const beforeMs = Math.min(untilMs, atMs + 1)
        return attempt(() =>
          stretchOf(statement, [...values, sinceMs, beforeMs, atMs, id, STRETCH_ROWS]),
        )
      }
      return readPage(query, { readBack, maxStretches: MAX_STRETCHES })
    },
    async close() {
      attempt(() => waitAtMost(database, EDGE_BUSY_TIMEOUT_MS))
      await buffer.close()
      attempt(() => database.close())
    },
  }
}

const MAX_MS = Number.MAX_SAFE_INTEGER
const MIN_MS = -MAX_MS

type Statements = ReturnType<typeof prepareAll>

function prepareAll(database: SqlDatabase) {
  waitAtMost(database, EDGE_BUSY_TIMEOUT_MS)
  assertOurs(database)
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = NORMAL')
  database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
  database.exec(TABLE)
  waitAtMost(database, BUSY_TIMEOUT_MS)
  // By name: without statistics SQLite takes the index of a tenant for a user's.
  const list = (index: string, narrowed: string) =>
    database.prepare(`
      SELECT id, at_ms, event FROM audit_event INDEXED BY ${index}
      WHERE ${narrowed} at_ms >= ? AND at_ms < ? AND (at_ms, id) < (?, ?)
      ORDER BY at_ms DESC, id DESC LIMIT ?
    `)
  return {
    insert: database.prepare(
      'INSERT INTO audit_event (at_ms, tenant, user, event) VALUES (?, ?, ?, ?)',
    ),
    prune: database.prepare(PRUNE),
    ofAll: list('audit_event_at', ''),
    ofTenant: list('audit_event_tenant', 'tenant = ? AND'),
    ofUser: list('audit_event_user', 'tenant = ? AND user = ? AND'),
    ofGrant: list('audit_event_grant', `${GRANT_HASH} = ? AND`),
    ofRequest: list('audit_event_request', `${REQUEST_ID} = ? AND`),
  }
}

function waitAtMost(database: SqlDatabase, timeoutMs: number): void {
  database.exec(`PRAGMA busy_timeout = ${timeoutMs}`)
}

function assertOurs(database: SqlDatabase): void {
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    .all()
  if (tables.length > 0 && !tables.some(({ name }) => name === 'audit_event')) {
    throw new Error('the file is the database of something else')
  }
}

/** What an index can narrow down; the rest is compared afterwards. */
function narrowest(
  { ofAll, ofTenant, ofUser, ofGrant, ofRequest }: Statements,
  { tenant, user, grantHash, requestId }: AuditQuery,
): { readonly statement: SqlStatement; readonly values: readonly SqlValue[] } {
  if (grantHash !== undefined) return { statement: ofGrant, values: [grantHash] }
  if (requestId !== undefined) return { statement: ofRequest, values: [requestId] }
  if (tenant === undefined) return { statement: ofAll, values: [] }
  if (user === undefined) return { statement: ofTenant, values: [tenant] }
  return { statement: ofUser, values: [tenant, user] }
}

function stretchOf(statement: SqlStatement, values: readonly SqlValue[]): Stretch {
  const records = statement
    .all(...values)
    .map(({ id, at_ms, event }) => ({ position: `${at_ms}:${id}`, text: String(event) }))
  const last = records.at(-1)
  if (records.length < STRETCH_ROWS || last === undefined) return { records }
  return { records, next: last.position }
}

function parsePosition(text: string): readonly [number, number] {
  const match = /^(\d{1,15}):(\d{1,15})$/.exec(text)
  if (match === null) throw noSuchPosition()
  return [Number(match[1]), Number(match[2])]
}

function rollBack(database: SqlDatabase): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // SQLite has done so by itself, as it does when the disk is full.
  }
}

function attempt<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    throw auditUnavailable(cause)
  }
}
