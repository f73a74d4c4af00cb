import { GatewayError } from '../errors.ts'

/** Longest `Authorization` value that is looked at, in bytes. */
export const MAX_AUTHORIZATION_BYTES = 8 * 1024

/** What a request brought along, as far as credentials go. */
export interface PresentedCredentials {
  /** The `Authorization` value as received; two of them joined by a comma; `null` without any. */
  readonly authorization: string | null
  /** `access_token` or `api_key` in the query. */
  readonly hasQueryCredential: boolean
  /** `X-Api-Key` or another header that carries a credential elsewhere. */
  readonly hasOtherCredential: boolean
}

/**
 * The text after `Bearer`, which may be any text without spaces and commas. The scheme is matched in
 * any letter case, with exactly one space behind it (RFC 6750 section 2.1, RFC 9110 section 11.1).
 * Throws `AmbiguousCredentials` for more than one credential, `Unauthenticated` for none that may be
 * used; what is too long is refused unread.
 */
export function bearerToken(presented: PresentedCredentials): string {
  const { authorization, hasQueryCredential, hasOtherCredential } = presented
  const places = [authorization !== null, hasQueryCredential, hasOtherCredential]
  if (places.filter(Boolean).length > 1) throw ambiguous()
  if (authorization === null || authorization.length > MAX_AUTHORIZATION_BYTES) {
    throw unauthenticated()
  }
  // Servers join repeated headers by a comma, and no token that we take contains one.
  if (authorization.includes(',')) throw ambiguous()
  const token = /^bearer ([!-~]+)$/i.exec(authorization)?.[1]
  if (token === undefined) throw unauthenticated()
  return token
}

/** The one answer to every credential that does not work: it tells nobody why. */
export function unauthenticated(): GatewayError {
  return new GatewayError(
    'Unauthenticated',
    'Cannot authenticate the request: no usable credential',
  )
}

function ambiguous(): GatewayError {
  return new GatewayError(
    'AmbiguousCredentials',
    'Cannot authenticate the request: it carries more than one credential',
  )
}
