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
