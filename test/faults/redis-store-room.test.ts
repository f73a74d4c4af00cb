import { expect, it } from 'vitest'
import { readAllotment } from '../../src/gateway/capacity-chunks.ts'
import { storeUsage } from '../../src/gateway/store-usage.ts'
import { callsOf, openRedisSetUp } from '../support/redis/redis-gateway.ts'

const CAPACITY = 100_000
const SIZE = 1_000

it('two gateways on one Redis fill a store to the byte between them, and never further', async () => {
  const gateway = { store: { capacityBytes: CAPACITY } }
  await using setUp = await openRedisSetUp({ gateway })
  const [one, two] = [await setUp.open(), await setUp.open()]
  const calls = [callsOf(one), callsOf(two)]
  const statuses: number[] = []
  for (let round = 0; round < 15; round += 1) {
    const answers = await Promise.all(
      calls.flatMap(({ upload }, at) =>
        Array.from({ length: 5 }, (_, n) => upload(`${at}-${round}-${n}`, SIZE)),
      ),
    )
    statuses.push(...answers.map(({ status }) => status))
  }
  expect(statuses.filter((status) => status === 201)).toHaveLength(CAPACITY / SIZE)
  expect(new Set(statuses)).toEqual(new Set([201, 507]))
  const { context } = one
  expect(await storeUsage(context, 'main')).toEqual({ usedBytes: 0, pendingBytes: CAPACITY })
  const { allotment } = await readAllotment(context.state, 'main')
  expect([...allotment.chunks.values()]).toEqual([CAPACITY])
})
