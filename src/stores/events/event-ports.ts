import type { JWTVerifyGetKey } from 'jose'
import type { Clock } from '../../clock.ts'
import type { Hashing } from '../../hashing.ts'

/** A delivery as it came, at most 1 MiB of it. */
export interface EventDelivery {
  readonly headers: Headers
  /** The body byte by byte: B2 signs it as it is. */
  readonly raw: Uint8Array
}

/** What reading events asks of the world. */
export interface EventPorts {
  readonly clock: Clock
  readonly hashing: Hashing
  /** Keys of Google's tokens, by the `kid` of a header and by nothing else in it. */
  readonly googleKeys: JWTVerifyGetKey
  readonly sns: SnsPorts
}

/** What SNS needs. URLs that get here are pinned to hosts and paths of SNS already. */
export interface SnsPorts {
  /**
   * The certificate at a URL, PEM; `undefined` when there is none. Throws when nobody can tell now,
   * which is `AuthUnavailable` for the delivery.
   */
  fetchCertificate(url: string): Promise<string | undefined>
  /** Asks for a URL once, without redirects. Throws unless it is answered 2xx. */
  confirmSubscription(url: string): Promise<void>
  readonly verifyWithCertificate: VerifyWithCertificate
}

/**
 * Checks an RSA signature (PKCS #1 v1.5) by the key in an X.509 certificate. False for anything that
 * does not verify, a PEM that is none and a key that is not RSA of 2,048 bits or more included; never
 * throws. A port, because WebCrypto reads no X.509.
 */
export type VerifyWithCertificate = (signed: {
  readonly pem: string
  readonly data: Uint8Array
  readonly signature: Uint8Array
  readonly hash: 'SHA-1' | 'SHA-256'
}) => boolean
