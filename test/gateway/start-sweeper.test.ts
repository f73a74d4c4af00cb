import { afterEach, expect, it } from 'vitest'
import { startSweeper } from '../../src/gateway/start-sweeper.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { eventsIn } from '../support/log-lines.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'

const QUIET_MS = 30_000

let gateway: TestGateway
afterEach(() => gateway.close())

it('sweeps on while the ledger does not answer, and the log has a line when that begins and ends', async () => {
  const clock = new TestClock()
  const ledger = openMemoryLedger({ clock })
  gateway = await openTestGateway({ clock, overrides: { ledger } })
  const { share } = ledger
  let calls = 0
  const failing = async () => {
    calls += 1
    throw new Error('away')
  }
  const answering = async () => {
    calls += 1
    return share()
  }
  /** Waits until the sweeper has come `more` times. */
  const rounds = async (more: number) => {
    const before = calls
    await expect.poll(() => calls - before).toBeGreaterThan(more)
  }
  const lines = () => eventsIn(gateway.log, 'sweep.').map(({ event }) => event)

  Object.assign(ledger, { share: failing })
  const stop = startSweeper(gateway.context, { pauseMs: 1, pauseAfterFailureMs: 1 })
  await rounds(5)
  expect(lines()).toEqual(['sweep.failed'])
  // One that answers now and then is still away.
  Object.assign(ledger, { share: answering })
  await rounds(2)
  Object.assign(ledger, { share: failing })
  await rounds(2)
  expect(lines()).toEqual(['sweep.failed'])
  clock.advance(QUIET_MS)
  Object.assign(ledger, { share: answering })
  await rounds(2)
  await stop()
  expect(lines()).toEqual(['sweep.failed', 'sweep.working'])
})
