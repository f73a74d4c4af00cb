import { shadowViolations } from '../limits/limit-report.ts'
import type { Measured } from '../limits/limit-set.ts'
import type { Account } from './accounts.ts'
import type { GatewayContext } from './context.ts'

/**
 * Tells the log and the metrics which shadow limits would have refused what was just admitted. Gives
 * their policies, none when there are no such limits.
 */
export function reportShadow(
  context: Pick<GatewayContext, 'log' | 'telemetry'>,
  { tenant, user, limits }: Account,
  measured: Measured,
  { levels, nowMs }: { readonly levels: readonly number[]; readonly nowMs: number },
): readonly string[] {
  const policies = shadowViolations(limits, measured, levels, nowMs).map(({ policy }) => policy)
  if (policies.length === 0) return policies
  for (const policy of policies) context.telemetry.limitShadowRefused({ policy })
  context.log.info('limits.shadow_refused', { tenant, user, policies })
  return policies
}
