import { systemClock } from '../../src/clock.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { initLedger } from '../../src/ledger/redis/init-ledger.ts'
import { openRedisLedger } from '../../src/ledger/redis/redis.ts'
import type { RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { scriptTexts } from '../../src/ledger/redis/scripts/load-scripts.ts'
import type { RedisLedgerSettings } from '../../src/ledger/redis/settings.ts'
import { PARTITIONS } from '../../src/ledger/redis/tags.ts'
import { createLogger } from '../../src/log.ts'
import { ioredisConnector } from '../../src/runtime/ioredis-link.ts'
import type { RedisServer } from '../support/redis/redis-server.ts'

/** A Redis ledger whose scripts take the time from two keys, so that a test can move it. */
export interface RedisFixture extends AsyncDisposable {
  readonly ledger: Ledger
  readonly log: string[]
  nowMs(): number
  advance(ms: number): Promise<void>
}

export const TEST_SALT = 'salt-of-a-test'
const MINUTE_MS = 60_000
const DAY_MS = 86_400_000
const TIME = "{redis.call('GET', 'test:seconds'), redis.call('GET', 'test:micros')}"
/** How tests reach a server on loopback. */
export const ACCESS = {
  database: 0,
  tls: undefined,
  commandTimeoutMs: 2_000,
  connectTimeoutMs: 1_000,
}
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition)

/** Settings for a server on loopback; patient, as the machine may be busy. */
export function settingsFor(
  { port }: { readonly port: number },
  more: Partial<RedisLedgerSettings> = {},
): RedisLedgerSettings {
  return {
    topology: 'single',
    nodes: [{ host: '127.0.0.1', port }],
    durability: 'async',
    replicas: 0,
    commandTimeoutMs: 2_000,
    waitTimeoutMs: 500,
    retentionMs: DAY_MS,
    ...more,
  }
}

/** A connection of its own; rejects when there is nobody. */
export async function openLink(port: number, access = ACCESS): Promise<RedisLink> {
  return new Promise((resolve, reject) => {
    const target = { kind: 'server', host: '127.0.0.1', port } as const
    const link: RedisLink = ioredisConnector(access)(target, {
      onReady: () => resolve(link),
      onLost: () => reject(new Error(`Cannot reach the server on port ${port}`)),
    })
  })
}

/** Makes the canaries, as `signet ledger init` does. */
export async function initialise(
  port: number,
  { salt = TEST_SALT, acceptLoss = false } = {},
): Promise<void> {
  const link = await openLink(port)
  try {
    const send: RedisLink['send'] = (commands) => link.send(commands)
    await initLedger([{ partitions: ALL, send }], { salt, acceptLoss })
  } finally {
    await link.close()
  }
}

/**
 * Empties the server, initialises it, and opens a ledger with a clock of the test's own. `spoil` runs
 * before it is opened.
 */
export async function openRedisFixture(
  server: RedisServer,
  startMs = Date.UTC(2026, 0, 15, 12),
  spoil?: () => Promise<unknown>,
): Promise<RedisFixture> {
  await server.command('FLUSHALL')
  await initialise(server.port)
  await spoil?.()
  let nowMs = startMs
  const setTime = async () => {
    const [seconds, millis] = [Math.floor(nowMs / 1000), nowMs % 1000]
    await server.command('MSET', 'test:seconds', String(seconds), 'test:micros', `${millis}000`)
  }
  await setTime()
  const log: string[] = []
  const ledger = await openRedisLedger({
    settings: settingsFor(server),
    connect: ioredisConnector(ACCESS),
    clock: systemClock,
    schedule: (run) => void setImmediate(run),
    log: createLogger({ write: (line) => void log.push(line), clock: systemClock }),
    scripts: scriptTexts(TIME),
  })
  return {
    ledger,
    log,
    nowMs: () => nowMs,
    async advance(ms) {
      nowMs += ms
      await setTime()
      if (ms >= MINUTE_MS) await shorten(server, ms)
    },
    [Symbol.asyncDispose]: () => ledger.close(),
  }
}

/** Redis forgets by its own clock: what it is to forget is told that time has passed. */
async function shorten(server: RedisServer, ms: number): Promise<void> {
  const keys = (await server.command('KEYS', 'v:*')) as string[]
  for (const key of keys) {
    const left = Number(await server.command('PTTL', key))
    if (left >= 0) await server.command('PEXPIRE', key, String(Math.max(0, left - ms)))
  }
}
