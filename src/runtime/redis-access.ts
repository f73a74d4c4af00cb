import type { Config, RedisState } from '../config/config.ts'
import type { RedisAddress } from '../ledger/redis/redis-link.ts'
import type { RedisLedgerSettings } from '../ledger/redis/settings.ts'
import type { RedisAccess } from './ioredis-link.ts'

const HOUR_MS = 3_600_000

/** How the ledger uses the configured Redis. */
export function redisSettings(state: RedisState, ledger: Config['ledger']): RedisLedgerSettings {
  const { topology, nodes, masterName } = state
  const { durability, replicas, commandTimeoutMs, waitTimeoutMs, retentionHours } = ledger
  return {
    topology,
    nodes: nodes as [RedisAddress, ...RedisAddress[]],
    ...(masterName !== undefined && { masterName }),
    durability,
    replicas,
    commandTimeoutMs,
    waitTimeoutMs,
    retentionMs: retentionHours * HOUR_MS,
  }
}

/** Who we are to the configured Redis. */
export function redisAccess(state: RedisState, ledger: Config['ledger']): RedisAccess {
  const { username, password, database, tls } = state
  const { sentinelUsername, sentinelPassword, commandTimeoutMs, connectTimeoutMs } = ledger
  return {
    username,
    password,
    sentinelUsername,
    sentinelPassword,
    database,
    tls: tls && {
      ...(tls.ca !== undefined && { ca: tls.ca }),
      ...(tls.cert !== undefined && { cert: tls.cert }),
      ...(tls.key !== undefined && { key: tls.key.reveal() }),
      ...(tls.serverName !== undefined && { servername: tls.serverName }),
    },
    commandTimeoutMs,
    connectTimeoutMs,
  }
}
