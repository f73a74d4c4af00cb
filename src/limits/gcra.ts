import type { RateLimit } from './plan.ts'

type Pace = Pick<RateLimit, 'requests' | 'windowSeconds'>

/** Costs are exact up to this; whatever costs more is above every burst that a plan may have. */
const MAX_COST_US = 2 ** 52

/**
 * Time that one request takes, in whole microseconds, rounded up: T of the generic cell rate
 * algorithm. Cost and burst are multiples of this very number. Were they rounded by themselves, the
 * last request of a burst of 3 in a second would find 1,000,000 µs where 1,000,002 are asked.
 */
export function spacingUs({ requests, windowSeconds }: Pace): number {
  return Math.ceil((windowSeconds * 1e6) / requests)
}

/** What `requests` at once cost, in microseconds. */
export function costUs(spacing: number, requests: number): number {
  return Math.min(MAX_COST_US, spacing * requests)
}

/** How many single requests fit into what is left, rounded down, 0 to `burst`. */
export function requestsLeft(spacing: number, burst: number, roomUs: number): number {
  return Math.min(burst, Math.max(0, Math.floor(roomUs / spacing)))
}

/**
 * Whole seconds until `incUs` fit, rounded up so that who waits is never early, at least 1;
 * `undefined` when they never do.
 */
export function waitSeconds(incUs: number, tauUs: number, roomUs: number): number | undefined {
  if (incUs > tauUs) return undefined
  return Math.max(1, Math.ceil((incUs - roomUs) / 1e6))
}
