import { GatewayError } from '../errors.ts'
import type { SignedUrl } from '../secret.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import { assertOutlasts } from '../stores/session-credential.ts'
import type { StoreCredential } from '../stores/store.ts'

/** One signed request, ready for a client. Whoever holds it may do what it says until it expires. */
export interface Grant {
  readonly method: 'GET' | 'PUT'
  readonly url: SignedUrl
  /**
   * Headers that the client must send with exactly these values, lower-case names. Never `host` and
   * `content-length`: signed as well, but sent by the HTTP client itself.
   */
  readonly headers: Readonly<Record<string, string>>
  /** Whole seconds, in milliseconds; rounded down from what was asked for. */
  readonly expiresAtMs: number
}

/** A lifetime as Signature Version 4 wants it. */
export interface SignedLifetime {
  readonly signedAtMs: number
  readonly expiresInSeconds: number
  readonly expiresAtMs: number
}

/**
 * Cuts a lifetime to whole seconds and dates the signature back by the store's `backdateSeconds`,
 * for stores whose clock is behind ours; the end stays where it is. Throws `InternalError` when less
 * than a second is left, `UnsupportedByStore` above the store's `maxExpiresSeconds`,
 * `StoreUnavailable` when the credential ends before.
 */
export function signedLifetime(
  { backdateSeconds, maxExpiresSeconds }: Capabilities,
  { nowMs, expiresAtMs }: { nowMs: number; expiresAtMs: number },
  credential: StoreCredential,
): SignedLifetime {
  const now = Math.floor(nowMs / 1000)
  const end = Math.floor(expiresAtMs / 1000)
  if (!(end > now)) throw new GatewayError('InternalError', 'Cannot sign: the grant has ended')
  const expiresInSeconds = end - now + backdateSeconds
  if (expiresInSeconds > maxExpiresSeconds) {
    throw new GatewayError(
      'UnsupportedByStore',
      `Cannot sign for this store: URLs live at most ${maxExpiresSeconds - backdateSeconds} s`,
      { capability: 'maxExpires' },
    )
  }
  assertOutlasts(credential, end * 1000)
  return {
    signedAtMs: (now - backdateSeconds) * 1000,
    expiresInSeconds,
    expiresAtMs: end * 1000,
  }
}
