import {
  errors,
  type JWTPayload,
  type JWTVerifyOptions,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose'
import type { TokenIssuer } from './issuer.ts'
import type { IssuerKeys } from './issuer-keys.ts'

/** Keys that a token without `kid` is held against: an old one, a new one, and some more. */
const MAX_CANDIDATES = 4

/**
 * The claims of a token that this issuer has signed and that is meant for us, now. Throws an error of jose
 * for any other, and what `keys` throws.
 *
 * Held: signature by one of the issuer's algorithms and keys, `typ`, `iss`, `aud`; `exp`, `iat` and `sub`
 * are there; `iat` and `nbf` fit the clock within the tolerance, `exp` exactly, because grants must not
 * outlive it and so could not be had in what is tolerated; and the token was made for no longer than the
 * issuer's tokens may live (RFC 7519 section 4.1, RFC 8725 section 3).
 */
export async function verifyClaims(
  token: string,
  {
    issuer,
    keys,
    nowMs,
  }: {
    readonly issuer: TokenIssuer
    readonly keys: Pick<IssuerKeys, 'keyFor'>
    readonly nowMs: number
  },
): Promise<JWTPayload> {
  const { payload, protectedHeader } = await verifyByOneOf(token, keys, {
    algorithms: [...issuer.algorithms],
    issuer: issuer.issuer,
    audience: [...issuer.audiences],
    ...(issuer.typ !== 'none' && { typ: issuer.typ }),
    requiredClaims: ['exp', 'iat', 'sub'],
    maxTokenAge: issuer.maxAgeSeconds,
    clockTolerance: issuer.clockToleranceSeconds,
    currentDate: new Date(nowMs),
  })
  if (issuer.typ === 'none' && protectedHeader.typ !== undefined) {
    throw new errors.JWTClaimValidationFailed('unexpected "typ"', payload, 'typ', 'check_failed')
  }
  const { exp = Number.POSITIVE_INFINITY, iat = 0 } = payload
  if (!(exp * 1000 > nowMs)) {
    throw new errors.JWTExpired('"exp" is over', payload, 'exp', 'check_failed')
  }
  if (!(exp - iat <= issuer.maxAgeSeconds)) {
    throw new errors.JWTClaimValidationFailed('too long a life', payload, 'exp', 'check_failed')
  }
  return payload
}

/** By the key that its header names; where that may be several, by the first that has signed it. */
async function verifyByOneOf(
  token: string,
  keys: Pick<IssuerKeys, 'keyFor'>,
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(token, keys.keyFor, options)
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error
    let tried = 0
    for await (const key of error) {
      try {
        return await jwtVerify(token, key, options)
      } catch (failure) {
        if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure
      }
      tried += 1
      if (tried === MAX_CANDIDATES) break
    }
    throw new errors.JWSSignatureVerificationFailed()
  }
}
