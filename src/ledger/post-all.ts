import { type Hold, MAX_COUNTER, type SubjectState } from './port.ts'
import {
  findEntry,
  isIdle,
  newestEntry,
  openEntry,
  type WorkingState,
  workingCopy,
} from './subject-state.ts'

/** How the entries of a hold change their counters. */
export interface PostingRule {
  /** The amount leaves pending. */
  readonly released: boolean
  /** The amount is put into pending (re-assert). */
  readonly held?: boolean
  /** What is added to posted: signed. */
  readonly posted: (kind: number, amount: number) => number
  /** Limits by entry: above one the entry is denied (late) or counted as overdraft (re-assert). */
  readonly limits?: readonly number[]
}

export interface Posting {
  readonly subjects: readonly (SubjectState | undefined)[]
  /** 1-based positions of entries above their limit. */
  readonly denied: readonly number[]
  /** Largest excess over a limit. */
  readonly over: number
  /**
   * 1-based position of an entry whose counter would leave 0 to `MAX_COUNTER`, or has no subject:
   * nothing is written.
   */
  readonly corruptAt?: number
}

/** Applies a rule to every entry of a hold, on copies. */
export function postAll(
  before: readonly (SubjectState | undefined)[],
  hold: Hold,
  rule: PostingRule,
): Posting {
  const subjects: (SubjectState | undefined)[] = []
  const denied: number[] = []
  let over = 0
  let position = 0
  let h = 0
  for (const state of before) {
    const subject = workingCopy(state)
    const quotas = hold[h++] ?? 0
    for (let quota = 0; quota < quotas; quota += 1, h += 4) {
      position += 1
      const [id = 0, window = 0, amount = 0, kind = 0] = hold.slice(h, h + 4)
      const at = entryFor(subject, id, window)
      if (at === undefined) continue
      const post = rule.posted(kind, amount)
      const use = (rule.held ? amount : 0) - (rule.released ? amount : 0)
      const posted = (subject[at + 2] ?? 0) + post
      const pending = (subject[at + 3] ?? 0) + use
      if (posted < 0 || pending < 0 || posted + pending > MAX_COUNTER) {
        return { subjects: before, denied, over, corruptAt: position }
      }
      const excess = posted + pending - (rule.limits?.[position - 1] ?? posted + pending)
      if (excess > 0 && post + use > 0) {
        denied.push(position)
        over = Math.max(over, excess)
      }
      subject[at + 2] = posted
      subject[at + 3] = pending
    }
    subjects.push(isIdle(subject) ? undefined : subject)
  }
  // Entries of a subject that was not named would stay pending for ever.
  if (h < hold.length) return { subjects: before, denied, over, corruptAt: position + 1 }
  return { subjects, denied, over }
}

/**
 * The entry that a hold counts in. A window older than the two that are kept counts no more:
 * `undefined`. One that was never seen is opened empty.
 */
function entryFor(subject: WorkingState, id: number, window: number): number | undefined {
  const exact = findEntry(subject, id, window)
  if (exact !== undefined) return exact
  const newest = newestEntry(subject, id)
  if (newest !== undefined && (subject[newest + 1] ?? 0) > window) return undefined
  return openEntry(subject, id, window)
}
