import type { SqlDatabase } from '../sql-database.ts'

/** What an object knows about itself and must know again when it is woken, by name. */
export interface ObjectMeta {
  get(name: string): string | undefined
  set(name: string, value: string): void
}

/** Kept beside the version of the ledger's schema, whose tables must be there. */
export function openObjectMeta(database: SqlDatabase): ObjectMeta {
  const get = database.prepare('SELECT value FROM meta WHERE name = ?')
  const set = database.prepare('INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)')
  return {
    get(name) {
      const value = get.get(name)?.value
      return value === undefined ? undefined : String(value)
    },
    set: (name, value) => set.run(name, value),
  }
}
