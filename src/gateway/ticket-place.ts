import { placedKey } from '../stores/object-url.ts'
import type { ObjectPlace } from '../stores/store-client.ts'

/** What a ticket is bound to: the store, its bucket and the full key there. */
export function ticketPlace(place: ObjectPlace): { store: string; bucket: string; key: string } {
  const { placement } = place
  return { store: placement.store.name, bucket: placement.bucket, key: placedKey(place) }
}
