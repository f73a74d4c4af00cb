import type { Demand, Measured } from './limit-set.ts'

const ENTRY = 4
/** User and tenant. */
const BEFORE_STORES = 2

/** Amounts of a demand, in the order of the ledger's kinds (`ledger/port.ts`). */
function amountsOf(demand: Demand): readonly number[] {
  const { bytes, objects, requests, storedBytes, slots, storedObjects } = demand
  return [bytes, objects, requests, storedBytes, slots, storedObjects]
}

/**
 * What one of several uploads keeps of what was measured for all of them: the same limits and windows, its
 * own amounts; of the stores only the one that it goes to. The shares of all add up to the hold.
 */
export function shareOf(
  { subjects, hold, stores }: Pick<Measured, 'subjects' | 'hold' | 'stores'>,
  { demand, store }: { readonly demand: Demand; readonly store: string },
): { readonly subjects: readonly string[]; readonly hold: readonly number[] } {
  const amounts = amountsOf(demand)
  const named: string[] = []
  const share: number[] = []
  let at = 0
  for (const [index, subject] of subjects.entries()) {
    const end = at + 1 + (hold[at] ?? 0) * ENTRY
    const other = stores[index - BEFORE_STORES]
    if (other === undefined || other === store) {
      named.push(subject)
      share.push(hold[at] ?? 0)
      for (let entry = at + 1; entry < end; entry += ENTRY) {
        const [id = 0, window = 0, , kind = 0] = hold.slice(entry, entry + ENTRY)
        share.push(id, window, amounts[kind] ?? 0, kind)
      }
    }
    at = end
  }
  return { subjects: named, hold: share }
}
