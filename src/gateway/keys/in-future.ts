import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'

/** An end of a key. Throws `InvalidRequest` for one that is past. */
export function inFuture({ clock }: { readonly clock: Clock }, expiresAtMs: number): number {
  if (expiresAtMs > clock.nowMs()) return expiresAtMs
  throw new GatewayError('InvalidRequest', 'Cannot set the end of the key: it is past', {
    fields: [{ path: 'expiresAt', message: 'must be in the future' }],
  })
}
