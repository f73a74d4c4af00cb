import type { Operation, Permission, Principal } from '../auth/principal.ts'
import { GatewayError, type RuleVerdict } from '../errors.ts'
import { type RuleReason, ruleName, ruleRefusal, type WantedAccess } from './rule-refusal.ts'

/** What an access stands on. */
export interface Allowance {
  /** The principal's rule that allows it: its name, or its place like `allow[0]`. */
  readonly rule: string
  /** Longest life of a grant for it, in seconds; absent: the bucket's own maximum. */
  readonly expiresInSecondsMax?: number
}

/**
 * Passes when one of the principal's rules covers all that is wanted, and one of the tenant's, where it
 * has any; there are no deny rules. Throws `AccessDenied`, in the same words for an unknown bucket and a
 * forbidden one; `EntityTooLarge` or `UnsupportedMediaType` where only a rule's own size or types stand
 * in the way.
 */
export function authorize(principal: Principal, wanted: WantedAccess): Allowance {
  const allowance = allowanceOf(principal, wanted)
  if (allowance !== undefined) return allowance
  const error = refusalOf(principal, wanted)
  refused.set(error, () => verdictsOf(principal, wanted))
  throw error
}

/**
 * What an access stands on, or `undefined` when it is refused. Of several rules that allow it, the one
 * whose grants may live longest, then the first.
 */
export function allowanceOf(principal: Principal, wanted: WantedAccess): Allowance | undefined {
  const { permissions, ceiling, address } = principal
  const own = longest(permissions, wanted, address)
  if (own === undefined) return undefined
  let seconds = own.rule.expiresInSecondsMax
  if (ceiling !== undefined) {
    const bound = longest(ceiling, wanted, address)
    if (bound === undefined) return undefined
    seconds = shorter(seconds, bound.rule.expiresInSecondsMax)
  }
  const rule = ruleName(own.rule, own.index)
  return seconds === undefined ? { rule } : { rule, expiresInSecondsMax: seconds }
}

/** The shorter of two longest lives; absent is no bound. */
export function shorter(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other)
}

/**
 * Why none of the principal's own rules allowed what `authorize` threw this error for; `undefined` for
 * any other error. For dry runs: an ordinary refusal says less.
 */
export function ruleVerdicts(error: unknown): readonly RuleVerdict[] | undefined {
  return typeof error === 'object' && error !== null ? refused.get(error)?.() : undefined
}

/**
 * The prefixes below which a principal may do `operation` in `bucket`, sorted, none inside another:
 * `[]` is nowhere, `['']` the whole bucket.
 */
export function readablePrefixes(
  principal: Principal,
  bucket: string,
  operation: Operation,
): string[] {
  const { permissions, ceiling, address } = principal
  const prefixesOf = (rules: readonly Permission[]) =>
    rules
      .filter((rule) => ruleRefusal(rule, { operation, bucket }, address) === undefined)
      .map(({ prefix }) => prefix)
  const own = prefixesOf(permissions)
  const prefixes = ceiling === undefined ? own : inBoth(own, prefixesOf(ceiling))
  const outermost = prefixes.filter(
    (prefix) => !prefixes.some((other) => other !== prefix && prefix.startsWith(other)),
  )
  return [...new Set(outermost)].sort((a, b) => (a < b ? -1 : 1))
}

/** The one refusal for whatever is unknown or forbidden: it tells nobody which. */
export function accessDenied(): GatewayError {
  return new GatewayError('AccessDenied', 'Cannot use the bucket or key: no permission covers it')
}

/** Refusals that can be explained. */
const refused = new WeakMap<object, () => readonly RuleVerdict[]>()

function longest(
  rules: readonly Permission[],
  wanted: WantedAccess,
  address: string | undefined,
): { readonly rule: Permission; readonly index: number } | undefined {
  let best: { readonly rule: Permission; readonly index: number } | undefined
  for (const [index, rule] of rules.entries()) {
    if (ruleRefusal(rule, wanted, address) !== undefined) continue
    const { expiresInSecondsMax = Number.POSITIVE_INFINITY } = rule
    const { expiresInSecondsMax: most = Number.POSITIVE_INFINITY } = best?.rule ?? {}
    if (best === undefined || expiresInSecondsMax > most) best = { rule, index }
  }
  return best
}

function refusalOf({ permissions, ceiling, address }: Principal, wanted: WantedAccess) {
  const reasons = [permissions, ...(ceiling === undefined ? [] : [ceiling])].map((rules) =>
    nearest(rules.map((rule) => ruleRefusal(rule, wanted, address))),
  )
  if (reasons.includes('access')) return accessDenied()
  if (reasons.includes('contentType')) {
    return new GatewayError(
      'UnsupportedMediaType',
      `Cannot ${wanted.operation} "${wanted.contentType}": the credential does not allow this type`,
    )
  }
  return new GatewayError(
    'EntityTooLarge',
    `Cannot ${wanted.operation} ${wanted.sizeBytes} bytes: the credential allows smaller objects only`,
  )
}

/** How near a list of rules comes to allowing: what the nearest of them stumbles over. */
function nearest(
  reasons: readonly (RuleReason | undefined)[],
): 'access' | 'contentType' | 'sizeBytes' | undefined {
  if (reasons.includes(undefined)) return undefined
  if (reasons.includes('sizeBytes')) return 'sizeBytes'
  return reasons.includes('contentType') ? 'contentType' : 'access'
}

function verdictsOf(
  { permissions, address }: Principal,
  wanted: WantedAccess,
): readonly RuleVerdict[] {
  return permissions.map((rule, index) => ({
    rule: ruleName(rule, index),
    // What a rule of its own allows can only have been refused by those of the tenant.
    reason: ruleRefusal(rule, wanted, address) ?? 'tenant',
  }))
}

/** What two sets of prefixes both cover. */
function inBoth(own: readonly string[], bounds: readonly string[]): string[] {
  return own.flatMap((prefix) =>
    bounds.flatMap((bound) => {
      if (prefix.startsWith(bound)) return [prefix]
      return bound.startsWith(prefix) ? [bound] : []
    }),
  )
}
