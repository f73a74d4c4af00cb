import { expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { openRedisLedger } from '../../src/ledger/redis/redis.ts'
import { createLogger } from '../../src/log.ts'
import { ioredisConnector } from '../../src/runtime/ioredis-link.ts'
import { wanted } from '../contract/ledger-commands.ts'
import { ACCESS, initialise, settingsFor } from '../ledger/redis-fixture.ts'
import { openRedisServer, type RedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'

const COMMAND_TIMEOUT_MS = 500
/** Leaving, what is under way and a look at the server, each for as long as a command; and room. */
const BOUND_MS = 3 * COMMAND_TIMEOUT_MS + 500
/** Four batches: while one is under way, others wait. */
const CALLERS = 256

function openOn(server: RedisServer): Promise<Ledger> {
  return openRedisLedger({
    settings: settingsFor(server, { commandTimeoutMs: COMMAND_TIMEOUT_MS, durability: 'disk' }),
    connect: ioredisConnector({ ...ACCESS, commandTimeoutMs: COMMAND_TIMEOUT_MS }),
    clock: systemClock,
    schedule: (run) => void setImmediate(run),
    log: createLogger({ write: () => {}, clock: systemClock }),
  })
}

async function openServer(): Promise<RedisServer> {
  const server = await openRedisServer({ appendOnly: 'always' })
  await initialise(server.port)
  return server
}

async function closeMs(ledger: Ledger): Promise<number> {
  const startMs = performance.now()
  await ledger.close()
  return performance.now() - startMs
}

describeOnRedis('closing a ledger on Redis', () => {
  it('ends in time when the server hangs with decisions under way, and those end as well', async () => {
    await using server = await openServer()
    const ledger = await openOn(server)
    await ledger.admit(wanted())
    await server.kill('SIGSTOP')
    const sent = Array.from({ length: CALLERS }, () => ledger.admit(wanted()))
    const ends = Promise.allSettled(sent)
    // The first batch has gone out.
    await new Promise((resolve) => setImmediate(resolve))
    expect(await closeMs(ledger)).toBeLessThan(BOUND_MS)
    expect(new Set((await ends).map(({ status }) => status))).toEqual(new Set(['rejected']))
  })

  it('ends in time when the server hangs and was never reached', async () => {
    await using server = await openServer()
    await server.kill('SIGSTOP')
    expect(await closeMs(await openOn(server))).toBeLessThan(BOUND_MS)
  })

  it('ends in time when the server is dead with decisions under way', async () => {
    await using server = await openServer()
    const ledger = await openOn(server)
    const sent = Array.from({ length: CALLERS }, () => ledger.admit(wanted()))
    const ends = Promise.allSettled(sent)
    await server.kill()
    expect(await closeMs(ledger)).toBeLessThan(BOUND_MS)
    await ends
  })

  it('ends in time when callers never stop asking, and refuses them from then on', async () => {
    await using server = await openServer()
    const ledger = await openOn(server)
    let stopped = false
    const ask = async () => {
      while (!stopped) {
        await ledger.admit(wanted()).catch(() => new Promise((resolve) => setImmediate(resolve)))
      }
    }
    const asking = Array.from({ length: CALLERS }, ask)
    await ledger.admit(wanted())
    try {
      const timeUp = new Promise<string>((resolve) => setTimeout(resolve, BOUND_MS, 'not closed'))
      expect(await Promise.race([ledger.close(), timeUp])).toBeUndefined()
      await expect(ledger.admit(wanted())).rejects.toMatchObject({ code: 'LedgerUnavailable' })
    } finally {
      stopped = true
      await Promise.all(asking)
    }
  })
})
