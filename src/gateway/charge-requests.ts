import type { Principal } from '../auth/principal.ts'
import { type ErrorCode, GatewayError } from '../errors.ts'
import type { LimitStatus } from '../limits/limit-report.ts'
import { limitStatuses } from '../limits/limit-report.ts'
import type { Account } from './accounts.ts'
import { admit, NO_DEMAND } from './admit.ts'
import { chargeLocally } from './charge-locally.ts'
import type { GatewayContext } from './context.ts'
import { refusal, unanswered } from './refusal.ts'
import { reportShadow } from './shadow-limits.ts'

/** Why the ledger gave no decision. */
const UNANSWERED: readonly ErrorCode[] = ['LedgerUnavailable', 'Overloaded']

/**
 * Charges `count` requests that hold nothing (downloads, listings, deletes) against rates and request
 * quotas. When the ledger gives no answer (away, recovering, its queue full) the configuration says
 * whether they pass: `open`, and this process alone keeps its share of the rates, or `closed`. Throws
 * `SlowDown` or `QuotaExceeded`; `LedgerUnavailable` or `Overloaded` when closed.
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
    const { gateways, whenAway } = context.config.ledger
    const isUnanswered = error instanceof GatewayError && UNANSWERED.includes(error.code)
    if (!isUnanswered || whenAway.requests === 'closed') throw error
    context.failOpenLog.unanswered(error)
    chargeLocally(context.localLimiter, { account, count, gateways })
    context.telemetry.failedOpen({ what: 'requests', reason: error.code })
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
    context.failOpenLog.answered()
    reportShadow(context, account, measured, reply)
    return limitStatuses(account.limits, measured, reply.levels, reply.nowMs, true)
  }
  if (reply.code === 'DENIED') {
    if (reply.remembered !== true) context.failOpenLog.answered()
    throw refusal({ limits: account.limits, measured, reply }, 'take the request')
  }
  throw unanswered(reply, 'take the request')
}
