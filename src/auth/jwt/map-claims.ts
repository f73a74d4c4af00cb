import type { JWTPayload } from 'jose'
import type { AdminIdentity, Identity } from '../identity.ts'
import type { AdminIssuer, ClaimCondition, ClaimMapping, ClaimPath, Issuer } from './issuer.ts'

/** Longest id that a claim can give. */
export const MAX_ID_CHARACTERS = 128

/** As ids in the configuration: on one line, 1 to 128 characters. */
const ID = new RegExp(`^[^\\p{Cc}\\p{Cs}\\p{Bidi_Control}]{1,${MAX_ID_CHARACTERS}}$`, 'u')

/**
 * Who the claims of a verified token stand for, by its issuer's mapping. `undefined` when the token does
 * not say all that it has to: a tenant and a user that may be ids, and what the issuer requires.
 */
export function identityOf(claims: JWTPayload, issuer: Issuer): Identity | undefined {
  const subject = subjectOf(claims, issuer)
  const tenant = mapped(claims, issuer.tenant)
  const user = mapped(claims, issuer.user)
  const plan = issuer.plan && planOf(claims, issuer.plan)
  if (subject === undefined || tenant === undefined || user === undefined) return undefined
  // A plan that is asked for in vain must not become a default that may be wider.
  if (plan === 'unmapped') return undefined
  return Object.freeze({
    issuer: issuer.name,
    subject,
    tenant,
    user,
    ...(plan !== undefined && { plan: plan.name }),
    permissions: issuer.rules
      .filter(({ when }) => when.every((condition) => meets(claims, condition)))
      .map(({ permission }) => permission),
    expiresAtMs: (claims.exp ?? 0) * 1000,
  })
}

/** Which administrator the claims stand for; `undefined` for nobody. */
export function adminIdentityOf(
  claims: JWTPayload,
  issuer: AdminIssuer,
): AdminIdentity | undefined {
  const subject = subjectOf(claims, issuer)
  const role = issuer.roles.find(({ when }) => meets(claims, when))?.role
  if (subject === undefined || role === undefined) return undefined
  return Object.freeze({ name: `${issuer.name}:${subject}`, role })
}

/** True when the claims are as the condition says. Total: claims of any shape give an answer. */
export function meets(claims: JWTPayload, { claim, value, word }: ClaimCondition): boolean {
  const found = claimAt(claims, claim)
  if (word !== undefined) return typeof found === 'string' && found.split(' ').includes(word)
  if (value === undefined) return isSaid(found)
  return found === value || (Array.isArray(found) && found.includes(value))
}

/** What says "no" or nothing has not been said: a claim `is_admin` that is false makes no administrator. */
function isSaid(found: unknown): boolean {
  if (Array.isArray(found)) return found.length > 0
  return found !== undefined && found !== null && found !== false && found !== ''
}

function subjectOf(
  claims: JWTPayload,
  { require }: { readonly require: readonly ClaimCondition[] },
): string | undefined {
  if (!require.every((condition) => meets(claims, condition))) return undefined
  const { sub } = claims
  return typeof sub === 'string' && ID.test(sub) ? sub : undefined
}

function planOf(
  claims: JWTPayload,
  mapping: ClaimMapping,
): { readonly name: string } | 'unmapped' | undefined {
  // Also what is empty asks for a plan, and for none that there is.
  if ('claim' in mapping && (claimAt(claims, mapping.claim) ?? null) === null) return undefined
  const name = mapped(claims, mapping)
  return name === undefined ? 'unmapped' : { name }
}

function mapped(claims: JWTPayload, mapping: ClaimMapping): string | undefined {
  if ('fixed' in mapping) return mapping.fixed
  const { claim, prefix = '', map } = mapping
  const text = textOf(claimAt(claims, claim))
  const meant = text === undefined || map === undefined ? text : map.get(text)
  const id = meant === undefined ? '' : prefix + meant
  return ID.test(id) && meant !== '' ? id : undefined
}

/** Numbers are ids as well, as long as they are exact. */
function textOf(value: unknown): string | undefined {
  if (typeof value === 'string') return value
  return Number.isSafeInteger(value) ? String(value) : undefined
}

/** Own members only, step by step; `undefined` where there is none. Lists have no steps. */
function claimAt(claims: JWTPayload, path: ClaimPath): unknown {
  let at: unknown = claims
  for (const name of path) {
    if (typeof at !== 'object' || at === null || Array.isArray(at)) return undefined
    if (!Object.hasOwn(at, name)) return undefined
    at = (at as Readonly<Record<string, unknown>>)[name]
  }
  return at
}
