import type { CounterDrift, NegativeCounter, StoredTotal } from './audit.ts'
import { type SubjectState, TOTAL_WINDOW } from './port.ts'
import { isIdle, newestEntry, openEntry, workingCopy } from './subject-state.ts'

/** What all pending reservations together hold in one counter. */
export interface HeldAmount {
  readonly limitId: number
  readonly window: number
  readonly amount: number
}

export interface ComparedSubject {
  /** `repaired` says what `mended` would put right. */
  readonly drifts: readonly CounterDrift[]
  readonly negative: readonly NegativeCounter[]
  readonly totals: readonly StoredTotal[]
  /** The state with its drifts repaired; `undefined` when nothing is left to keep. */
  readonly mended: SubjectState | undefined
}

interface Counter extends StoredTotal {
  readonly window: number
  readonly pending: number
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
  const work = workingCopy(state)
  const before = countersOf(subject, work)
  const drifts: CounterDrift[] = []
  const note = ({ limitId, window }: HeldAmount, pending: number, amount: number) => {
    const repaired = mayLower || amount > pending
    drifts.push({ subject, limitId, window, pending, held: amount, repaired })
    return repaired
  }
  const left = new Map(held.map((each) => [`${each.limitId} ${each.window}`, each]))
  for (const { limitId, window, pending, at } of before) {
    const name = `${limitId} ${window}`
    // A second counter for the same window is never looked at: only the first one holds.
    const amount = left.get(name)?.amount ?? 0
    left.delete(name)
    if (amount === pending) continue
    if (note({ limitId, window, amount }, pending, amount)) work[at + 3] = amount
  }
  // Oldest first, so that a counter that is put back can be the older one of two.
  for (const lost of [...left.values()].sort((a, b) => a.window - b.window)) {
    const { limitId, window, amount } = lost
    if (amount === 0) continue
    const newest = newestEntry(work, limitId)
    if (newest !== undefined && (work[newest + 1] ?? 0) > window) continue
    note(lost, 0, amount)
    const at = openEntry(work, limitId, window)
    if (at !== undefined) work[at + 3] = amount
  }
  return {
    drifts,
    negative: before.filter(({ posted, pending }) => posted < 0 || pending < 0).map(asNegative),
    totals: before.filter(({ window }) => window === TOTAL_WINDOW).map(asTotal),
    mended: isIdle(work) ? undefined : work,
  }
}

function countersOf(subject: string, state: SubjectState): (Counter & { at: number })[] {
  const counters: (Counter & { at: number })[] = []
  for (let at = 2 + 2 * (state[1] ?? 0); at < state.length; at += 4) {
    const [limitId = 0, window = 0, posted = 0, pending = 0] = state.slice(at, at + 4)
    counters.push({ subject, limitId, window, posted, pending, at })
  }
  return counters
}

function asNegative({ subject, limitId, window, posted, pending }: Counter): NegativeCounter {
  return { subject, limitId, window, posted, pending }
}

function asTotal({ subject, limitId, posted }: Counter): StoredTotal {
  return { subject, limitId, posted }
}
