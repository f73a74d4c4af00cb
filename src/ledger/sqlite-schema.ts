import { GatewayError } from '../errors.ts'
import { isKeptByRuntime, type SqlDatabase, transact } from '../sql-database.ts'

const SCHEMA_VERSION = 2
/** How long another process may hold the file before an error, in milliseconds. */
const BUSY_TIMEOUT_MS = 2_000
/** Pages of the log after which they are written back: fewer writes than SQLite's 1,000. */
const CHECKPOINT_PAGES = 8_000
/** SQLite's number for `synchronous = FULL`. */
const FULL = 2

const TABLES = `
  CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS subject (id TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS reservation (
    rid TEXT PRIMARY KEY, state TEXT NOT NULL, fp TEXT NOT NULL, exp INTEGER NOT NULL,
    due INTEGER, hold TEXT NOT NULL, subjects TEXT NOT NULL DEFAULT '[]', note TEXT NOT NULL,
    actual INTEGER NOT NULL, over INTEGER NOT NULL, owner TEXT NOT NULL, ended INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS reservation_due ON reservation (due) WHERE due IS NOT NULL;
  CREATE INDEX IF NOT EXISTS reservation_owner_state ON reservation (owner, state, rid);
  CREATE INDEX IF NOT EXISTS reservation_ended ON reservation (ended) WHERE ended IS NOT NULL;
`

// Until schema 2 a reservation's subjects stood in its note alone.
const TO_SCHEMA_2 = `
  ALTER TABLE reservation ADD COLUMN subjects TEXT NOT NULL DEFAULT '[]';
  UPDATE reservation SET subjects = json_extract(note, '$.subjects')
    WHERE json_type(note, '$.subjects') = 'array';
  UPDATE meta SET value = '2' WHERE name = 'schema';
`

/**
 * Makes the tables, or checks those that are there, and returns the installation's salt. Throws
 * `LedgerUnavailable` for a file that a newer version wrote, or where `synchronous` cannot be FULL:
 * NORMAL may lose commits with the power.
 */
export function prepareDatabase(database: SqlDatabase, newSalt: () => string): string {
  if (!isKeptByRuntime(database)) makeDurable(database)
  transact(database, () => {
    assertReadable(database)
    database.exec(TABLES)
    const insert = database.prepare('INSERT OR IGNORE INTO meta (name, value) VALUES (?, ?)')
    insert.run('schema', String(SCHEMA_VERSION))
    insert.run('salt', newSalt())
    if (meta(database, 'schema') === '1') database.exec(TO_SCHEMA_2)
  })
  return meta(database, 'salt')
}

function makeDurable(database: SqlDatabase): void {
  database.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`)
  assertReadable(database)
  database.exec('PRAGMA journal_mode = WAL')
  database.exec('PRAGMA synchronous = FULL')
  // Without it macOS lets a commit rest in the drive's cache; elsewhere it does nothing.
  database.exec('PRAGMA fullfsync = ON')
  database.exec(`PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES}`)
  assertDurable(database)
}

/** Throws before anything is changed in a file that a newer version wrote, or another program. */
function assertReadable(database: SqlDatabase): void {
  const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
  if (tables.length === 0) return
  if (!tables.some(({ name }) => name === 'meta')) {
    // A runtime hands over what is ours alone; tables of its own lie there, too.
    if (isKeptByRuntime(database)) return
    throw new GatewayError('LedgerUnavailable', 'Cannot open the ledger: the file is not a ledger')
  }
  const version = Number(meta(database, 'schema'))
  if (version <= SCHEMA_VERSION) return
  throw new GatewayError(
    'LedgerUnavailable',
    `Cannot open the ledger: its schema ${version} is newer than ${SCHEMA_VERSION}, which this version knows`,
  )
}

/** Throws `LedgerUnavailable` unless commits survive a loss of power. */
export function assertDurable(database: SqlDatabase): void {
  const { synchronous } = database.prepare('PRAGMA synchronous').get() ?? {}
  if (synchronous !== FULL) {
    throw new GatewayError(
      'LedgerUnavailable',
      'Cannot open the ledger: "synchronous" must be FULL, or commits can be lost with the power',
    )
  }
  const { journal_mode: journal } = database.prepare('PRAGMA journal_mode').get() ?? {}
  if (journal !== 'wal') {
    throw new GatewayError(
      'LedgerUnavailable',
      `Cannot open the ledger: "journal_mode" must be WAL, and the file system gives "${journal}"`,
    )
  }
}

function meta(database: SqlDatabase, name: string): string {
  const row = database.prepare('SELECT value FROM meta WHERE name = ?').get(name)
  return String(row?.value ?? '')
}
