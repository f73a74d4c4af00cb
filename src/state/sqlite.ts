import { GatewayError } from '../errors.ts'
import type { SqlDatabase, SqlRow } from '../sql-database.ts'
import { checkDocument, checkName, checkPage, checkVersion } from './check-document.ts'
import type { StateDocument, StateStore } from './port.ts'

/** How long another process may hold the file before an error, in milliseconds. */
const BUSY_TIMEOUT_MS = 2_000
/** Pages of the log after which they are written back, as for the ledger in the same file. */
const CHECKPOINT_PAGES = 8_000

// The table has row ids: values are long, and the tree of names stays small.
const TABLE = `
  BEGIN IMMEDIATE;
  CREATE TABLE IF NOT EXISTS document (
    name TEXT PRIMARY KEY, version INTEGER NOT NULL, value TEXT NOT NULL
  );
  COMMIT;
`
// Names are ASCII, so that SQLite's order of bytes is that of code units. `0` comes right after `/`.
const LIST = `
  SELECT name, version, value FROM document
  WHERE (name = ?1 OR (name > ?1 || '/' AND name < ?1 || '0')) AND name > ?2
  ORDER BY name LIMIT ?3
`

/**
 * The state store in SQLite, in a table of its own: the file may be the ledger's, over a connection
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
    async close() {
      attempt(() => database.close())
    },
  }
}

function prepareAll(database: SqlDatabase) {
  database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = FULL')
  database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
  database.exec(TABLE)
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
  }
}

function documentOf({ name, version, value }: SqlRow): StateDocument {
  return { name: String(name), version: Number(version), value: String(value) }
}

function attempt<T>(work: () => T): T {
  try {
    return work()
  } catch (cause) {
    throw new GatewayError('LedgerUnavailable', 'Cannot use the shared state: no answer', { cause })
  }
}
