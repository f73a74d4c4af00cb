/** A value that a column holds. */
export type SqlValue = string | number | null

/** One row, by column name. */
export type SqlRow = Readonly<Record<string, unknown>>

export interface SqlStatement {
  run(...values: SqlValue[]): unknown
  get(...values: SqlValue[]): SqlRow | undefined
  all(...values: SqlValue[]): SqlRow[]
  /** Row by row; nothing else may run on the database until it is done. */
  iterate(...values: SqlValue[]): Iterable<SqlRow>
}

/** A synchronous SQLite database, as far as a driver needs it; `node:sqlite` is one. */
export interface SqlDatabase {
  exec(sql: string): void
  prepare(sql: string): SqlStatement
  close(): void
  /**
   * Of a database that its runtime keeps: runs the work whole or not at all, and lets nobody hear of it
   * before it is durable. Such a one refuses PRAGMA and BEGIN. Absent: both are ours to say.
   */
  readonly transaction?: <Result>(work: () => Result) => Result
}

/** True of a database whose settings, and whose durability, are not ours to see to. */
export function isKeptByRuntime({ transaction }: SqlDatabase): boolean {
  return transaction !== undefined
}

/**
 * Runs work in one transaction that may write: all of it or nothing. Throws what the work throws, and what
 * the database says.
 */
export function transact<Result>(database: SqlDatabase, work: () => Result): Result {
  if (database.transaction !== undefined) return database.transaction(work)
  try {
    database.exec('BEGIN IMMEDIATE')
    const result = work()
    database.exec('COMMIT')
    return result
  } catch (error) {
    rollback(database)
    throw error
  }
}

// SQLite has rolled back by itself after some errors, and then says that there is no transaction.
function rollback(database: SqlDatabase): void {
  try {
    database.exec('ROLLBACK')
  } catch {
    // Nothing is open any more.
  }
}
