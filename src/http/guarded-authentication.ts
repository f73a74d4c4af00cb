import { MAX_AUTHORIZATION_BYTES, type PresentedCredentials } from '../auth/bearer.ts'
import { claimedIssuer } from '../auth/claimed-issuer.ts'
import type { AppContext } from './app-context.ts'
import { createFailureBrake } from './failure-brake.ts'
import { presentedCredentials } from './register-routes.ts'
import type { HttpContext } from './route.ts'

/**
 * Authentication with a brake for who guesses: after too many failures a network gets `SlowDown` for
 * that key id or issuer, before anything is asked of the ledger. The owner is not locked out, neither
 * elsewhere nor behind the same address: every credential is looked at. For a key that costs less than the
 * refusal, for a token about as much, and an issuer is asked no more often for it (`createIssuerKeys`).
 */
export function guardedAuthentication<Identity>(
  context: AppContext,
  authenticate: (presented: PresentedCredentials) => Identity,
): (http: HttpContext) => Identity {
  const brake = createFailureBrake(context)
  return function guarded(http) {
    const presented = presentedCredentials(http)
    const { authorization } = presented
    // What is longer is refused unread, so it is not hashed either.
    const isLooked = authorization !== null && authorization.length <= MAX_AUTHORIZATION_BYTES
    const text = isLooked ? authorization : ''
    const attempt = {
      http,
      name: () => nameOf(context, text),
      digest: () => context.hashing.sha256Hex(text),
    }
    return brake(attempt, () => authenticate(presented))
  }
}

/** The key id; of a token who it says has issued it, by its hash, for it may be any text. */
function nameOf({ hashing }: AppContext, authorization: string): string {
  const token = tokenOf(authorization)
  if (token !== undefined) return `token:${hashing.sha256Hex(claimedIssuer(token))}`
  return /^bearer signet_([A-Za-z0-9]{1,64})_/i.exec(authorization)?.[1] ?? ''
}

/** What has two dots, as a signed token (RFC 7515) and no API key has. */
function tokenOf(authorization: string): string | undefined {
  return /^bearer ([^.]+\.[^.]*\.[^.]*)$/i.exec(authorization)?.[1]
}
