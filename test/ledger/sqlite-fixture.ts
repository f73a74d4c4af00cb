import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Ledger } from '../../src/ledger/port.ts'
import { openSqliteLedger, type SqliteLedgerOptions } from '../../src/ledger/sqlite.ts'
import type { SqlDatabase } from '../../src/sql-database.ts'
import { TestClock } from '../support/test-clock.ts'

/** An SQLite ledger in a file of its own. */
export interface SqliteFixture {
  readonly path: string
  readonly clock: TestClock
  /** The connection of the ledger opened last. */
  readonly database: DatabaseSync
  readonly ledger: Ledger
  /** Opens the file once more, as after a restart. */
  reopen(options?: Partial<SqliteLedgerOptions>): Ledger
}

const folders: string[] = []

/** Removes the files of all fixtures; for `afterAll`. */
export function removeSqliteFiles(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

/** Path of a database that is not there yet, removed by `removeSqliteFiles`. */
export function newDatabasePath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'signet-ledger-'))
  folders.push(folder)
  return join(folder, 'signet.db')
}

/** `wrap` stands between the ledger and the database, to make it fail. */
export function openSqliteFixture(
  wrap: (database: DatabaseSync) => SqlDatabase = (database) => database,
  { reads = false }: { readonly reads?: boolean } = {},
): SqliteFixture {
  const path = newDatabasePath()
  const clock = new TestClock()
  let database = new DatabaseSync(path)
  const open = (options: Partial<SqliteLedgerOptions> = {}) =>
    openSqliteLedger({
      database: wrap(database),
      clock,
      schedule: (run) => void setImmediate(run),
      ...(reads && { openReader: () => new DatabaseSync(path, { readOnly: true }) }),
      ...options,
    })
  let ledger = open()
  return {
    path,
    clock,
    get database() {
      return database
    },
    get ledger() {
      return ledger
    },
    reopen(options) {
      database = new DatabaseSync(path)
      ledger = open(options)
      return ledger
    },
  }
}
