/** Segment of keys that is kept for what a probe writes: what lies below it may be removed at any time. */
const RESERVED_SEGMENT = '.signet-probe'

/** Below every placement's prefix: where a probe writes, and nobody else. */
export const PROBE_PREFIX = `${RESERVED_SEGMENT}/`

/** Whether a key is a probe's, in whatever placement: one may lie below the other. */
export function isReservedKey(key: string): boolean {
  return key.split('/').includes(RESERVED_SEGMENT)
}
