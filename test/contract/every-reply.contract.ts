import { describe } from 'vitest'
import { admitContract } from './reply-admit.contract.ts'
import { batchContract } from './reply-batch.contract.ts'
import { batchPlacesContract } from './reply-batch-places.contract.ts'
import { chargeContract } from './reply-charge.contract.ts'
import { finishContract } from './reply-finish.contract.ts'
import { lateContract } from './reply-late.contract.ts'
import { sweepContract } from './reply-sweep.contract.ts'
import type { OpenedLedger } from './reservation-commands.ts'

/**
 * Every reply of every command, and that a refusal changes nothing (`ledger.md` section 4). `open`
 * hands over an empty ledger; one whose own clock decides may wait in `advance`. Edges of a
 * millisecond are in `test/ledger/decide-edges.test.ts`, as such a ledger cannot stand on them.
 */
export function everyReplyContract(name: string, open: () => Promise<OpenedLedger>): void {
  describe(`every reply, ${name}`, () => {
    admitContract(open)
    batchContract(open)
    batchPlacesContract(open)
    chargeContract(open)
    finishContract(open)
    lateContract(open)
    sweepContract(open)
  })
}
