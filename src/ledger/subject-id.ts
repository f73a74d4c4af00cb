import { type Hashing, toBase64Url } from '../hashing.ts'

/** User, tenant, API key, bucket, store, and the lock of one object. */
export type SubjectLetter = 'u' | 't' | 'k' | 'b' | 's' | 'o'

const ID_BYTES = 12

/**
 * Id of what limits are counted for: its letter and 16 base64url characters of SHA-256 over the
 * installation's salt, letter, tenant and name. Fixed length, opaque, no brace or colon; the lengths
 * go in as well, so that no two pairs of names join to the same text.
 */
export function subjectId(
  hashing: Hashing,
  salt: string,
  letter: SubjectLetter,
  tenant: string,
  name: string,
): string {
  const parts = [salt, letter, tenant, name].map((part) => `${part.length}:${part}`)
  return letter + toBase64Url(hashing.sha256(parts.join('')).slice(0, ID_BYTES))
}
