import { ObjectKey } from '../object-key.ts'
import { placeRecorded } from '../stores/place-object.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import type { UploadNote } from './reservation-note.ts'

/** Where the object of a reservation lies, or would. */
export function placeOf(
  context: Pick<GatewayContext, 'config' | 'background'>,
  note: Pick<UploadNote, 'place' | 'key'>,
): ObjectPlace {
  const place = placeRecorded(context.config, note.place, ObjectKey.parse(note.key))
  return context.background === true ? { ...place, background: true } : place
}

/** The same where its store is configured still, else `undefined`. */
export function knownPlaceOf(
  context: Parameters<typeof placeOf>[0],
  note: Parameters<typeof placeOf>[1],
): ObjectPlace | undefined {
  const [store] = note.place
  return context.config.stores.has(store) ? placeOf(context, note) : undefined
}
