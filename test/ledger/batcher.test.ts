import { expect, it } from 'vitest'
import { createBatcher } from '../../src/ledger/redis/batcher.ts'
import type { RedisCommand, RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { TestClock } from '../support/test-clock.ts'

const command = (args = 14): RedisCommand => ({ name: 'EVALSHA', args: new Array(args).fill('') })
/** As many arguments as a batch of 1,000 has. */
const THOUSAND = 2_014

/** A batcher, and how many commands went to the connection in each write. */
function open() {
  const writes: number[] = []
  const link: RedisLink = {
    ready: true,
    trouble: undefined,
    async send(commands) {
      writes.push(commands.length)
      return commands.map(() => ({ kind: 'reply', reply: 1 }))
    },
    reconnect: () => {},
    close: async () => {},
  }
  const clock = new TestClock()
  const schedule = (run: () => void) => void setImmediate(run)
  const limits = { replicas: 0, waitMs: 0, maxQueuedMs: 750 }
  return { ...createBatcher({ link, clock, schedule, ...limits }), writes }
}

it('sends 64 of one turn in one write, and the rest in the next', async () => {
  const { run, writes } = open()
  await Promise.all(Array.from({ length: 130 }, () => run(command())))
  expect(writes).toEqual([64, 64, 2])
})

it('sends a thousand reservations by themselves, so that nobody waits behind 64 times as many', async () => {
  const { run, writes } = open()
  const large = [command(THOUSAND), command(THOUSAND), command(THOUSAND)]
  await Promise.all([command(), ...large, command(), command(), command()].map(run))
  expect(writes).toEqual([2, 1, 2, 2])
})

it('Overloaded: 32 times a thousand may wait and one more may not, until they are answered', async () => {
  const { run } = open()
  const waiting = Array.from({ length: 32 }, () => run(command(THOUSAND)))
  await expect(run(command(THOUSAND))).rejects.toMatchObject({ code: 'Overloaded' })
  await Promise.all(waiting)
  expect(await run(command(THOUSAND))).toMatchObject({ kind: 'reply', acknowledged: true })
})
