import { HEX } from '../hashing.ts'

/** A random UUID, version 4 (RFC 9562 section 5.4). */
export function newUuid(random: (length: number) => Uint8Array): string {
  const bytes = random(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  // Four digits at a time: short texts are joined flat, long ones are not.
  const pair = (at: number) => `${HEX[bytes[at] ?? 0]}${HEX[bytes[at + 1] ?? 0]}`
  const last = `${pair(10)}${pair(12)}${pair(14)}`
  return `${pair(0)}${pair(2)}-${pair(4)}-${pair(6)}-${pair(8)}-${last}`
}
