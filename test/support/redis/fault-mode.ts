/** Which requests a fault is for: bytes seen since the last reply, as Latin-1 text or raw. */
export type RequestPattern = RegExp | ((request: Buffer) => boolean)

/**
 * What a fault proxy does, to the connections it has and to new ones:
 * - `pass`: forwards.
 * - `refuse`: nobody listens; connections that exist are reset.
 * - `reset`: accepts and resets at once; connections that exist are reset.
 * - `blackhole`: accepts, reads, forwards nothing either way, and never closes.
 * - `oneWay`: requests go through, answers vanish, and it never closes.
 * - `hold`: keeps the bytes of both ways and delivers them in order once the mode changes: a
 *   partition that heals, or a command that arrives long after. `refuse` and `reset` throw away
 *   what is held.
 * - `latency`: delays each chunk by `ms` ± `jitterMs` **each way**, in order. A share `lossRate` of
 *   the chunks (0 to 1) counts as lost and sent again after `lossHoldMs`. Defaults 0, 0, 0, 200.
 * - `dropReply`: forwards, swallows the next answer (or the next to a request that matches `when`),
 *   cuts the connection 30 ms after. `times` connections (default 1), then it passes.
 * - `cutReply`: as `dropReply`, but the first half of that chunk of the answer still arrives.
 * Connections that lost bytes in `blackhole` or `oneWay` are reset when the mode changes: a healed
 * TCP connection never has a hole.
 */
export type FaultMode =
  | { kind: 'pass' | 'refuse' | 'reset' | 'blackhole' | 'oneWay' | 'hold' }
  | {
      kind: 'latency'
      ms?: number
      jitterMs?: number
      lossRate?: number
      lossHoldMs?: number
    }
  | { kind: 'dropReply' | 'cutReply'; when?: RequestPattern; times?: number }

/** Whether the request bytes are those that a fault is for; no pattern means all. */
export function matches(pattern: RequestPattern | undefined, request: Buffer): boolean {
  if (pattern === undefined) return true
  if (typeof pattern === 'function') return pattern(request)
  // A regular expression with the flag `g` or `y` would remember where it stopped.
  pattern.lastIndex = 0
  return pattern.test(request.toString('latin1'))
}

/** Numbers from 0 to 1 that the seed alone decides (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
