import type { DatabaseSync } from 'node:sqlite'
import type { Config } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { openMemoryState } from '../state/memory.ts'
import type { StateStore } from '../state/port.ts'
import { openSqliteState } from '../state/sqlite.ts'
import { elsewhere, openDatabase } from './open-ledger.ts'

/**
 * Opens the state store where the ledger is. Open a ledger in SQLite first: a file with tables and
 * none of the ledger's is refused. On Redis nothing is asked of a server before the first call.
 * Throws `LedgerUnavailable` for a file that cannot be used.
 */
export async function openState({
  state,
  ledger,
}: Pick<Config, 'state' | 'ledger'>): Promise<StateStore> {
  switch (state.kind) {
    case 'memory':
      return openMemoryState()
    case 'sqlite':
      return openSqlite(state.path)
    case 'durable-objects':
      throw elsewhere('the state')
    case 'redis': {
      const { openStateOnRedis } = await import('./on-redis.ts')
      return openStateOnRedis({ state, ledger })
    }
  }
}

function openSqlite(path: string): StateStore {
  let database: DatabaseSync
  try {
    database = openDatabase(path)
  } catch (cause) {
    throw new GatewayError('LedgerUnavailable', `Cannot open the state "${path}"`, { cause })
  }
  return openSqliteState(database)
}
