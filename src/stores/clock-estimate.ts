/** One answer of a store with its `Date`, between two moments of our own clock, in milliseconds. */
export interface DatedAnswer {
  readonly dateMs: number
  readonly sentAtMs: number
  readonly receivedAtMs: number
}

/** How far a store's clock is from ours. */
export interface ClockEstimate {
  /** Takes what an answer shows. One that was long on its way shows nothing. */
  add(answer: DatedAnswer): void
  /** The store's clock minus ours, in milliseconds; absent while nobody knows. */
  readonly offsetMs: number | undefined
  /** The last answer shows something else: one more that agrees with it, and a clock was set. */
  readonly isUnsure: boolean
  /** When the last answer that counted came, by our clock. */
  readonly measuredAtMs: number | undefined
}

/** Answers that are remembered. */
const SAMPLES = 5
/** The moment of a `Date` is known to half of what the answer took: no better than 5 s is no use. */
const MAX_ROUND_TRIP_MS = 10_000
/** Answers of the same clocks differ by no more: a `Date` has whole seconds, and lies in between. */
const AGREE_MS = MAX_ROUND_TRIP_MS / 2 + 1_000
/** A `Date` is cut to the second, and on average half a one is lost. */
const HALF_SECOND_MS = 500

/**
 * The median of the last five answers. Two in a row that agree with each other and not with the rest
 * say that a clock was set, and what came before is forgotten; a single one, from a cache on the way,
 * changes nothing.
 */
export function createClockEstimate(): ClockEstimate {
  let samples: number[] = []
  let odd: number | undefined
  let offsetMs: number | undefined
  let measuredAtMs: number | undefined

  return {
    add({ dateMs, sentAtMs, receivedAtMs }) {
      const roundTripMs = receivedAtMs - sentAtMs
      // Our own clock may be set during a call.
      if (roundTripMs < 0 || roundTripMs > MAX_ROUND_TRIP_MS) return
      const sample = dateMs + HALF_SECOND_MS - (sentAtMs + receivedAtMs) / 2
      measuredAtMs = receivedAtMs
      const agrees = offsetMs === undefined || Math.abs(sample - offsetMs) <= AGREE_MS
      const agreesWithOdd = odd !== undefined && Math.abs(sample - odd) <= AGREE_MS
      if (!agrees && !agreesWithOdd) {
        odd = sample
        return
      }
      samples = agrees ? [...samples.slice(1 - SAMPLES), sample] : [odd ?? sample, sample]
      odd = undefined
      offsetMs = medianOf(samples)
    },
    get offsetMs() {
      return offsetMs
    },
    get isUnsure() {
      return odd !== undefined
    },
    get measuredAtMs() {
      return measuredAtMs
    },
  }
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? 0
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}
