import type { Ticket } from '../ledger/ticket.ts'
import { limitsNow } from '../limits/limit-set.ts'
import { storeAt } from '../stores/place-object.ts'
import type { GatewayContext } from './context.ts'
import type { UploadNote } from './reservation-note.ts'

/**
 * The limits now in force for each entry of a hold, in its order; see `limitsNow`. The room of its store
 * is the one of a decision that is made now; a store that has no bound any more refuses nothing.
 */
export function currentLimits(
  context: Pick<GatewayContext, 'accounts' | 'capacity' | 'config'>,
  note: Pick<UploadNote, 'tenant' | 'user' | 'place' | 'sizeBytes'>,
  { hold, partition }: Pick<Ticket, 'hold' | 'partition'>,
): readonly number[] {
  const [storeName, bucket] = note.place
  const store = storeAt(context.config, storeName, bucket)
  const demands = store === undefined ? [] : [{ store, bytes: note.sizeBytes }]
  const rooms = context.capacity.roomsFor(demands, partition)
  return limitsNow(context.accounts.of(note.tenant, note.user).limits, hold, rooms)
}
