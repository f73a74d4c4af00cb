import { GatewayError } from '../errors.ts'
import type { Allowance } from '../policy/authorize.ts'

/** What bounds the life of a grant. */
export interface LifetimeRules {
  /** As the caller wants it, in seconds; absent: the bucket's default, or what is allowed if that is less. */
  readonly asked: number | undefined
  /** The bucket's. */
  readonly rules: { readonly expiresInSeconds: number; readonly expiresInSecondsMax: number }
  /** The credential's. */
  readonly allowance: Pick<Allowance, 'expiresInSecondsMax'>
}

/**
 * Life of a grant, in seconds. Throws `InvalidRequest` when more was asked for than the bucket or the
 * credential's rules allow: a shorter one is never given instead.
 */
export function lifetimeOf({ asked, rules, allowance }: LifetimeRules): number {
  const { expiresInSecondsMax: allowed = Number.POSITIVE_INFINITY } = allowance
  if (asked === undefined) return Math.min(rules.expiresInSeconds, allowed)
  if (asked > rules.expiresInSecondsMax) {
    throw tooLong(asked, `the bucket's maximum of ${rules.expiresInSecondsMax}`)
  }
  if (asked > allowed) throw tooLong(asked, `the credential's maximum of ${allowed}`)
  return asked
}

function tooLong(asked: number, bound: string): GatewayError {
  const message = `is above ${bound}`
  return new GatewayError('InvalidRequest', `Cannot sign for ${asked} s: it ${message}`, {
    fields: [{ path: 'expiresInSeconds', message }],
  })
}
