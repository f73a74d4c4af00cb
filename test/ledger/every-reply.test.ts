import { afterAll } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { everyReplyContract } from '../contract/every-reply.contract.ts'
import { TestClock } from '../support/test-clock.ts'
import { openSqliteFixture, removeSqliteFiles } from './sqlite-fixture.ts'

afterAll(removeSqliteFiles)

everyReplyContract('memory', async () => {
  const clock = new TestClock()
  const ledger = openMemoryLedger({ clock })
  return { ledger, nowMs: () => clock.nowMs(), advance: (ms) => clock.advance(ms) }
})

everyReplyContract('sqlite', async () => {
  const { clock, ledger } = openSqliteFixture()
  return { ledger, nowMs: () => clock.nowMs(), advance: (ms) => clock.advance(ms) }
})
