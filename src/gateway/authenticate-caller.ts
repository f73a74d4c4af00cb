import { bearerToken, type PresentedCredentials } from '../auth/bearer.ts'
import { type AdminIdentity, looksLikeToken } from '../auth/identity.ts'
import type { Principal } from '../auth/principal.ts'
import type { Config } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Sightings } from './directory/sightings.ts'
import { principalOfIdentity } from './principal-of-identity.ts'
import type { TokenVerifiers } from './token-verifiers.ts'

/**
 * Tells who calls: API keys at once, tokens later. The user of a token appears on first sight. Throws or
 * rejects with what `byKey` throws, what verification does, and `AccessDenied` where the tenant of a good
 * token is not there or may not act.
 */
export function createCallerAuthentication({
  byKey,
  tokens,
  config,
  sightings,
}: {
  readonly byKey: (presented: PresentedCredentials) => Principal
  readonly tokens: Pick<TokenVerifiers, 'verify'>
  readonly config: () => Pick<Config, 'tenants' | 'plans'>
  readonly sightings: Pick<Sightings, 'note'>
}): (presented: PresentedCredentials) => Principal | Promise<Principal> {
  async function byToken(token: string): Promise<Principal> {
    const identity = await tokens.verify(token)
    const principal = principalOfIdentity(config(), identity)
    sightings.note(identity)
    return principal
  }

  return (presented) => {
    const token = tokenOf(presented)
    return token === undefined ? byKey(presented) : byToken(token)
  }
}

/** Tells who administers: the bearer of the admin token, or of a token of the administrators' issuer. */
export function createAdminAuthentication({
  byAdminToken,
  tokens,
}: {
  readonly byAdminToken: (presented: PresentedCredentials) => AdminIdentity
  readonly tokens: Pick<TokenVerifiers, 'verifyAdmin'>
}): (presented: PresentedCredentials) => AdminIdentity | Promise<AdminIdentity> {
  return (presented) => {
    try {
      return byAdminToken(presented)
    } catch (error) {
      // Looked at second, because an admin token may hold two dots as well.
      const isRefused = error instanceof GatewayError && error.code === 'Unauthenticated'
      const token = isRefused ? tokenOf(presented) : undefined
      if (token === undefined) throw error
      return tokens.verifyAdmin(token)
    }
  }
}

/** The bearer's token where it is one; throws as `bearerToken` does. No API key has a dot. */
function tokenOf(presented: PresentedCredentials): string | undefined {
  if (presented.authorization?.includes('.') !== true) return undefined
  const text = bearerToken(presented)
  return looksLikeToken(text) ? text : undefined
}
