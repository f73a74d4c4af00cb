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
}
