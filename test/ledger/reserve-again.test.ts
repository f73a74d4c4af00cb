import { describe, expect, it } from 'vitest'
import type { VoidCommand } from '../../src/ledger/port.ts'
import type { BatchResult } from '../../src/ledger/redis/batcher.ts'
import { createFence } from '../../src/ledger/redis/fence.ts'
import { noAnswer } from '../../src/ledger/redis/redis-node.ts'
import { createReserve } from '../../src/ledger/redis/reserve.ts'
import { START_MS, wanted } from '../contract/ledger-commands.ts'
import { TestClock } from '../support/test-clock.ts'

const UNACKNOWLEDGED: BatchResult = {
  kind: 'reply',
  reply: ['OK', START_MS, START_MS + 1_000, []],
  acknowledged: false,
}
const REFUSED: BatchResult = { kind: 'error', message: 'NOREPLICAS few', acknowledged: false }

/** Reserves on a server whose second answer is the given one; returns what was taken back. */
async function takenBack(second: () => BatchResult, replayable = false): Promise<string[]> {
  const taken: string[] = []
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
      return { code: 'OK', nowMs: START_MS, over: 0 }
    },
  })
  const asked = reserve({ ...wanted({ rid: 'up_1' }), replayable })
  await expect(asked).rejects.toMatchObject({ code: 'LedgerUnavailable' })
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
    expect(await takenBack(() => REFUSED, true)).toEqual([])
  })
})
