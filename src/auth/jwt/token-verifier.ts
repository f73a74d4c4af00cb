import { decodeJwt, errors, type JWTPayload } from 'jose'
import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { Hashing } from '../../hashing.ts'
import type { Logger } from '../../log.ts'
import { createRareLog } from '../../rare-log.ts'
import { MAX_AUTHORIZATION_BYTES, unauthenticated } from '../bearer.ts'
import type { VerifyAdminToken, VerifyToken } from '../identity.ts'
import type { AdminIssuer, Issuer, TokenIssuer } from './issuer.ts'
import type { IssuerKeys } from './issuer-keys.ts'
import type { KeyRing } from './key-ring.ts'
import { adminIdentityOf, identityOf, MAX_ID_CHARACTERS } from './map-claims.ts'
import { createRecent } from './recent.ts'
import { verifyClaims } from './verify-claims.ts'

/** Tokens that are remembered as good, until they end. */
export const MAX_KNOWN_TOKENS = 10_000
/** Tokens that are remembered for a wrong signature. */
export const MAX_REFUSED_TOKENS = 1_000

/** The same reason is in the log at most once in so long, in milliseconds. */
const REFUSAL_LOG_MS = 10_000

/** What verifying tokens needs. */
export interface VerifierPorts {
  readonly keyRing: Pick<KeyRing, 'of'>
  readonly clock: Clock
  readonly hashing: Pick<Hashing, 'sha256Hex'>
  readonly log: Logger
}

/**
 * Verifies tokens of the public listener. Which issuer is asked follows from `iss` alone. A token once
 * verified costs one SHA-256 until it ends or its issuer's keys change.
 */
export function createTokenVerifier(issuers: Iterable<Issuer>, ports: VerifierPorts): VerifyToken {
  return createVerifier({ issuers, meaningOf: identityOf }, ports)
}

/** Verifies tokens of administrators. */
export function createAdminTokenVerifier(
  issuer: AdminIssuer,
  ports: VerifierPorts,
): VerifyAdminToken {
  return createVerifier({ issuers: [issuer], meaningOf: adminIdentityOf }, ports)
}

interface Kind<OneIssuer extends TokenIssuer, Meaning> {
  readonly issuers: Iterable<OneIssuer>
  /** `undefined`: the claims do not say what they have to. */
  readonly meaningOf: (claims: JWTPayload, issuer: OneIssuer) => Meaning | undefined
}

interface KnownToken<Meaning> {
  readonly meaning: Meaning
  readonly keys: IssuerKeys
  /** Of the keys that verified it. */
  readonly version: number
  readonly expiresAtMs: number
}

function createVerifier<OneIssuer extends TokenIssuer, Meaning>(
  { issuers, meaningOf }: Kind<OneIssuer, Meaning>,
  { keyRing, clock, hashing, log }: VerifierPorts,
): (token: string) => Promise<Meaning> {
  const byIssuer = new Map(
    [...issuers].map((issuer) => [issuer.issuer, { issuer, keys: keyRing.of(issuer) }]),
  )
  const refusals = createRareLog(clock, REFUSAL_LOG_MS)
  const good = createRecent<KnownToken<Meaning>>(MAX_KNOWN_TOKENS)
  const refused = createRecent<{ readonly keys: IssuerKeys; readonly version: number }>(
    MAX_REFUSED_TOKENS,
  )

  function remembered(digest: string): Meaning | undefined {
    const token = good.get(digest)
    if (token === undefined) return undefined
    if (token.keys.version === token.version && clock.nowMs() < token.expiresAtMs) {
      return token.meaning
    }
    good.delete(digest)
    return undefined
  }

  async function verify(token: string, digest: string): Promise<Meaning> {
    const known = byIssuer.get(issuerOf(token))
    if (known === undefined) throw claimFailed('iss')
    const { issuer, keys } = known
    // Without any, or with others in the end, nothing is remembered.
    const { version } = keys
    const isSettled = () => version !== 0 && keys.version === version
    try {
      const claims = await verifyClaims(token, { issuer, keys, nowMs: clock.nowMs() })
      const meaning = meaningOf(claims, issuer)
      if (meaning === undefined) throw claimFailed(unmetOf(claims))
      const expiresAtMs = (claims.exp ?? 0) * 1000
      if (isSettled()) good.set(digest, { meaning, keys, version, expiresAtMs })
      return meaning
    } catch (error) {
      // Whatever the clock says, such a token will not do with these keys.
      if (error instanceof errors.JWSSignatureVerificationFailed && isSettled()) {
        refused.set(digest, { keys, version })
      }
      throw error
    }
  }

  return async (token) => {
    if (token.length > MAX_AUTHORIZATION_BYTES) throw unauthenticated()
    const digest = hashing.sha256Hex(token)
    const meaning = remembered(digest)
    if (meaning !== undefined) return meaning
    const before = refused.get(digest)
    if (before !== undefined && before.keys.version === before.version) throw unauthenticated()
    try {
      return await verify(token, digest)
    } catch (error) {
      if (error instanceof GatewayError) throw error
      const why = reasonOf(error)
      refusals.tell(why, (times) => log.info('token.refused', { why, times }))
      throw unauthenticated()
    }
  }
}

/** What to look for, without a word of the token. OpenID Connect allows subjects of 255 characters. */
function unmetOf({ sub }: JWTPayload): string {
  const isLong = typeof sub === 'string' && sub.length > MAX_ID_CHARACTERS
  return isLong ? `sub longer than ${MAX_ID_CHARACTERS}` : 'required'
}

function claimFailed(claim: string): errors.JWTClaimValidationFailed {
  return new errors.JWTClaimValidationFailed('unmet', {}, claim, 'check_failed')
}

/** `iss` as the token says it: it only chooses whose keys and settings the token is held against. */
function issuerOf(token: string): string {
  const { iss } = decodeJwt(token)
  return typeof iss === 'string' ? iss : ''
}

/** A code of jose and the name of a claim: nothing of the token itself. */
function reasonOf(error: unknown): string {
  if (error instanceof errors.JWTClaimValidationFailed || error instanceof errors.JWTExpired) {
    return `${error.code} ${error.claim}`
  }
  return error instanceof errors.JOSEError ? error.code : 'unknown'
}
