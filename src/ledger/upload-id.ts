import type { Hashing } from '../hashing.ts'

// Crockford's base32, lower case: sortable, without i, l, o and u.
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz'
// 26 characters have two bits more than 16 bytes: those are 0 in the last one.
const UPLOAD_ID = /^up_[0-9a-hjkmnp-tv-z]{25}[048cgmrw]$/
const ID_BYTES = 16

/** A new id: `up_` and 26 characters that sort by time (UUIDv7's layout, RFC 9562 section 5.7). */
export function newUploadId(random: (length: number) => Uint8Array, nowMs: number): string {
  const bytes = new Uint8Array(ID_BYTES)
  let time = Math.floor(nowMs)
  for (let index = 5; index >= 0; index -= 1) {
    bytes[index] = time % 256
    time = Math.floor(time / 256)
  }
  bytes.set(random(ID_BYTES - 6), 6)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return `up_${toBase32(bytes)}`
}

/** The id that an idempotency key stands for: the same for the same caller and key, for ever. */
export function uploadIdFor(
  hashing: Hashing,
  tenant: string,
  user: string,
  idempotencyKey: string,
): string {
  const parts = [tenant, user, idempotencyKey].map((part) => `${part.length}:${part}`)
  return `up_${toBase32(hashing.sha256(parts.join('')).slice(0, ID_BYTES))}`
}

/** True for what one of the two would have made. */
export function isUploadId(text: string): boolean {
  return UPLOAD_ID.test(text)
}

function toBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = (value << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += ALPHABET[(value >> bits) & 31]
    }
    value &= (1 << bits) - 1
  }
  return bits > 0 ? text + ALPHABET[(value << (5 - bits)) & 31] : text
}
