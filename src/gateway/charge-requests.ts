import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import type { LimitStatus } from '../limits/limit-report.ts'
import { limitStatuses } from '../limits/limit-report.ts'
import type { Account } from './accounts.ts'
import { admit, NO_DEMAND } from './admit.ts'
import type { GatewayContext } from './context.ts'
import { refusal, unanswered } from './refusal.ts'
import { reportShadow } from './shadow-limits.ts'

/**
 * Charges `count` requests that hold nothing (downloads, listings, deletes) against rates and request
 * quotas. Open while the ledger is away: then a limiter of this process alone applies the rates.
 * Throws `SlowDown` or `QuotaExceeded`.
 */
export async function chargeRequests(
  context: GatewayContext,
  principal: Principal,
  count: number,
): Promise<readonly LimitStatus[]> {
  const account = context.accounts.of(principal.tenant, principal.user)
  try {
    return await charge(context, account, count)
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'LedgerUnavailable') throw error
    context.log.warn('requests.failed_open', { error })
    context.telemetry.failedOpen({ what: 'requests' })
    chargeLocally(context, account, count)
    return []
  }
}

async function charge(
  context: GatewayContext,
  account: Account,
  count: number,
): Promise<readonly LimitStatus[]> {
  const demand = { ...NO_DEMAND, requests: count }
  const { reply, measured } = await admit(context, account, demand, {
    commandOf: (asked) => ({ ...asked, op: 'C' }),
  })
  if (reply.code === 'OK') {
    reportShadow(context, account, measured, reply)
    return limitStatuses(account.limits, measured, reply.levels, reply.nowMs, true)
  }
  if (reply.code === 'DENIED') {
    throw refusal({ limits: account.limits, measured, reply }, 'take the request')
  }
  throw unanswered(reply, 'take the request')
}

function chargeLocally(context: GatewayContext, account: Account, count: number): void {
  const tenant = context.config.tenants.get(account.tenant)
  const plan = tenant?.users.get(account.user)?.plan
  for (const rate of plan?.rates ?? []) {
    if (rate.shadow === true) continue
    const subject = JSON.stringify([rate.per, rate.policy, account.tenant, account.user])
    const waitMs = context.localLimiter.take(subject, rate, count)
    if (waitMs > 0) throw slowDown(rate.policy, waitMs)
  }
}

/** The error for a limit of this process alone. */
export function slowDown(policy: string, waitMs: number): GatewayError {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000))
  return new GatewayError('SlowDown', `Cannot take the request: too many for "${policy}"`, {
    retryAfterSeconds,
  })
}
