import { shadowViolations } from '../limits/limit-report.ts'
import type { Measured } from '../limits/limit-set.ts'
import type { Account } from './accounts.ts'
import type { GatewayContext } from './context.ts'

/** A policy of a tenant is in the log at most once in so long, in milliseconds. */
export const SHADOW_LOG_MS = 60_000

/**
 * Tells the metrics, and now and then the log, which shadow limits would have refused what was just
 * admitted. Gives their policies, none when there are no such limits.
 */
export function reportShadow(
  context: Pick<GatewayContext, 'log' | 'shadowLog' | 'telemetry'>,
  { tenant, limits }: Account,
  measured: Measured,
  { levels, nowMs }: { readonly levels: readonly number[]; readonly nowMs: number },
): readonly string[] {
  const policies = shadowViolations(limits, measured, levels, nowMs).map(({ policy }) => policy)
  for (const policy of policies) {
    context.telemetry.limitShadowRefused({ policy })
    context.shadowLog.tell(JSON.stringify([tenant, policy]), (times) =>
      context.log.info('limits.shadow_refused', { tenant, policy, times }),
    )
  }
  return policies
}
