import { type LimitStatus, limitStatuses } from '../limits/limit-report.ts'
import { admit, NO_DEMAND } from './admit.ts'
import type { GatewayContext } from './context.ts'
import { unanswered } from './refusal.ts'

/** Every limit of a user and of its tenant, with what is used, pending and left. */
export interface Usage {
  readonly tenant: string
  readonly user: string
  readonly limits: readonly LimitStatus[]
}

/** Reads the levels; charges nothing. Throws `LedgerUnavailable`. */
export async function usageOf(
  context: GatewayContext,
  who: { tenant: string; user: string },
): Promise<Usage> {
  const account = context.accounts.of(who.tenant, who.user)
  const { reply, measured } = await admit(context, account, NO_DEMAND, {
    commandOf: (demanded) => ({ ...demanded, op: 'Q' }),
  })
  if (reply.code !== 'OK' && reply.code !== 'DENIED') throw unanswered(reply, 'read the usage')
  const limits = limitStatuses(account.limits, measured, reply.levels, reply.nowMs, false)
  return { tenant: who.tenant, user: who.user, limits }
}
