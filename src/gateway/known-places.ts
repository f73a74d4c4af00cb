import type { Clock } from '../clock.ts'

/**
 * In which placement this process met objects lately, so that nobody is asked again. An object may have moved
 * since: whoever must be sure looks there first, and elsewhere after.
 */
export interface KnownPlaces {
  /** Name of the placement, by the object's digest; `undefined`: not met lately. */
  get(digest: string): string | undefined
  /** Keeps it for `keptMs`; all are forgotten sooner when there are too many. */
  set(digest: string, placement: string, keptMs: number): void
  forget(digest: string): void
}

/** Kept instead of a placement's name: there is none. */
export const NOWHERE = 'nowhere'

/** About 150 bytes each. */
const MAX_PLACES = 50_000

/** Knows nothing yet. `max`: places at once, from 1. Default 50,000. */
export function createKnownPlaces(stopwatch: Clock, max = MAX_PLACES): KnownPlaces {
  const places = new Map<string, { readonly placement: string; readonly untilMs: number }>()
  return {
    get(digest) {
      const known = places.get(digest)
      if (known === undefined) return undefined
      if (stopwatch.nowMs() < known.untilMs) return known.placement
      places.delete(digest)
      return undefined
    },
    set(digest, placement, keptMs) {
      // A Map keeps the order of insertion: the one met longest ago goes first.
      places.delete(digest)
      places.set(digest, { placement, untilMs: stopwatch.nowMs() + keptMs })
      if (places.size <= max) return
      const [oldest] = places.keys()
      if (oldest !== undefined) places.delete(oldest)
    },
    forget: (digest) => {
      places.delete(digest)
    },
  }
}
