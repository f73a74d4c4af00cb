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
 * up. A total has neither `w` nor `t`. `waits` replaces `t` of the limits that refused, so that it
 * equals `Retry-After`. Limits that refuse nothing are left out: nobody needs to slow down for them.
 */
export function rateLimitFields(
  set: LimitSet,
  all: readonly LimitStatus[],
  nowMs: number,
  waits: ReadonlyMap<string, number> = new Map(),
): RateLimitFields {
  const statuses = all.filter(({ shadow }) => shadow !== true)
  if (statuses.length === 0) return {}
  const windows = windowsOf(set)
  const policies = statuses.map(({ policy, unit, limit }) => {
    const window = windows.get(policy)
    const quota = window?.quota ?? limit
    return `${name(policy)};q=${integer(quota)}${unitOf(unit)}${window === undefined ? '' : `;w=${window.seconds}`}`
  })
  const levels = statuses.map(({ policy, remaining, resetsAt, ...status }) => {
    const resetsAtMs = status[RESETS_AT_MS] ?? (resetsAt && Date.parse(resetsAt))
    const reset = waits.get(policy) ?? secondsUntil(resetsAtMs, nowMs)
    return `${name(policy)};r=${integer(remaining)}${reset === undefined ? '' : `;t=${reset}`}`
  })
  return { 'ratelimit-policy': policies.join(', '), ratelimit: levels.join(', ') }
}

function windowsOf(set: LimitSet): Map<string, { seconds: number; quota?: number }> {
  const windows = new Map<string, { seconds: number; quota?: number }>()
  for (const group of [set.user, set.tenant]) {
    for (const { policy, windowSeconds, requests } of group.rates) {
      windows.set(policy, { seconds: windowSeconds, quota: requests })
    }
    for (const { policy, window } of group.quotas) {
      if (window !== undefined) windows.set(policy, { seconds: WINDOW_SECONDS[window] })
    }
  }
  return windows
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
