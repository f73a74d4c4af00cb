import type { Hashing } from '../hashing.ts'
import type { Secret } from '../secret.ts'
import { type ApiKey, parseStoredHash, verifyApiKey } from './api-key.ts'
import type { KeyHash, KeyRecord } from './key-record.ts'
import { type RotatingSecret, secretOfVersion } from './rotating-secret.ts'

/** Which secret of a key was presented. */
export interface VerifiedSecret {
  readonly hash: KeyHash
  /** Version of the pepper that the hash was made with. */
  readonly pepperVersion: number
  /** When it stops working, in milliseconds; `Infinity`: never. */
  readonly endsAtMs: number
}

const NOTHING = new Uint8Array(32)

/**
 * The secret of `record` that `key` is, `undefined` for none that works at `nowMs`. It ends at its end, not
 * after it. An unknown id costs the same work as the wrong secret of a key that has one.
 */
export function verifyKey(
  { hashing, peppers }: { readonly hashing: Hashing; readonly peppers: RotatingSecret },
  key: ApiKey,
  { record, nowMs }: { readonly record: KeyRecord | undefined; readonly nowMs: number },
): VerifiedSecret | undefined {
  const works = ({ expiresAtMs = Infinity }: KeyHash) => expiresAtMs > nowMs
  const hashes = record?.hashes.filter(works) ?? []
  const matching = hashes.flatMap((hash) => {
    const stored = parseStoredHash(hash.hash)
    const pepper = stored && secretOfVersion(peppers, stored.version)
    if (stored === undefined || pepper === undefined) return []
    // Each is compared, whichever one matches.
    return [{ hash, version: stored.version, matches: matchesHash(pepper, stored.digest) }]
  })
  if (matching.length === 0) matchesHash(peppers.current.secret, NOTHING)
  const found = matching.find(({ matches }) => matches)
  if (found === undefined || record === undefined) return undefined
  const endsAtMs = Math.min(record.expiresAtMs ?? Infinity, found.hash.expiresAtMs ?? Infinity)
  if (endsAtMs <= nowMs) return undefined
  return { hash: found.hash, pepperVersion: found.version, endsAtMs }

  function matchesHash(pepper: Secret, digest: Uint8Array): boolean {
    return verifyApiKey(hashing, pepper, { key: key.text, digest })
  }
}

/**
 * Whether a secret of a key that works at `nowMs` was hashed with a newer pepper than there is here, by a
 * gateway that was told of it earlier: then nobody here can tell whether a text is that secret.
 */
export function hangsOnNewer(
  { current }: RotatingSecret,
  { record, nowMs }: { readonly record: KeyRecord; readonly nowMs: number },
): boolean {
  if ((record.expiresAtMs ?? Infinity) <= nowMs) return false
  return record.hashes.some(
    ({ hash, expiresAtMs = Infinity }) =>
      expiresAtMs > nowMs && (parseStoredHash(hash)?.version ?? 0) > current.version,
  )
}
