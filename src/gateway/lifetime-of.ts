import { unauthenticated } from '../auth/bearer.ts'
import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import type { Allowance } from '../policy/authorize.ts'

/** The bucket's bounds on the life of a grant. */
interface BucketLifetimes {
  readonly expiresInSeconds: number
  readonly expiresInSecondsMax: number
  readonly mayOutliveCredential: boolean
}

/** What bounds the life of a grant. */
export interface LifetimeRules {
  /** As the caller wants it, in seconds; absent: the bucket's default, or what is allowed if that is less. */
  readonly asked: number | undefined
  readonly rules: BucketLifetimes
  /** What the credential's rules allow. */
  readonly allowance: Pick<Allowance, 'expiresInSecondsMax'>
  /** Whose credential it is. */
  readonly principal: Pick<Principal, 'expiresAtMs'>
  readonly nowMs: number
}

/**
 * Life of a grant, in seconds. Throws `InvalidRequest` when more was asked for than the bucket or the
 * credential's rules allow, or than the credential itself has left: a shorter one is never given instead.
 * Throws `Unauthenticated` for a credential that is as good as over.
 */
export function lifetimeOf({ asked, rules, allowance, principal, nowMs }: LifetimeRules): number {
  const { expiresInSecondsMax: allowed = Number.POSITIVE_INFINITY } = allowance
  const left = Math.floor((lastMomentOf(principal, rules) - nowMs) / 1000)
  if (left < 1) throw unauthenticated()
  if (asked === undefined) return Math.min(rules.expiresInSeconds, allowed, left)
  if (asked > rules.expiresInSecondsMax) {
    throw tooLong(asked, `the bucket's maximum of ${rules.expiresInSecondsMax}`)
  }
  if (asked > allowed) throw tooLong(asked, `the credential's maximum of ${allowed}`)
  if (asked > left) throw tooLong(asked, `the ${left} s that the credential has left`)
  return asked
}

/** When grants for this caller have to end, in milliseconds; `Infinity`: they may outlive it. */
export function lastMomentOf(
  { expiresAtMs = Number.POSITIVE_INFINITY }: Pick<Principal, 'expiresAtMs'>,
  { mayOutliveCredential }: Pick<BucketLifetimes, 'mayOutliveCredential'>,
): number {
  return mayOutliveCredential ? Number.POSITIVE_INFINITY : expiresAtMs
}

function tooLong(asked: number, bound: string): GatewayError {
  const message = `is above ${bound}`
  return new GatewayError('InvalidRequest', `Cannot sign for ${asked} s: it ${message}`, {
    fields: [{ path: 'expiresInSeconds', message }],
  })
}
