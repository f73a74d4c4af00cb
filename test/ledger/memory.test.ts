import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { ledgerContract } from '../contract/ledger.contract.ts'
import { START_MS } from '../contract/ledger-commands.ts'
import { TestClock } from '../support/test-clock.ts'

ledgerContract('memory', async () => {
  const clock = new TestClock(START_MS)
  const ledger = openMemoryLedger({ clock })
  return { ledger, advance: (ms) => clock.advance(ms), close: () => ledger.close() }
})
