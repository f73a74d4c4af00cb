import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey, jwtVerify } from 'jose'
import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { EventSettings } from './event-settings.ts'

const ISSUER = 'https://accounts.google.com'
/** Where Google keeps the keys of its tokens (OpenID Connect discovery of the issuer, `jwks_uri`). */
const GOOGLE_KEYS_URL = 'https://www.googleapis.com/oauth2/v3/certs'
const CLOCK_TOLERANCE_SECONDS = 30

/**
 * Keys of Google's tokens, fetched from one fixed place: kept for ten minutes, and asked for again
 * because of an unknown key at most every 30 s.
 */
export function createGoogleKeys(fetch: typeof globalThis.fetch): JWTVerifyGetKey {
  return createRemoteJWKSet(new URL(GOOGLE_KEYS_URL), {
    timeoutDuration: 5_000,
    cooldownDuration: 30_000,
    cacheMaxAge: 600_000,
    [customFetch]: fetch,
  })
}

/**
 * True for a token that Google made for this store's subscription: RS256 and nothing else, the
 * configured audience, and the configured service account, verified. Throws `AuthUnavailable` when
 * Google's keys cannot be had now.
 */
export async function isPubSubToken(
  token: string,
  { settings, googleKeys, clock }: { settings: EventSettings } & TokenPorts,
): Promise<boolean> {
  const { audience, serviceAccount } = settings
  if (audience === undefined || serviceAccount === undefined) return false
  let away: unknown
  const keyOf: JWTVerifyGetKey = async (header, jws) => {
    try {
      return await googleKeys(header, jws)
    } catch (error) {
      if (!isNoSuchKey(error)) away = error
      throw error
    }
  }
  try {
    const { payload } = await jwtVerify(token, keyOf, {
      algorithms: ['RS256'],
      issuer: ISSUER,
      audience,
      requiredClaims: ['exp', 'iat'],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(clock.nowMs()),
    })
    return payload.email === serviceAccount && payload.email_verified === true
  } catch {
    if (away === undefined) return false
    throw new GatewayError('AuthUnavailable', "Cannot prove the event: Google's keys are away", {
      cause: away,
    })
  }
}

interface TokenPorts {
  readonly googleKeys: JWTVerifyGetKey
  readonly clock: Clock
}

function isNoSuchKey(error: unknown): boolean {
  return (
    error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys
  )
}
