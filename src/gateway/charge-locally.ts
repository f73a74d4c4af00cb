import { GatewayError, type Violation } from '../errors.ts'
import type { CompiledRate } from '../limits/limit-set.ts'
import type { Account } from './accounts.ts'
import type { LocalLimiter } from './local-limiter.ts'

/** What is asked while the ledger is away. */
export interface LocalCharge {
  readonly account: Pick<Account, 'tenant' | 'user' | 'limits'>
  /** Requests at once, 1 and up. */
  readonly count: number
  /** Gateways that share the limits, 1 and up. */
  readonly gateways: number
}

/**
 * Charges the account's rates in this process alone, each divided by the number of gateways, with a
 * burst of at least 1; all of them or none. Shadow limits are left out. More at once than the share's
 * burst, but not than the limit's own, pass when the share is untouched, and leave it in debt: they
 * would never fit. Quotas are not looked at. Throws `SlowDown`, or `QuotaExceeded` for more than a
 * whole burst.
 */
export function chargeLocally(
  limiter: LocalLimiter,
  { account, count, gateways }: LocalCharge,
): void {
  const { tenant, user, limits } = account
  const rates = [...limits.user.rates, ...limits.tenant.rates]
  const inForce = rates.filter(({ shadow }) => shadow !== true)
  const shares = inForce.map((rate) => ({
    rate,
    subject: JSON.stringify(['away', rate.policy, tenant, ...(rate.per === 'user' ? [user] : [])]),
    share: {
      requests: rate.requests / gateways,
      windowSeconds: rate.windowSeconds,
      burst: Math.max(shareOfBurst(rate, gateways), count),
    },
  }))
  const violations = shares.flatMap(({ rate, subject, share }) => {
    const waitMs = limiter.waitFor(subject, share, count)
    if (count <= rate.burst && waitMs === 0) return []
    const limit = shareOfBurst(rate, gateways)
    const spacingMs = (share.windowSeconds * 1000) / share.requests
    const used = Math.ceil(waitMs / spacingMs) + share.burst - count
    return [violationOf(rate, { limit, used: Math.min(limit, used), count, waitMs })]
  })
  if (violations.length > 0) throw refused(violations)
  for (const { subject, share } of shares) limiter.take(subject, share, count)
}

function shareOfBurst({ burst }: CompiledRate, gateways: number): number {
  return Math.max(1, Math.floor(burst / gateways))
}

function violationOf(
  { policy, burst }: CompiledRate,
  { limit, used, count, waitMs }: { limit: number; used: number; count: number; waitMs: number },
): Violation {
  return {
    policy,
    unit: 'requests',
    limit,
    used,
    pending: 0,
    requested: count,
    ...(count <= burst && { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1000)) }),
  }
}

function refused(violations: readonly Violation[]): GatewayError {
  const names = violations.map(({ policy }) => `"${policy}"`).join(' and ')
  const waits = violations.map(({ retryAfterSeconds }) => retryAfterSeconds)
  const waitingHeals = waits.every((wait) => wait !== undefined)
  return new GatewayError(
    waitingHeals ? 'SlowDown' : 'QuotaExceeded',
    `Cannot take the request: too many for ${names}`,
    {
      violations,
      waitingHeals,
      ...(waitingHeals && { retryAfterSeconds: Math.max(...waits) }),
    },
  )
}
