import type { Permission } from './principal.ts'

/**
 * What a verified token says, mapped by its issuer's settings; nothing here was looked up yet. Whether
 * the tenant exists and the user may ask is for others to say.
 */
export interface Identity {
  /** Name of the issuer in the configuration, not its URL. */
  readonly issuer: string
  /** `sub` of the token. */
  readonly subject: string
  readonly tenant: string
  readonly user: string
  /** Name of a plan that the token asks for; absent: the tenant's default. */
  readonly plan?: string
  /** The issuer's rules whose conditions the token meets. Prefixes may hold `{tenant}` and `{user}`. */
  readonly permissions: readonly Permission[]
  /** `exp` of the token, in milliseconds. */
  readonly expiresAtMs: number
}

/** Who an administrator is. */
export interface AdminIdentity {
  /** `token` for the bootstrap token, else `<issuer's name>:<sub>`; for audit. */
  readonly name: string
  /** A `viewer` may only read. */
  readonly role: AdminRole
}

export type AdminRole = 'operator' | 'viewer'

/**
 * Tells who a token (a JWS in compact form) stands for. Throws `Unauthenticated` for every token that
 * does not work, always in the same words, and `AuthUnavailable` when its issuer's keys cannot be had.
 */
export type VerifyToken = (token: string) => Promise<Identity>

/** The same for tokens of the admin listener. */
export type VerifyAdminToken = (token: string) => Promise<AdminIdentity>

/** True for a text with two dots, as every token and no API key or admin token in use has. */
export function looksLikeToken(text: string): boolean {
  return /^[\w-]+\.[\w-]*\.[\w-]*$/.test(text)
}
