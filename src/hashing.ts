/**
 * Synchronous SHA-256 and HMAC of the runtime (RFC 6234, RFC 2104). A port, because WebCrypto is
 * asynchronous and costs more than the rest of a decision; `runtime/` hands the driver over.
 * Strings are hashed as UTF-8. Results have 32 bytes.
 */
export interface Hashing {
  sha256(data: string | Uint8Array): Uint8Array
  hmacSha256(key: Uint8Array, data: string | Uint8Array): Uint8Array
  /** In lower-case hexadecimal, without the bytes in between. */
  sha256Hex(data: string): string
  /** SHA-256 of many texts that begin alike; with a key, HMAC by it. For those who sign all day. */
  textHash(key?: Uint8Array): TextHash
}

/**
 * The hash of `head` and `tail` as one text, in lower-case hexadecimal. A head that is the same as the
 * time before costs next to nothing.
 */
export type TextHash = (head: string, tail: string) => string

/**
 * Compares digests without telling where they differ. Throws `RangeError` on unequal lengths, which
 * for digests of one function means a programming error.
 */
export function equalDigests(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) throw new RangeError('Cannot compare digests: lengths differ')
  let difference = 0
  for (let index = 0; index < a.length; index += 1) {
    difference |= (a[index] ?? 0) ^ (b[index] ?? 0)
  }
  return difference === 0
}

// Tables, because whoever is granted an upload waits for a dozen of these texts.
/** The two digits of each byte, lower-case. */
export const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) =>
  byte.toString(16).padStart(2, '0'),
)
const BASE64URL = Uint8Array.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
  (character) => character.charCodeAt(0),
)
/** Room for the characters of a ticket, and more. */
const characters = new Uint8Array(2_048)
const decoder = new TextDecoder()

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (let index = 0; index < bytes.length; index += 1) text += HEX[bytes[index] ?? 0]
  return text
}

/** base64url without padding (RFC 4648 section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  const length = Math.ceil((bytes.length * 4) / 3)
  const to = length <= characters.length ? characters : new Uint8Array(length)
  let at = 0
  for (let index = 0; index < bytes.length; index += 3) {
    const bits = groupAt(bytes, index)
    to[at] = BASE64URL[bits >> 18] ?? 0
    to[at + 1] = BASE64URL[(bits >> 12) & 63] ?? 0
    to[at + 2] = BASE64URL[(bits >> 6) & 63] ?? 0
    to[at + 3] = BASE64URL[bits & 63] ?? 0
    at += 4
  }
  return decoder.decode(to.subarray(0, length))
}

/** 24 bits; those beyond the end are 0. */
function groupAt(bytes: Uint8Array, index: number): number {
  return ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0)
}

/** Reverse of `toBase64Url`; `undefined` for anything that it would not have written. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined
  try {
    const binary = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0))
    return toBase64Url(bytes) === text ? bytes : undefined
  } catch {
    return undefined
  }
}
