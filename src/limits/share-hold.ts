import type { Demand } from './limit-set.ts'

const ENTRY = 4

/** Amounts of a demand, in the order of the ledger's kinds (`ledger/port.ts`). */
function amountsOf(demand: Demand): readonly number[] {
  const { bytes, objects, requests, storedBytes, slots, storedObjects } = demand
  return [bytes, objects, requests, storedBytes, slots, storedObjects]
}

/**
 * What one of several uploads keeps of a hold that was measured for all of them: the same limits and
 * windows, its own amounts. The shares of all add up to the hold.
 */
export function shareOfHold(hold: readonly number[], demand: Demand): number[] {
  const amounts = amountsOf(demand)
  const share: number[] = []
  for (let at = 0; at < hold.length; ) {
    const count = hold[at] ?? 0
    share.push(count)
    for (let entry = at + 1; entry < at + 1 + count * ENTRY; entry += ENTRY) {
      const [id = 0, window = 0, , kind = 0] = hold.slice(entry, entry + ENTRY)
      share.push(id, window, amounts[kind] ?? 0, kind)
    }
    at += 1 + count * ENTRY
  }
  return share
}
