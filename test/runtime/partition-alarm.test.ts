import { join } from 'node:path'
import { expect, it } from 'vitest'
import { openSqliteLedger } from '../../src/ledger/sqlite.ts'
import { openDatabase } from '../../src/runtime/open-ledger.ts'
import { createPartitionAlarm } from '../../src/runtime/partition-alarm.ts'
import { finishOf, wanted } from '../contract/ledger-commands.ts'
import { openTemporaryDirectory } from '../support/stores/temporary-directory.ts'
import { TestClock } from '../support/test-clock.ts'

const HOUR_MS = 3_600_000

/** An alarm of a ledger where an upload is `left`, and the times that it was set for. */
async function alarmWhere(left: 'pending' | 'ended' | 'nothing', sweep: () => Promise<number>) {
  await using closing = new AsyncDisposableStack()
  const directory = await openTemporaryDirectory()
  closing.defer(directory.close)
  const clock = new TestClock()
  const database = openDatabase(join(directory.path, 'partition.sqlite'))
  const ledger = openSqliteLedger({ database, clock, schedule: (run) => run() })
  closing.defer(() => ledger.close())
  const set: number[] = []
  const alarm = createPartitionAlarm({
    database,
    storage: { setAlarm: async (atMs) => void set.push(Number(atMs)) },
    nowMs: () => clock.nowMs(),
    sweep: async () => ({ retentionMs: await sweep() }),
  })
  if (left !== 'nothing') {
    const command = wanted({ lookMs: HOUR_MS })
    await ledger.admit(command)
    if (left === 'ended') await ledger.finish(finishOf(command, 'S', 600))
  }
  alarm.wakeFor(0)
  set.length = 0
  await alarm.ring()
  return set.map((atMs) => atMs - clock.nowMs())
}

const failing = () => Promise.reject(new Error('no configuration'))

it.each([
  ['an ended upload is left', 'ended', 10_000],
  ['an upload is not due yet', 'pending', HOUR_MS],
] as const)('rings again after a sweep that failed where %s', async (_, left, afterMs) => {
  expect(await alarmWhere(left, failing)).toEqual([afterMs])
})

it('rings again when an ended upload is to be forgotten', async () => {
  expect(await alarmWhere('ended', async () => 30 * HOUR_MS)).toEqual([30 * HOUR_MS])
})

it('rings no more where nothing is left, though its sweep failed', async () => {
  expect(await alarmWhere('nothing', failing)).toEqual([])
})
