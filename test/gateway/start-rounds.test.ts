import { expect, it } from 'vitest'
import { startRounds } from '../../src/gateway/start-rounds.ts'
import { createLogger } from '../../src/log.ts'
import { TestClock } from '../support/test-clock.ts'

const clock = new TestClock()
const log = createLogger({ write: () => {}, clock, level: 'error' })
const common = { name: 'work', quietMs: 1_000, restAfterFailureMs: 0 }

it('runs one round after the other, and stopping waits for the one under way', async () => {
  const begun = Promise.withResolvers<void>()
  const held = Promise.withResolvers<void>()
  const ended: number[] = []
  let count = 0
  let atOnce = 0
  let most = 0
  const stop = startRounds(
    { clock, log },
    {
      ...common,
      async round() {
        count += 1
        atOnce += 1
        most = Math.max(most, atOnce)
        const number = count
        if (number === 3) {
          begun.resolve()
          await held.promise
        }
        atOnce -= 1
        ended.push(number)
        return 0
      },
    },
  )
  await begun.promise
  let isStopped = false
  const stopped = stop().then(() => {
    isStopped = true
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect([isStopped, ended]).toEqual([false, [1, 2]])
  held.resolve()
  await stopped
  expect([ended, most, count]).toEqual([[1, 2, 3], 1, 3])
})

it('tells a round that is under way that it should end, and begins none any more', async () => {
  const begun = Promise.withResolvers<void>()
  const seen: boolean[] = []
  const held = Promise.withResolvers<void>()
  const stop = startRounds(
    { clock, log },
    {
      ...common,
      async round(isStopped) {
        seen.push(isStopped())
        begun.resolve()
        await held.promise
        seen.push(isStopped())
        throw new Error('cut')
      },
    },
  )
  await begun.promise
  const stopped = stop()
  held.resolve()
  await stopped
  expect(seen).toEqual([false, true])
})
