import { type LimitStatus, RESETS_AT_MS } from './limit-report.ts'
import type { LimitSet } from './limit-set.ts'
import type { QuotaWindow } from './plan.ts'

/** RFC 9651 section 3.3.1: integers of structured fields have at most 15 digits. */
const MAX_INTEGER = 999_999_999_999_999

const WINDOW_SECONDS: Readonly<Record<QuotaWindow, number>> = {
  minute: 60,
  hour: 3_600,
  day: 86_400,
  week: 604_800,
  month: 2_592_000,
}
// Quota units of draft-ietf-httpapi-ratelimit-headers.
const UNITS: Readonly<Record<string, string>> = {
  bytes: 'content-bytes',
  'stored-bytes': 'content-bytes',
  'pending-uploads': 'concurrent-requests',
  requests: 'requests',
}

/** Header fields of an answer, by lower-case name; none when there is no limit. */
export type RateLimitFields = Readonly<Record<string, string>>

/**
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-10): `q` the quota, `qu`
 * its unit, `w` the window, `r` what is left rounded down, `t` seconds until it is as new, rounded
 * up. A total has neither `w` nor `t`. `all` has every limit of the set, or nothing. `waits` replaces
 * `t` of the limits that refused, so that it equals `Retry-After`. Limits that refuse nothing are left
 * out: nobody needs to slow down for them.
 */
export function rateLimitFields(
  set: LimitSet,
  all: readonly LimitStatus[],
  nowMs: number,
  waits: ReadonlyMap<string, number> = NO_WAITS,
): RateLimitFields {
  const { policies, names } = fixedPartsOf(set)
  let levels = ''
  for (const status of all) {
    const { policy, remaining, resetsAt } = status
    if (status.shadow === true) continue
    const resetsAtMs = status[RESETS_AT_MS] ?? (resetsAt && Date.parse(resetsAt))
    const reset = waits.get(policy) ?? secondsUntil(resetsAtMs, nowMs)
    if (levels !== '') levels += ', '
    levels += `${names.get(policy)};r=${integer(remaining)}`
    if (reset !== undefined) levels += `;t=${reset}`
  }
  if (levels === '') return {}
  return { 'ratelimit-policy': policies, ratelimit: levels }
}

/** What the fields of a set say in every answer. */
interface FixedParts {
  readonly policies: string
  /** By policy: its name as a string of the format. */
  readonly names: ReadonlyMap<string, string>
}

const NO_WAITS: ReadonlyMap<string, number> = new Map()
const fixedParts = new WeakMap<LimitSet, FixedParts>()

function fixedPartsOf(set: LimitSet): FixedParts {
  const known = fixedParts.get(set)
  if (known !== undefined) return known
  const names = new Map<string, string>()
  const policies: string[] = []
  for (const group of [set.user, set.tenant]) {
    for (const { policy, windowSeconds, requests, shadow } of group.rates) {
      names.set(policy, name(policy))
      const member = `${name(policy)};q=${integer(requests)}${unitOf('requests')};w=${windowSeconds}`
      if (shadow !== true) policies.push(member)
    }
    for (const { policy, unit, limit, window, shadow } of group.quotas) {
      names.set(policy, name(policy))
      const member = `${name(policy)};q=${integer(limit)}${unitOf(unit)}`
      const seconds = window === undefined ? '' : `;w=${WINDOW_SECONDS[window]}`
      if (shadow !== true) policies.push(member + seconds)
    }
  }
  const made = { policies: policies.join(', '), names }
  fixedParts.set(set, made)
  return made
}

function unitOf(unit: string): string {
  const known = UNITS[unit]
  return known === undefined ? '' : `;qu="${known}"`
}

function secondsUntil(atMs: number | '' | undefined, nowMs: number): number | undefined {
  if (typeof atMs !== 'number') return undefined
  return Math.max(0, Math.ceil((atMs - nowMs) / 1000))
}

function integer(value: number): number {
  return Math.min(MAX_INTEGER, Math.max(0, Math.floor(value)))
}

/** A string of RFC 9651 section 4.1.6; policy names are printable ASCII by configuration. */
function name(policy: string): string {
  return `"${policy.replace(/["\\]/g, '\\$&')}"`
}
