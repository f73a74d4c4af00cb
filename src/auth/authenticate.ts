import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import type { Hashing } from '../hashing.ts'
import { Secret } from '../secret.ts'
import { hashApiKey, MAX_API_KEY_CHARACTERS, parseApiKey } from './api-key.ts'
import { bearerToken, type PresentedCredentials, unauthenticated } from './bearer.ts'
import { type KeyRecord, principalOf } from './key-record.ts'
import type { Principal } from './principal.ts'
import type { RotatingSecret } from './rotating-secret.ts'
import { hangsOnNewer, verifyKey } from './verify-key.ts'

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
  /** Told with every use of a shared key whose hash hangs on an older pepper, until it has another. */
  readonly onOutdated?: (outdated: OutdatedHash) => void
}

/** A stored hash that was made with an older pepper, and the same with the current one. */
export interface OutdatedHash {
  /** Of the key. */
  readonly id: string
  readonly from: string
  readonly to: string
}

/** What a directory may not have told us yet is not known not to be there. */
export const UNKNOWN_AFTER_MS = 5_000
/** Keys of the directory go on for so long while it cannot be heard: any could have been revoked. */
export const KNOWN_FOR_MS = 60_000

/**
 * Tells who asks, or throws: `AmbiguousCredentials` for more than one credential; `Unauthenticated`,
 * always in the same words, for none, an unknown key, a wrong secret, a wrong checksum, and for a key
 * that has ended; `AuthUnavailable` where the directory of keys could not be heard, and where another
 * gateway has hashed the key with a pepper that this one does not have yet.
 */
export type AuthenticateKey = (presented: PresentedCredentials) => Principal

/** Who was verified by which text; it holds as long as the record is the same and has not ended. */
interface Verified {
  readonly record: KeyRecord
  readonly principal: Principal
  readonly endsAtMs: number
  readonly outdated?: OutdatedHash
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
  onOutdated,
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
    const secret = verifyKey({ hashing, peppers: pepper }, key, { record, nowMs: clock.nowMs() })
    if (record === undefined || secret === undefined) {
      // Elsewhere it may have been made, or been given another secret.
      const isShared = record?.source !== 'configuration'
      if (isShared && staleMs() > UNKNOWN_AFTER_MS) throw keysAway()
      if (
        record !== undefined &&
        isShared &&
        hangsOnNewer(pepper, { record, nowMs: clock.nowMs() })
      ) {
        throw pepperUnknown()
      }
      throw unauthenticated()
    }
    const { hash, pepperVersion, endsAtMs } = secret
    const { current } = pepper
    const hangsOnOlder = record.source === 'admin' && pepperVersion !== current.version
    const outdated = hangsOnOlder && {
      outdated: { id: key.id, from: hash.hash, to: hashApiKey(hashing, current, new Secret(text)) },
    }
    return { record, principal: principalOf(record, endsAtMs), endsAtMs, ...outdated }
  }

  return (presented) => {
    const token = bearerToken(presented)
    if (token.length > MAX_API_KEY_CHARACTERS) throw unauthenticated()
    const digest = hashing.sha256Hex(token)
    const known = remembered(digest) ?? verify(token)
    if (digest !== newest) remember(digest, known)
    if (known.record.source === 'admin' && staleMs() > KNOWN_FOR_MS) throw keysAway()
    if (known.outdated !== undefined) onOutdated?.(known.outdated)
    return known.principal
  }
}

function pepperUnknown(): GatewayError {
  return new GatewayError(
    'AuthUnavailable',
    'Cannot authenticate the request: the key hangs on a pepper that this gateway does not have yet',
  )
}

function keysAway(): GatewayError {
  return new GatewayError(
    'AuthUnavailable',
    'Cannot authenticate the request: the directory of keys does not answer',
  )
}
