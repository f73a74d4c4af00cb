import type { SubjectState } from '../../src/ledger/port.ts'

/** A state with one number of one counter replaced: 2 is posted, 3 pending. */
export function replacedCounter(
  state: SubjectState,
  counter: readonly [limitId: number, window: number],
  offset: number,
  value: number,
): number[] {
  const copy = [...state]
  for (let at = 2 + 2 * (copy[1] ?? 0); at < copy.length; at += 4) {
    if (copy[at] !== counter[0] || copy[at + 1] !== counter[1]) continue
    copy[at + offset] = value
    return copy
  }
  throw new Error('Cannot damage a counter: it is not there')
}
