import type { Clock } from '../clock.ts'

/** Whole milliseconds of a clock that never goes backwards, whatever the machine's does. */
export function steadyClock(clock: Clock): () => number {
  let latest = 0
  return () => {
    latest = Math.max(latest, Math.floor(clock.nowMs()))
    return latest
  }
}
