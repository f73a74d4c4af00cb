import { type SubjectState, TOTAL_WINDOW } from './port.ts'

/** A subject's state while a decision works on it: the flat array of the port, mutable. */
export type WorkingState = number[]

const SCHEMA = 1
const HEADER = 2
/** Numbers per quota entry: limit id, window, posted, pending. */
const ENTRY = 4

/** A copy to work on; a subject without a state starts empty. */
export function workingCopy(state: SubjectState | undefined): WorkingState {
  return state === undefined ? [SCHEMA, 0] : [...state]
}

/** Position of a rate's `tat`; a new rate starts at 0, which is long ago. */
export function tatAt(state: WorkingState, id: number): number {
  const rates = state[1] ?? 0
  const end = HEADER + 2 * rates
  for (let at = HEADER; at < end; at += 2) if (state[at] === id) return at + 1
  state.splice(end, 0, id, 0)
  state[1] = rates + 1
  return end + 1
}

/** Position of a quota's entry for exactly this window; `undefined` when there is none. */
export function findEntry(state: WorkingState, id: number, window: number): number | undefined {
  for (let at = firstEntry(state); at < state.length; at += ENTRY) {
    if (state[at] === id && state[at + 1] === window) return at
  }
  return undefined
}

/** Position of a quota's newest entry, whatever its window; `undefined` when there is none. */
export function newestEntry(state: WorkingState, id: number): number | undefined {
  let newest: number | undefined
  for (let at = firstEntry(state); at < state.length; at += ENTRY) {
    if (state[at] !== id) continue
    if (newest === undefined || (state[at + 1] ?? 0) > (state[newest + 1] ?? 0)) newest = at
  }
  return newest
}

/**
 * Position of the entry for a window that begins or runs: created, or rolled forward. A window that
 * had pending amounts when the next began is kept beside it, so that a settle lands where it was
 * reserved; the one before that counts no more. `undefined` for a window older than the newest.
 */
export function openEntry(state: WorkingState, id: number, window: number): number | undefined {
  const newest = newestEntry(state, id)
  if (newest === undefined) {
    state.push(id, window, 0, 0)
    return state.length - ENTRY
  }
  const known = state[newest + 1] ?? 0
  if (known === window) return newest
  if (known > window) return undefined
  if ((state[newest + 3] ?? 0) > 0) {
    const older = olderEntry(state, id, newest)
    const kept = state.slice(newest, newest + ENTRY)
    if (older === undefined) state.push(...kept)
    else for (const [offset, value] of kept.entries()) state[older + offset] = value
  }
  state[newest + 1] = window
  state[newest + 2] = 0
  state[newest + 3] = 0
  return newest
}

/** True for a subject that holds nothing but totals of zero: it need not be kept. */
export function isIdle(state: WorkingState): boolean {
  if ((state[1] ?? 0) > 0) return false
  for (let at = firstEntry(state); at < state.length; at += ENTRY) {
    if (state[at + 1] !== TOTAL_WINDOW || state[at + 2] !== 0 || state[at + 3] !== 0) return false
  }
  return true
}

function olderEntry(state: WorkingState, id: number, newest: number): number | undefined {
  for (let at = firstEntry(state); at < state.length; at += ENTRY) {
    if (state[at] === id && at !== newest) return at
  }
  return undefined
}

function firstEntry(state: WorkingState): number {
  return HEADER + 2 * (state[1] ?? 0)
}
