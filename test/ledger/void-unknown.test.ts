import { expect, it } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { openRedisLedger } from '../../src/ledger/redis/redis.ts'
import type { ConnectLink, RedisCommand, RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { createLogger } from '../../src/log.ts'
import { ioredisConnector } from '../../src/runtime/ioredis-link.ts'
import { wanted } from '../contract/ledger-commands.ts'
import { openRedisServer } from '../support/redis/redis-server.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { until } from '../support/until.ts'
import { initialise, settingsFor } from './redis-fixture.ts'

const ACCESS = { database: 0, tls: undefined, commandTimeoutMs: 2_000, connectTimeoutMs: 1_000 }
const UNANSWERED = { kind: 'unanswered', message: 'late' } as const

/** Whether a command with this operation is among them. */
function names(commands: readonly RedisCommand[], op: string): boolean {
  return commands.some(({ name, args }) => name === 'EVALSHA' && args[2 + Number(args[1])] === op)
}

/** Links that deliver a reservation only when `deliver` is called, and what follows it behind it. */
function lateReservations() {
  const delivery = Promise.withResolvers<void>()
  const seen = { voided: false }
  const connect: ConnectLink = (target, events) => {
    const link = ioredisConnector(ACCESS)(target, events)
    let before: Promise<unknown> | undefined
    const wrapped: RedisLink = {
      get ready() {
        return link.ready
      },
      get trouble() {
        return link.trouble
      },
      async send(commands) {
        if (names(commands, 'R')) {
          before = delivery.promise.then(() => link.send(commands))
          return commands.map(() => UNANSWERED)
        }
        const sent =
          before === undefined ? link.send(commands) : before.then(() => link.send(commands))
        if (before === undefined) await sent
        seen.voided ||= names(commands, 'V')
        return sent
      },
      reconnect: () => link.reconnect(),
      close: () => link.close(),
    }
    return wrapped
  }
  return { connect, seen, deliver: delivery.resolve }
}

describeOnRedis('a reservation whose outcome is not known', () => {
  it('holds nothing even when it is delivered after its caller has given up', async () => {
    await using server = await openRedisServer()
    await initialise(server.port)
    const { connect, seen, deliver } = lateReservations()
    const ledger = await openRedisLedger({
      settings: settingsFor(server),
      connect,
      clock: systemClock,
      schedule: (run) => void setImmediate(run),
      log: createLogger({ write: () => {}, clock: systemClock }),
    })
    try {
      const command = wanted({ bytes: 10 })
      await expect(ledger.admit(command)).rejects.toMatchObject({ code: 'LedgerUnavailable' })
      await until('it is taken back', () => Promise.resolve(seen.voided))
      deliver()
      await until('it has been delivered', async () => (await ledger.find(command)) !== undefined)
      await until('it has ended', async () => (await ledger.find(command))?.state === 'V')
    } finally {
      await ledger.close()
    }
  })
})
