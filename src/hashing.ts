/**
 * Synchronous SHA-256 and HMAC of the runtime (RFC 6234, RFC 2104). A port, because WebCrypto is
 * asynchronous and costs more than the rest of a decision; `runtime/` hands the driver over.
 * Strings are hashed as UTF-8. Results have 32 bytes.
 */
export interface Hashing {
  sha256(data: string | Uint8Array): Uint8Array
  hmacSha256(key: Uint8Array, data: string | Uint8Array): Uint8Array
}

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

/** Lower-case hexadecimal. */
export function toHex(bytes: Uint8Array): string {
  let text = ''
  for (const byte of bytes) text += byte.toString(16).padStart(2, '0')
  return text
}

/** base64url without padding (RFC 4648 section 5). */
export function toBase64Url(bytes: Uint8Array): string {
  let binary = ''
  for (const byte of bytes) binary += String.fromCharCode(byte)
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
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
