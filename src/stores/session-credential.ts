import { GatewayError } from '../errors.ts'
import type { StoreCredential } from './store.ts'

/**
 * Refuses a grant that would outlive the temporary credential which signs it: a store takes no URL
 * whose credential has ended, whatever the URL says. Throws `StoreUnavailable`, for another credential
 * heals it. What has no end that is known outlives everything.
 */
export function assertOutlasts(
  { expiresAtMs }: Pick<StoreCredential, 'expiresAtMs'>,
  grantEndsAtMs: number,
): void {
  if (expiresAtMs === undefined || grantEndsAtMs <= expiresAtMs) return
  throw new GatewayError(
    'StoreUnavailable',
    'Cannot sign for this store: its session credential ends before the grant would',
  )
}
