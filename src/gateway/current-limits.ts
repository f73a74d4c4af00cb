import type { Ticket } from '../ledger/ticket.ts'
import { limitsNow } from '../limits/limit-set.ts'
import { storeAt } from '../stores/place-object.ts'
import type { GatewayContext } from './context.ts'
import type { UploadNote } from './reservation-note.ts'
import { partitionUsage } from './store-usage.ts'

/**
 * The limits now in force for each entry of an object's hold, in its order; see `limitsNow`. Of its store, as
 * much room as can be had: an object that comes late must not go because a partition had not asked for it. A
 * store that has no bound any more refuses nothing. Throws `LedgerUnavailable`.
 */
export async function currentLimits(
  context: Pick<GatewayContext, 'accounts' | 'capacity' | 'config' | 'ledger'>,
  note: Pick<UploadNote, 'tenant' | 'user' | 'place'>,
  { hold, partition, bytes }: Pick<Ticket, 'hold' | 'partition'> & { readonly bytes: number },
): Promise<readonly number[]> {
  const { capacity } = context
  const [storeName, bucket] = note.place
  const store = storeAt(context.config, storeName, bucket)
  const demands = store === undefined ? [] : [{ store, bytes }]
  await capacity.ready(demands)
  const [room] = capacity.roomsFor(demands, partition)
  if (room !== undefined) {
    const { usedBytes, pendingBytes } = await partitionUsage(context, {
      store: storeName,
      partition,
    })
    const used = usedBytes + pendingBytes
    const refused = { partition, room, used }
    if (used + bytes > room.limit) await capacity.refused([refused], { insists: true })
  }
  const rooms = capacity.roomsFor(demands, partition)
  return limitsNow(context.accounts.of(note.tenant, note.user).limits, hold, rooms)
}
