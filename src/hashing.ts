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
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
/** The two characters of every 12 bits. */
const BASE64URL_PAIRS = [...BASE64URL].flatMap((a) => [...BASE64URL].map((b) => a + b))

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (let index = 0; index < bytes.length; index += 1) text += HEX[bytes[index] ?? 0]
  return text
}

/** base64url without padding (RFC 4648 section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  const whole = bytes.length - (bytes.length % 3)
  let text = ''
  for (let index = 0; index < whole; index += 3) {
    const bits = groupAt(bytes, index)
    text += BASE64URL_PAIRS[bits >> 12]
    text += BASE64URL_PAIRS[bits & 0xfff]
  }
  const bits = groupAt(bytes, whole)
  if (bytes.length - whole === 1) text += BASE64URL_PAIRS[bits >> 12]
  if (bytes.length - whole === 2) {
    text += BASE64URL_PAIRS[bits >> 12]
    text += BASE64URL[(bits >> 6) & 63]
  }
  return text
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
