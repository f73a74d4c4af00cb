import { GatewayError } from '../errors.ts'
import { isKeptByRuntime, type SqlDatabase, type SqlRow, transact } from '../sql-database.ts'
import {
  checkChanges,
  checkDocument,
  checkName,
  checkPage,
  checkVersion,
} from './check-document.ts'
import type { StateChange, StateDocument, StateStore } from './port.ts'

/** How long another process may hold the file before an error, in milliseconds. */
const BUSY_TIMEOUT_MS = 2_000
/** Pages of the log after which they are written back, as for the ledger in the same file. */
const CHECKPOINT_PAGES = 8_000

/** Takes the next position of the kind of the row that was written. */
const TAKE_POSITION = `BEGIN
    INSERT INTO document_kind (kind, last)
      VALUES (substr(new.name, 1, instr(new.name || '/', '/') - 1), 1)
      ON CONFLICT (kind) DO UPDATE SET last = last + 1;
    INSERT INTO document_change (kind, position, name)
      SELECT kind, last, new.name FROM document_kind
      WHERE kind = substr(new.name, 1, instr(new.name || '/', '/') - 1)
      ON CONFLICT (name) DO UPDATE SET position = excluded.position;
  END`

// The table has row ids: values are long, and the tree of names stays small. Positions stand apart from
// the values, which would be written twice else, and come from triggers: so also writes of versions that
// know of none are counted. The last statement gives one to each document that is older than they are.
const TABLES = `
  CREATE TABLE IF NOT EXISTS document (
    name TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL
  );
  CREATE TABLE IF NOT EXISTS document_kind (
    kind TEXT PRIMARY KEY, last INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS document_change (
    kind TEXT, position INTEGER, name TEXT NOT NULL UNIQUE, PRIMARY KEY (kind, position)
  ) WITHOUT ROWID;
  CREATE TRIGGER IF NOT EXISTS document_made AFTER INSERT ON document ${TAKE_POSITION};
  CREATE TRIGGER IF NOT EXISTS document_written AFTER UPDATE OF version ON document ${TAKE_POSITION};
  CREATE TRIGGER IF NOT EXISTS document_removed AFTER DELETE ON document BEGIN
    DELETE FROM document_change WHERE name = old.name;
  END;
  UPDATE document SET version = version WHERE name NOT IN (SELECT name FROM document_change);
`
// Names are ASCII, so that SQLite's order of bytes is that of code units. `0` comes right after `/`.
const LIST = `
  SELECT name, version, value FROM document
  WHERE (name = ?1 OR (name > ?1 || '/' AND name < ?1 || '0')) AND name > ?2
  ORDER BY name LIMIT ?3
`
// One statement, for one look. A kind without changes has one row, and one that nobody wrote has none.
const CHANGES = `
  SELECT last, position, document.name, version, value FROM document_kind
  LEFT JOIN document_change
    ON document_change.kind = document_kind.kind AND position > ?2
  LEFT JOIN document ON document.name = document_change.name
  WHERE document_kind.kind = ?1 ORDER BY position LIMIT ?3
`

/**
 * The state store in SQLite, in tables of its own: the file may be the ledger's, over a connection
 * of its own that has been opened after the ledger's. Each change is one statement, so that it is
 * whole or not at all, and holds the file for no longer. Throws `LedgerUnavailable` when the file
 * cannot be used. `database` is closed with the store.
 */
export function openSqliteState(database: SqlDatabase): StateStore {
  const statements = attempt(() => prepareAll(database))
  return {
    async get(name) {
      checkName(name)
      const row = attempt(() => statements.get.get(name))
      return row && documentOf(row)
    },
    async put(document) {
      checkDocument(document)
      const { name, value, ifVersion } = document
      const row = attempt(() => {
        if (ifVersion === undefined) return statements.write.get(name, value)
        if (ifVersion === 0) return statements.make.get(name, value)
        return statements.replace.get(value, name, ifVersion)
      })
      return row && Number(row.version)
    },
    async remove(name, ifVersion) {
      checkName(name)
      checkVersion(ifVersion)
      const row = attempt(() => statements.remove.get(name, ifVersion ?? null))
      return row !== undefined
    },
    async list(request) {
      checkPage(request)
      const { kind, after = '', limit } = request
      return attempt(() => statements.list.all(kind, after, limit)).map(documentOf)
    },
    async changes(request) {
      checkChanges(request)
      const { kind, after, limit } = request
      const rows = attempt(() => statements.changes.all(kind, after, limit))
      const changes = rows.filter(({ position }) => position !== null).map(changeOf)
      return { changes, last: Number(rows[0]?.last ?? 0) }
    },
    // Each change is on the disk before anybody can read it.
    async confirm() {},
    async close() {
      attempt(() => database.close())
    },
  }
}

function prepareAll(database: SqlDatabase) {
  if (!isKeptByRuntime(database)) {
    database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
    database.exec('PRAGMA journal_mode = WAL')
    database.exec('PRAGMA synchronous = FULL')
    database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
  }
  transact(database, () => database.exec(TABLES))
  const insert = 'INSERT INTO document (name, version, value) VALUES (?, 1, ?)'
  const change = 'version = version + 1, value'
  return {
    get: database.prepare('SELECT name, version, value FROM document WHERE name = ?'),
    write: database.prepare(
      `${insert} ON CONFLICT (name) DO UPDATE SET ${change} = excluded.value RETURNING version`,
    ),
    make: database.prepare(`${insert} ON CONFLICT (name) DO NOTHING RETURNING version`),
    replace: database.prepare(
      `UPDATE document SET ${change} = ? WHERE name = ? AND version = ? RETURNING version`,
    ),
    remove: database.prepare(
      'DELETE FROM document WHERE name = ?1 AND version = ifnull(?2, version) RETURNING version',
    ),
    list: database.prepare(LIST),
    changes: database.prepare(CHANGES),
  }
}

function documentOf({ name, version, value }: SqlRow): StateDocument {
  return { name: String(name), version: Number(version), value: String(value) }
}

function changeOf(row: SqlRow): StateChange {
  return { ...documentOf(row), position: Number(row.position) }
}

function attempt<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw new GatewayError('LedgerUnavailable', 'Cannot use the shared state: no answer', { cause })
  }
}
