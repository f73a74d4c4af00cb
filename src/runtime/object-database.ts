import type { DurableObjectStorage } from 'cloudflare:workers'
import type { SqlDatabase } from '../sql-database.ts'

/**
 * The SQLite database of a Durable Object. Its runtime makes it durable: what is written between two turns
 * of the event loop is committed at once, and no answer leaves before. Statements are prepared, and kept,
 * by their text. Integers above 2^53 lose their last digits instead of being refused.
 */
export function objectDatabase(storage: DurableObjectStorage): SqlDatabase {
  const { sql } = storage
  return {
    exec: (query) => void sql.exec(query),
    prepare: (query) => ({
      run: (...values) => void sql.exec(query, ...values),
      // To the end, so that no cursor stays open.
      get: (...values) => sql.exec(query, ...values).toArray()[0],
      all: (...values) => sql.exec(query, ...values).toArray(),
      iterate: (...values) => sql.exec(query, ...values),
    }),
    close() {},
    transaction: (work) => storage.transactionSync(work),
  }
}
