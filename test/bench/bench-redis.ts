import { systemClock } from '../../src/clock.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { openRedisLedger } from '../../src/ledger/redis/redis.ts'
import type { Durability } from '../../src/ledger/redis/settings.ts'
import { createLogger } from '../../src/log.ts'
import { ioredisConnector } from '../../src/runtime/ioredis-link.ts'
import { settingsFor } from '../ledger/redis-fixture.ts'
import { ensureRedis } from '../support/redis/ensure-redis.ts'

const ACCESS = { database: 0, tls: undefined, commandTimeoutMs: 2_000, connectTimeoutMs: 1_000 }

/** Installs Redis where it is missing. Throws where it cannot be had: the figures need it. */
export async function requireRedis(): Promise<void> {
  const redis = await ensureRedis()
  if (redis.kind === 'unavailable') throw new Error(`Cannot measure Redis: ${redis.reason}`)
}

/** The driver on a server of the bench, as the gateway opens it. `strict` waits for one replica. */
export async function openBenchLedger(port: number, durability: Durability): Promise<Ledger> {
  return openRedisLedger({
    settings: settingsFor({ port }, { durability, replicas: durability === 'strict' ? 1 : 0 }),
    connect: ioredisConnector(ACCESS),
    clock: systemClock,
    schedule: (run) => void setImmediate(run),
    log: createLogger({ write: () => undefined, clock: systemClock }),
  })
}
