import { KNOWN_FOR_MS, UNKNOWN_AFTER_MS } from '../auth/authenticate.ts'
import { bearerToken, type PresentedCredentials } from '../auth/bearer.ts'
import { type AdminIdentity, type Identity, looksLikeToken } from '../auth/identity.ts'
import type { Principal } from '../auth/principal.ts'
import type { Config } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import type { Directory } from './directory/directory.ts'
import type { Sightings } from './directory/sightings.ts'
import { mayAppear } from './may-act.ts'
import { principalOfIdentity } from './principal-of-identity.ts'
import type { TokenVerifiers } from './token-verifiers.ts'

type Identities = Pick<Config, 'tenants' | 'plans'>

/**
 * Tells who calls: API keys at once, tokens later. The user of a token appears on first sight, unless its
 * tenant or plan is none; who it is is told all the same, so that what it is refused has a name. Throws or
 * rejects with what `byKey` throws, what verification does, and `AuthUnavailable` where the directory could
 * not be heard that would tell who may act.
 */
export function createCallerAuthentication({
  byKey,
  tokens,
  live,
  directory,
  sightings,
}: {
  readonly byKey: (presented: PresentedCredentials) => Principal
  readonly tokens: Pick<TokenVerifiers, 'verify'>
  readonly live: { readonly [Name in 'file' | 'current']: Identities }
  readonly directory: Pick<Directory, 'staleMs'>
  readonly sightings: Pick<Sightings, 'note'>
}): (presented: PresentedCredentials) => Principal | Promise<Principal> {
  async function byToken(token: string): Promise<Principal> {
    const identity = await tokens.verify(token)
    assertHeard(identity, live, directory.staleMs())
    // First: a user is judged by the plan of this token, not of one before, which may be gone by now.
    if (mayAppear(live.current, identity)) sightings.note(identity)
    return principalOfIdentity(live.current, identity)
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

/**
 * Passes who is known well enough. What a directory may not have told yet is not known not to be there; and
 * whom the file does not name could have been suspended by now, or been given less.
 */
function assertHeard(
  { tenant, user, plan }: Pick<Identity, 'tenant' | 'user' | 'plan'>,
  { file, current }: { readonly file: Identities; readonly current: Identities },
  staleMs: number,
): void {
  const isKnown = current.tenants.has(tenant) && (plan === undefined || current.plans.has(plan))
  const isInFile = file.tenants.get(tenant)?.users.has(user) === true
  const goesOn = staleMs <= KNOWN_FOR_MS || isInFile
  if (staleMs <= UNKNOWN_AFTER_MS || (isKnown && goesOn)) return
  throw new GatewayError(
    'AuthUnavailable',
    'Cannot authenticate the request: the directory of users does not answer',
  )
}

/** The bearer's token where it is one; throws as `bearerToken` does. No API key has a dot. */
function tokenOf(presented: PresentedCredentials): string | undefined {
  if (presented.authorization?.includes('.') !== true) return undefined
  const text = bearerToken(presented)
  return looksLikeToken(text) ? text : undefined
}
