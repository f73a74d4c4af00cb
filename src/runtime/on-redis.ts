import { randomUUID } from 'node:crypto'
import type { EventBufferOptions } from '../audit/event-buffer.ts'
import type { Audit } from '../audit/port.ts'
import { auditSelfTest, openRedisAudit } from '../audit/redis.ts'
import { createCircuitBreaker } from '../circuit-breaker.ts'
import { monotonicClock } from '../clock.ts'
import type { Config, RedisState } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Ledger } from '../ledger/port.ts'
import { type Journal, openJournal } from '../ledger/redis/journal.ts'
import { openRedisLedger } from '../ledger/redis/redis.ts'
import { PARTITION_TAGS } from '../ledger/redis/tags.ts'
import type { StateStore } from '../state/port.ts'
import { openRedisState } from '../state/redis.ts'
import type { LedgerPorts } from './compose-context.ts'
import { ioredisConnector } from './ioredis-link.ts'
import { openDatabase } from './open-ledger.ts'
import { openPartitionServer } from './partition-server.ts'
import { redisAccess, redisSettings } from './redis-access.ts'

// All that only a gateway with Redis loads: a hundred modules that the others start without.

/** The Redis that a configuration names, and how its ledger is kept there. */
export interface OnRedis {
  readonly state: RedisState
  readonly ledger: Config['ledger']
}

/** Beside what the ledger is as a whole. */
const HOME_PARTITION = 0
const HOME_TAG = PARTITION_TAGS[HOME_PARTITION] ?? ''

const schedule = (run: () => void) => void setImmediate(run)

/**
 * Opens the ledger; `hasAudit`: what the audit log needs of the server is looked at with it. Throws
 * `LedgerUnavailable` for a server or a journal that must not be used.
 */
export async function openLedgerOnRedis(
  { state, ledger, hasAudit }: OnRedis & { readonly hasAudit: boolean },
  { stopwatch, log, learnTime, alarm }: LedgerPorts,
): Promise<Ledger> {
  const settings = redisSettings(state, ledger)
  const { journal } = ledger
  return openRedisLedger({
    settings: hasAudit ? { ...settings, alsoTested: auditSelfTest(HOME_TAG) } : settings,
    connect: ioredisConnector(redisAccess(state, ledger)),
    clock: stopwatch,
    schedule,
    log,
    learnTime,
    alarm,
    journal: journal === undefined ? undefined : openJournalAt(journal, settings.retentionMs),
  })
}

function openJournalAt(path: string, retentionMs: number): Journal {
  try {
    return openJournal({ database: openDatabase(path), retentionMs, schedule })
  } catch (cause) {
    throw new GatewayError('LedgerUnavailable', `Cannot open the journal "${path}"`, { cause })
  }
}

/** Opens the state store. Nothing is asked of a server before the first call. */
export function openStateOnRedis(redis: OnRedis): StateStore {
  return openRedisState(openHome(redis), { tag: HOME_TAG })
}

/** Opens the audit log. Nothing is asked of a server before the first event. */
export function openAuditOnRedis(
  redis: OnRedis,
  options: Pick<EventBufferOptions, 'onState' | 'onLost'> & { readonly maxEvents: number },
): Audit {
  const server = openHome(redis, redis.ledger.commandTimeoutMs)
  // One failure opens it: what waits is in the buffer, and nobody gains by waiting for a server as well.
  const breaker = createCircuitBreaker({ clock: monotonicClock, failuresToOpen: 1 })
  return openRedisAudit({ server, breaker, tag: HOME_TAG, gateway: randomUUID(), ...options })
}

function openHome({ state, ledger }: OnRedis, timeoutMs?: number) {
  return openPartitionServer(HOME_PARTITION, {
    settings: redisSettings(state, ledger),
    connect: ioredisConnector(redisAccess(state, ledger)),
    ...(timeoutMs !== undefined && { timeoutMs }),
  })
}
