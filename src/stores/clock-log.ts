import type { Logger } from '../log.ts'

/** A clock this far from ours is told as a warning, in milliseconds: more than that. */
const WARN_ABOVE_MS = 60_000
/** And as an error: nothing is signed for that store any more (`MAX_CLOCK_OFFSET_MS`). */
export const MAX_CLOCK_OFFSET_MS = 600_000
/** It has to come so much nearer before that is told, so that no offset near an edge fills the log. */
const NEARER_MS = 10_000

type Level = 'right' | 'off' | 'far'

/** Tells the log when a store's clock comes to be off, worse, or right again: one line each time. */
export function createClockLog(log: Logger, store: string): (offsetMs: number) => void {
  let level: Level = 'right'
  return (offsetMs) => {
    const next = levelOf(Math.abs(offsetMs), level)
    if (next === level) return
    level = next
    const facts = { store, offsetSeconds: Math.round(offsetMs / 1000) }
    if (next === 'right') log.info('store.clock_right', facts)
    else log[next === 'far' ? 'error' : 'warn']('store.clock_off', facts)
  }
}

function levelOf(byMs: number, now: Level): Level {
  const edge = (aboveMs: number, isAbove: boolean) => byMs > aboveMs - (isAbove ? NEARER_MS : 0)
  if (edge(MAX_CLOCK_OFFSET_MS, now === 'far')) return 'far'
  return edge(WARN_ABOVE_MS, now !== 'right') ? 'off' : 'right'
}
