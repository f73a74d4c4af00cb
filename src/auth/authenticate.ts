import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { Hashing } from '../hashing.ts'
import { MAX_API_KEY_CHARACTERS, parseApiKey, parseStoredHash, verifyApiKey } from './api-key.ts'
import { bearerToken, type PresentedCredentials, unauthenticated } from './bearer.ts'
import { type KeyHash, type KeyRecord, principalOf } from './key-record.ts'
import type { Principal } from './principal.ts'
import { type RotatingSecret, secretOfVersion } from './rotating-secret.ts'

/** Verified keys that are remembered; beyond it the one unused for longest is forgotten. */
export const MAX_VERIFIED_KEYS = 10_000

export interface AuthenticatorOptions {
  readonly hashing: Hashing
  readonly clock: Clock
  /** By key id, as they are now. */
  readonly keys: () => ReadonlyMap<string, KeyRecord>
  readonly peppers: () => RotatingSecret
  /**
   * How long ago the shared directory of keys was last heard, in milliseconds; absent: all keys are in the
   * configuration.
   */
  readonly staleMs?: () => number
}

/** What a directory may not have told us yet is not known not to be there. */
export const UNKNOWN_AFTER_MS = 5_000
/** Keys of the directory go on for so long while it cannot be heard: any could have been revoked. */
export const KNOWN_FOR_MS = 60_000

/**
 * Tells who asks, or throws: `AmbiguousCredentials` for more than one credential; `Unauthenticated`,
 * always in the same words, for none, an unknown key, a wrong secret, a wrong checksum, and for a key
 * that has ended; `AuthUnavailable` where the directory of keys could not be heard.
 */
export type AuthenticateKey = (presented: PresentedCredentials) => Principal

/** Who was verified by which text; it holds as long as the record is the same and has not ended. */
interface Verified {
  readonly record: KeyRecord
  readonly principal: Principal
  readonly endsAtMs: number
}

/**
 * An authenticator for API keys. An unknown id costs the same work as a wrong secret. A key once verified
 * costs one SHA-256.
 */
export function createAuthenticator({
  hashing,
  clock,
  keys,
  peppers,
  staleMs = () => 0,
}: AuthenticatorOptions): AuthenticateKey {
  const verified = new Map<string, Verified>()
  let pepper = peppers()
  let newest = ''

  function remembered(digest: string): Verified | undefined {
    // A pepper that is gone takes its keys with it.
    if (peppers() !== pepper) forget()
    pepper = peppers()
    const known = verified.get(digest)
    if (known === undefined) return undefined
    if (keys().get(known.record.id) !== known.record || known.endsAtMs <= clock.nowMs()) {
      forget(digest)
      return undefined
    }
    if (digest === newest) return known
    // A Map keeps the order of insertion, so the first entry is the one unused for longest.
    verified.delete(digest)
    verified.set(digest, known)
    newest = digest
    return known
  }

  function forget(digest?: string): void {
    if (digest === undefined) verified.clear()
    else verified.delete(digest)
    newest = ''
  }

  function remember(digest: string, entry: Verified): void {
    const oldest = verified.keys().next()
    if (verified.size >= MAX_VERIFIED_KEYS && oldest.done !== true) verified.delete(oldest.value)
    verified.set(digest, entry)
    newest = digest
  }

  function verify(text: string): Verified {
    const key = parseApiKey(text)
    if (key === undefined) throw unauthenticated()
    const record = keys().get(key.id)
    // Whoever is not there may have been made since; whoever is there may have been revoked.
    if (record === undefined && staleMs() > UNKNOWN_AFTER_MS) throw keysAway()
    const match = matchingHash(key.text, record)
    if (record === undefined || match === undefined) throw unauthenticated()
    const endsAtMs = Math.min(record.expiresAtMs ?? Infinity, match.expiresAtMs ?? Infinity)
    if (endsAtMs <= clock.nowMs()) throw unauthenticated()
    return { record, principal: principalOf(record), endsAtMs }
  }

  /** All hashes are compared, whichever one matches; without any as much work is done as for one. */
  function matchingHash(text: string, record: KeyRecord | undefined): KeyHash | undefined {
    const hashes = record?.hashes ?? [NO_HASH]
    const matches = hashes.filter(({ hash }) => {
      const stored = parseStoredHash(hash)
      const made = secretOfVersion(pepper, stored?.version ?? pepper.current.version)
      const isSame = verifyApiKey(hashing, made ?? pepper.current.secret, {
        key: text,
        digest: stored?.digest ?? new Uint8Array(32),
      })
      return isSame && stored !== undefined && made !== undefined
    })
    return record === undefined ? undefined : matches[0]
  }

  return (presented) => {
    const token = bearerToken(presented)
    if (token.length > MAX_API_KEY_CHARACTERS) throw unauthenticated()
    const digest = hashing.sha256Hex(token)
    const known = remembered(digest) ?? verify(token)
    if (digest !== newest) remember(digest, known)
    if (known.record.source === 'admin' && staleMs() > KNOWN_FOR_MS) throw keysAway()
    return known.principal
  }
}

const NO_HASH: KeyHash = { hash: '' }

function keysAway(): GatewayError {
  return new GatewayError(
    'AuthUnavailable',
    'Cannot authenticate the request: the directory of keys does not answer',
  )
}
