import type { AdminRole } from '../identity.ts'
import type { Permission } from '../principal.ts'

/** Signatures that an issuer may use: asymmetric ones only, since an HMAC key would be a password. */
export const TOKEN_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
] as const

export type TokenAlgorithm = (typeof TOKEN_ALGORITHMS)[number]

/** Whose tokens are taken, and what makes a token one. Everything is exact, nothing a pattern. */
export interface TokenIssuer {
  /** What the configuration calls it. */
  readonly name: string
  /** `iss`, byte by byte. */
  readonly issuer: string
  /** One of them has to be in `aud`; at least one. */
  readonly audiences: readonly string[]
  /** At least one. */
  readonly algorithms: readonly TokenAlgorithm[]
  /** `typ` of the header, without `application/`; `none`: tokens without one. Default `at+jwt`. */
  readonly typ: string
  /** Longest `exp` − `iat`, in seconds, 60 to 2,592,000. Default 86,400. */
  readonly maxAgeSeconds: number
  /** How far `iat` and `nbf` may be ahead of our clock, in seconds, 0 to 60. Default 30. `exp` is exact. */
  readonly clockToleranceSeconds: number
  readonly keys: KeySource
  /** What all of its tokens have to say. */
  readonly require: readonly ClaimCondition[]
}

/** Where the public keys of an issuer come from; never from a token. */
export type KeySource =
  | { readonly kind: 'url'; readonly url: string }
  /** `jwks_uri` of `<issuer>/.well-known/openid-configuration`. */
  | { readonly kind: 'discovery'; readonly url: string }
  | { readonly kind: 'static'; readonly keys: readonly PublicJwk[] }

/** A public key as in a JWK Set (RFC 7517). */
export interface PublicJwk {
  readonly kty: string
  readonly [member: string]: unknown
}

/** An issuer of principals: configured under `issuers`. */
export interface Issuer extends TokenIssuer {
  /** Not ready before its keys were had once. Default true. */
  readonly mandatory: boolean
  readonly tenant: ClaimMapping
  readonly user: ClaimMapping
  /** Absent, or a claim that is absent: the tenant's default plan. */
  readonly plan?: ClaimMapping
  readonly rules: readonly IssuerRule[]
}

/** An issuer of administrators: configured as `admin.oidc`. */
export interface AdminIssuer extends TokenIssuer {
  /** The first whose condition is met counts; none: no administrator. */
  readonly roles: readonly { readonly role: AdminRole; readonly when: ClaimCondition }[]
}

/** Names from the top of the claims to one of them, at least one; each is a member of its own. */
export type ClaimPath = readonly string[]

/** What a claim has to be. Without `value` and `word`: there, and not null, false, empty text or list. */
export interface ClaimCondition {
  readonly claim: ClaimPath
  /** The claim is this, or a list with this in it. */
  readonly value?: string | number | boolean
  /** The claim is text in which this stands between spaces, as in `scope` (RFC 8693 section 4.2). */
  readonly word?: string
}

/** How a token gives a name: a fixed one, or what a claim says. */
export type ClaimMapping =
  | { readonly fixed: string }
  | {
      readonly claim: ClaimPath
      /** Put before the claim's value. Default none. */
      readonly prefix?: string
      /** The only values that are taken, and what each means. Absent: all, as they are. */
      readonly map?: ReadonlyMap<string, string>
    }

/** A permission for tokens that meet all conditions. */
export interface IssuerRule {
  /** Its prefix may hold `{tenant}` and `{user}`. */
  readonly permission: Permission
  readonly when: readonly ClaimCondition[]
}
