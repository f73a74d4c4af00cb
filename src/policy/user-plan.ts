import { GatewayError } from '../errors.ts'

/**
 * Passes a plan that users of this tenant may have. Asked at each use as well: the tenant's list may
 * have become shorter since. Throws `AccessDenied`.
 */
export function assertUserPlan(
  { userPlans }: { readonly userPlans?: ReadonlySet<string> },
  planName: string,
): void {
  if (userPlans === undefined || userPlans.has(planName)) return
  throw new GatewayError(
    'AccessDenied',
    'Cannot act for this user: its plan is none that its tenant may give',
  )
}
