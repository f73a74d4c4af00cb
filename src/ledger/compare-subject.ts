import type { CounterDrift, NegativeCounter, StoredTotal } from './audit.ts'
import { type SubjectState, TOTAL_WINDOW } from './port.ts'
import { isIdle, newestEntry, openEntry, type WorkingState, workingCopy } from './subject-state.ts'

/** What all pending reservations together hold in one counter. */
export interface HeldAmount {
  readonly limitId: number
  readonly window: number
  amount: number
}

export interface ComparedSubject {
  /** `repaired` says what `mended` would put right. */
  readonly drifts: readonly CounterDrift[]
  readonly negative: readonly NegativeCounter[]
  readonly totals: readonly StoredTotal[]
  /** The state with its drifts repaired, if there are any; `undefined` removes the subject. */
  readonly mended: SubjectState | undefined
}

/**
 * Compares one subject's counters with what is held of them. An amount in a window older than the
 * newest that has no counter of its own counts no more; a newer one must have a counter. Without
 * `mayLower` a counter above its holds is reported and left. Pure.
 */
export function compareSubject(
  subject: string,
  state: SubjectState | undefined,
  held: readonly HeldAmount[],
  mayLower: boolean,
): ComparedSubject {
  const drifts: CounterDrift[] = []
  const negative: NegativeCounter[] = []
  const totals: StoredTotal[] = []
  const left = [...held]
  let work: WorkingState | undefined
  const note = ({ limitId, window, amount }: HeldAmount, pending: number): boolean => {
    const repaired = mayLower || amount > pending
    drifts.push({ subject, limitId, window, pending, held: amount, repaired })
    return repaired
  }
  const before = state ?? []
  for (let at = 2 + 2 * (before[1] ?? 0); at < before.length; at += 4) {
    const [limitId = 0, window = 0] = [before[at], before[at + 1]]
    const [posted = 0, pending = 0] = [before[at + 2], before[at + 3]]
    if (window === TOTAL_WINDOW) totals.push({ subject, limitId, posted })
    if (posted < 0 || pending < 0) negative.push({ subject, limitId, window, posted, pending })
    // A second counter for the same window is never looked at: only the first one holds.
    const own = left.findIndex((each) => each.limitId === limitId && each.window === window)
    const [found] = own < 0 ? [] : left.splice(own, 1)
    const sum = found ?? { limitId, window, amount: 0 }
    if (sum.amount === pending || !note(sum, pending)) continue
    work ??= workingCopy(state)
    work[at + 3] = sum.amount
  }
  // Oldest first, so that a counter that is put back can be the older one of two.
  for (const lost of left.sort((a, b) => a.window - b.window)) {
    const { limitId, window, amount } = lost
    if (amount === 0) continue
    work ??= workingCopy(state)
    const newest = newestEntry(work, limitId)
    if (newest !== undefined && (work[newest + 1] ?? 0) > window) continue
    note(lost, 0)
    const at = openEntry(work, limitId, window)
    if (at !== undefined) work[at + 3] = amount
  }
  return { drifts, negative, totals, mended: work && (isIdle(work) ? undefined : work) }
}
