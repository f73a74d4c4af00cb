import { closeSync, mkdirSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { openMemoryLedger } from '../ledger/memory.ts'
import type { Ledger } from '../ledger/port.ts'
import { openSqliteLedger } from '../ledger/sqlite.ts'
import type { LedgerPorts } from './compose-context.ts'

const HOUR_MS = 3_600_000

const schedule = (run: () => void) => void setImmediate(run)

/** Opens the configured ledger. Throws `LedgerUnavailable` for one that must not be used. */
export async function openLedger(
  config: Pick<Config, 'state' | 'ledger'> & Partial<Pick<Config, 'audit'>>,
  ports: LedgerPorts,
): Promise<Ledger> {
  const { state, ledger } = config
  const { clock } = ports
  const retentionMs = ledger.retentionHours * HOUR_MS
  switch (state.kind) {
    case 'memory':
      return openMemoryLedger({ clock, retentionMs })
    case 'sqlite':
      return openSqlite(state.path, { clock, retentionMs })
    case 'durable-objects':
      throw elsewhere('the ledger')
    case 'redis': {
      const { openLedgerOnRedis } = await import('./on-redis.ts')
      const hasAudit = config.audit?.kind === 'redis'
      return openLedgerOnRedis({ state, ledger, hasAudit }, ports)
    }
  }
}

/** For a state that this runtime does not have. */
export function elsewhere(what: string): GatewayError {
  return new GatewayError(
    'LedgerUnavailable',
    `Cannot open ${what}: Durable Objects are there on workerd alone`,
  )
}

function openSqlite(path: string, options: { clock: Clock; retentionMs: number }): Ledger {
  try {
    const openReader = () => new DatabaseSync(path, { readOnly: true })
    return openSqliteLedger({ database: openDatabase(path), openReader, schedule, ...options })
  } catch (cause) {
    throw new GatewayError('LedgerUnavailable', `Cannot open the ledger "${path}"`, { cause })
  }
}

/** Opens a file that only its owner may read, and makes it and its folder. */
export function openDatabase(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  // Owner only; SQLite gives the files beside it the same mode.
  closeSync(openSync(path, 'a', 0o600))
  return new DatabaseSync(path)
}
