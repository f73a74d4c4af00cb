import type { Hashing } from '../hashing.ts'

/**
 * The number that counters of a policy are kept under: the first 4 bytes of SHA-256 of its name. A
 * renamed policy is a new counter. Collisions within a plan are refused when it is compiled.
 */
export function limitId(hashing: Hashing, policy: string): number {
  const [a = 0, b = 0, c = 0, d = 0] = hashing.sha256(policy)
  return a * 2 ** 24 + (b << 16) + (c << 8) + d
}
