import type { Hashing } from '../../hashing.ts'
import type { Store } from '../store.ts'
import { detectRecords, type FoundRecord } from './detect.ts'
import { eventKeys } from './event-keys.ts'
import type { EventDelivery, EventPorts } from './event-ports.ts'
import type { EventRecord } from './event-record.ts'
import type { EventSettings } from './event-settings.ts'
import { proveDelivery } from './prove-delivery.ts'
import type { StoreEvent } from './store-event.ts'

/** Characters of an event's id: 128 bits. */
const ID_CHARACTERS = 32

/**
 * Authenticates a delivery, and only then reads it (`providers.md` section 5). The events are hints:
 * they name objects, and nothing else in them is believed. Without a store, and for one that has no
 * events configured, the answer is that to a wrong secret. Records that say nothing of an object, like
 * a provider's test, give no event; one whose key no gateway could have signed has no `keys`.
 * Throws `Unauthenticated`; `InvalidRequest` for the whole body when it, or one record in it, is not
 * what the store is configured to send; `RequestTooLarge` for more than 1,000 records;
 * `AuthUnavailable` when what the proof needs cannot be had now.
 */
export async function readEvents(
  store: Pick<Store, 'events'> | undefined,
  delivery: EventDelivery,
  ports: EventPorts,
): Promise<readonly StoreEvent[]> {
  const { settings, body, isNotification, wrappers, messageId } = await proveDelivery(
    store?.events,
    delivery,
    ports,
  )
  if (!isNotification) return []
  const { shape } = settings
  const found = detectRecords(body, { shape, wrappers, messageId })
  return found.map((record) => eventOf(record, settings, ports.hashing))
}

function eventOf(
  { record, messageId, keyUnsure }: FoundRecord,
  { shape, keys }: EventSettings,
  hashing: Hashing,
): StoreEvent {
  const { keyRaw, eventName, eventId, ...told } = record
  return {
    ...told,
    shape,
    keys: eventKeys(keyRaw, { keys: keyUnsure ? 'raw' : keys, unsure: keyUnsure }),
    id: idOf(record, messageId, hashing),
  }
}

/** The provider's own id of the event or of its message, else all that tells events of one key apart. */
function idOf(record: EventRecord, messageId: string | undefined, hashing: Hashing): string {
  const { bucket, keyRaw, versionId, sequencer, etag, eventTime = '', eventName, eventId } = record
  const version = versionId ?? sequencer ?? etag ?? ''
  const parts =
    eventId !== undefined
      ? ['event', eventId]
      : messageId !== undefined
        ? ['message', messageId]
        : ['record', bucket, keyRaw, version, eventTime, eventName]
  return hashing.sha256Hex(JSON.stringify(parts)).slice(0, ID_CHARACTERS)
}
