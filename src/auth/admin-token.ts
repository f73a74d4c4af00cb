import { equalDigests, type Hashing } from '../hashing.ts'
import { bearerToken, type PresentedCredentials, unauthenticated } from './bearer.ts'
import type { AdminIdentity } from './identity.ts'
import type { RotatingSecret } from './rotating-secret.ts'

/**
 * Tells who administers; throws `Unauthenticated` for whoever may not, and `AmbiguousCredentials` for
 * more than one credential.
 */
export type AuthenticateAdmin = (
  presented: PresentedCredentials,
) => AdminIdentity | Promise<AdminIdentity>

const TOKEN: AdminIdentity = Object.freeze({ name: 'token', role: 'operator' })

/**
 * The check of the admin token. Tokens are hashed first and then compared in constant time, so that
 * neither length nor first difference shows; the previous token works beside the current one.
 */
export function createAdminAuthenticator(options: {
  readonly hashing: Hashing
  readonly tokens: () => RotatingSecret
}): (presented: PresentedCredentials) => AdminIdentity {
  const { hashing, tokens } = options
  return (presented) => {
    const { current, previous = current } = tokens()
    const digest = hashing.sha256(bearerToken(presented))
    // All are compared, whichever one matches.
    const matches = [current, previous].map(({ secret }) =>
      equalDigests(digest, hashing.sha256(secret.reveal())),
    )
    if (!matches.includes(true)) throw unauthenticated()
    return TOKEN
  }
}
