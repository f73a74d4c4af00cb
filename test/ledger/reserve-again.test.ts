import { describe, expect, it } from 'vitest'
import type { ReserveCommand, VoidCommand } from '../../src/ledger/port.ts'
import type { BatchResult } from '../../src/ledger/redis/batcher.ts'
import { createFence } from '../../src/ledger/redis/fence.ts'
import { noAnswer } from '../../src/ledger/redis/redis-node.ts'
import { createReserve } from '../../src/ledger/redis/reserve.ts'
import { START_MS, wanted } from '../contract/ledger-commands.ts'
import { TestClock } from '../support/test-clock.ts'
import { until } from '../support/until.ts'

const UNACKNOWLEDGED: BatchResult = {
  kind: 'reply',
  reply: ['OK', START_MS, START_MS + 1_000, []],
  acknowledged: false,
}
const REFUSED: BatchResult = { kind: 'error', message: 'NOREPLICAS few', acknowledged: false }

/** Reserves on a server whose second answer is the given one; returns what was taken back. */
async function takenBack(
  second: () => BatchResult,
  more: Partial<ReserveCommand> = {},
): Promise<string[]> {
  const taken: string[] = []
  let underWay = 0
  let most = 0
  let runs = 0
  const reserve = createReserve({
    run: async () => {
      runs += 1
      return runs === 1 ? UNACKNOWLEDGED : second()
    },
    fence: createFence('strict'),
    clock: new TestClock(),
    keeper: undefined,
    patienceMs: 250,
    voidBehind: async ({ rid }: VoidCommand) => {
      taken.push(rid)
      underWay += 1
      most = Math.max(most, underWay)
      await Promise.resolve()
      underWay -= 1
      if (rid === 'up_3') throw noAnswer('nobody knows')
      return { code: 'OK', nowMs: START_MS, over: 0 }
    },
  })
  const asked = reserve({ ...wanted({ rid: 'up_1' }), ...more })
  await expect(asked).rejects.toMatchObject({ code: 'LedgerUnavailable' })
  const all = more.replayable === true ? 0 : (more.each?.length ?? 1)
  await until('all are taken back', async () => taken.length >= all)
  expect(most).toBeLessThanOrEqual(64)
  return taken
}

describe('a reservation that too few replicas have', () => {
  const seconds = {
    'is refused': () => REFUSED,
    'cannot be sent': () => {
      throw noAnswer('the connection was lost')
    },
    'stays unacknowledged': () => UNACKNOWLEDGED,
  }
  it.each(Object.entries(seconds))('is taken back when the second try %s', async (_, second) => {
    expect(await takenBack(second)).toEqual(['up_1'])
  })

  it('is left alone when its id comes from a caller: a URL may be out for it', async () => {
    expect(await takenBack(() => REFUSED, { replayable: true })).toEqual([])
  })

  const rids = Array.from({ length: 200 }, (_, n) => `up_${n + 1}`)
  const each = rids.map((rid) => ({ rid, hold: wanted().hold, note: '{}' }))
  it('is taken back with all of its batch, in pieces, whatever becomes of one of them', async () => {
    expect(await takenBack(() => REFUSED, { each })).toEqual(rids)
  })

  it('is left alone with all of its batch when its ids come from a caller', async () => {
    expect(await takenBack(() => REFUSED, { each, replayable: true })).toEqual([])
  })
})
