import { type Clock, systemClock } from '../../../src/clock.ts'
import type { Config } from '../../../src/config/config.ts'
import type { Ledger } from '../../../src/ledger/port.ts'
import { openRedisLedger } from '../../../src/ledger/redis/redis.ts'
import { scriptTexts } from '../../../src/ledger/redis/scripts/load-scripts.ts'
import { createLogger } from '../../../src/log.ts'
import { ioredisConnector } from '../../../src/runtime/ioredis-link.ts'
import { redisAccess, redisSettings } from '../../../src/runtime/redis-access.ts'
import type { RedisServer } from './redis-server.ts'

const SHIFT_KEY = 'test:shift'
const TIME = `(function()
  local t = redis.call('TIME')
  return {t[1] + (redis.call('GET', '${SHIFT_KEY}') or 0), t[2]}
end)()`

/** The configured ledger on one Redis, whose scripts add to its clock what `shiftLedger` has set. */
export async function openShiftedLedger(
  { state, ledger }: Pick<Config, 'state' | 'ledger'>,
  clock: Clock = systemClock,
): Promise<Ledger> {
  if (state.kind !== 'redis') throw new Error(`Cannot shift the clock of a ledger on ${state.kind}`)
  return openRedisLedger({
    settings: redisSettings(state, ledger),
    connect: ioredisConnector(redisAccess(state, ledger)),
    clock,
    schedule: (run) => void setImmediate(run),
    log: createLogger({ write: () => {}, clock: systemClock }),
    scripts: scriptTexts(TIME),
  })
}

/** Sets how far the clock of shifted ledgers is ahead of the server's, in milliseconds; whole seconds. */
export async function shiftLedger(server: RedisServer, aheadMs: number): Promise<void> {
  await server.command('SET', SHIFT_KEY, String(Math.floor(aheadMs / 1000)))
}
