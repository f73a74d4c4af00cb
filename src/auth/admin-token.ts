import { equalDigests, type Hashing } from '../hashing.ts'
import { bearerToken, type PresentedCredentials, unauthenticated } from './bearer.ts'
import type { RotatingSecret } from './rotating-secret.ts'

/**
 * Passes for the admin token, throws `Unauthenticated` for anything else and `AmbiguousCredentials`
 * for more than one credential.
 */
export type AuthenticateAdmin = (presented: PresentedCredentials) => void

/**
 * The check of the admin listener. Tokens are hashed first and then compared in constant time, so
 * that neither length nor first difference shows; the previous token works beside the current one.
 */
export function createAdminAuthenticator(options: {
  readonly hashing: Hashing
  readonly tokens: RotatingSecret
}): AuthenticateAdmin {
  const { hashing, tokens } = options
  const { current, previous = current } = tokens
  const digests = [current, previous].map(({ secret }) => hashing.sha256(secret.reveal()))
  return (presented) => {
    const digest = hashing.sha256(bearerToken(presented))
    // All are compared, whichever one matches.
    const matches = digests.map((expected) => equalDigests(digest, expected))
    if (!matches.includes(true)) throw unauthenticated()
  }
}
