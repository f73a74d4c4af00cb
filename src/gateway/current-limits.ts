import type { Hold } from '../ledger/port.ts'
import { limitsNow } from '../limits/limit-set.ts'
import type { GatewayContext } from './context.ts'
import type { UploadNote } from './reservation-note.ts'

/** The limits now in force for each entry of a hold, in its order; see `limitsNow`. */
export function currentLimits(
  context: Pick<GatewayContext, 'accounts'>,
  note: Pick<UploadNote, 'tenant' | 'user'>,
  hold: Hold,
): readonly number[] {
  return limitsNow(context.accounts.of(note.tenant, note.user).limits, hold)
}
