import type { Hashing } from '../hashing.ts'
import { MAX_API_KEY_CHARACTERS, parseApiKey, parseStoredHash, verifyApiKey } from './api-key.ts'
import { bearerToken, type PresentedCredentials, unauthenticated } from './bearer.ts'
import { type KeyRecord, principalOf } from './key-record.ts'
import type { Principal } from './principal.ts'
import { type RotatingSecret, secretOfVersion } from './rotating-secret.ts'

/** Verified keys that are remembered; beyond it the one unused for longest is forgotten. */
export const MAX_VERIFIED_KEYS = 10_000

export interface AuthenticatorOptions {
  readonly hashing: Hashing
  /** By key id. A key that is taken out needs a new authenticator: answers are remembered. */
  readonly keys: ReadonlyMap<string, KeyRecord>
  readonly peppers: RotatingSecret
}

/**
 * Tells who asks, or throws: `AmbiguousCredentials` for more than one credential, `Unauthenticated`,
 * always in the same words, for none, an unknown key, a wrong secret or a wrong checksum.
 */
export type Authenticate = (presented: PresentedCredentials) => Principal

/**
 * An authenticator for the API keys of one configuration. An unknown id costs the same work as a
 * wrong secret. A key once verified costs one SHA-256.
 */
export function createAuthenticator({
  hashing,
  keys,
  peppers,
}: AuthenticatorOptions): Authenticate {
  const verified = new Map<string, Principal>()
  let newest = ''

  function remembered(digest: string): Principal | undefined {
    const principal = verified.get(digest)
    if (principal === undefined || digest === newest) return principal
    // A Map keeps the order of insertion, so the first entry is the one unused for longest.
    verified.delete(digest)
    verified.set(digest, principal)
    newest = digest
    return principal
  }

  function remember(digest: string, principal: Principal): void {
    const oldest = verified.keys().next()
    if (verified.size >= MAX_VERIFIED_KEYS && oldest.done !== true) verified.delete(oldest.value)
    verified.set(digest, principal)
    newest = digest
  }

  function verify(text: string): Principal {
    const key = parseApiKey(text)
    if (key === undefined) throw unauthenticated()
    const record = keys.get(key.id)
    const stored = parseStoredHash(record?.hashes[0]?.hash ?? '')
    const pepper = secretOfVersion(peppers, stored?.version ?? peppers.current.version)
    const matches = verifyApiKey(hashing, pepper ?? peppers.current.secret, {
      key: key.text,
      digest: stored?.digest ?? new Uint8Array(32),
    })
    if (!matches || record === undefined || stored === undefined || pepper === undefined) {
      throw unauthenticated()
    }
    return principalOf(record)
  }

  return (presented) => {
    const token = bearerToken(presented)
    if (token.length > MAX_API_KEY_CHARACTERS) throw unauthenticated()
    const digest = hashing.sha256Hex(token)
    const known = remembered(digest)
    if (known !== undefined) return known
    const principal = verify(token)
    remember(digest, principal)
    return principal
  }
}
