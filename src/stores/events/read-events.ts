import { unauthenticated } from '../../auth/bearer.ts'
import type { Hashing } from '../../hashing.ts'
import type { Store } from '../store.ts'
import { detectRecords, type FoundRecord } from './detect.ts'
import {
  B2_SIGNATURE,
  isEventSecret,
  isOpaqueProof,
  isSignedByB2,
  presentedPassword,
  presentedToken,
} from './event-auth.ts'
import { parseEventJson, unreadable } from './event-json.ts'
import { eventKeys } from './event-keys.ts'
import type { EventDelivery, EventPorts } from './event-ports.ts'
import type { EventSettings } from './event-settings.ts'
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
  const settings = store?.events
  const body = await provenBody(settings, delivery, ports)
  if (settings === undefined) throw unauthenticated()
  if (body === undefined) throw unreadable('it is not JSON')
  return detectRecords(body, settings).map((found) => eventOf(found, settings, ports.hashing))
}

/** The body as JSON, `undefined` when it is none. Parsed after the proof, unless the proof is in it. */
async function provenBody(
  settings: EventSettings | undefined,
  { headers, raw }: EventDelivery,
  { hashing }: EventPorts,
): Promise<unknown> {
  const isSecret = (presented: string) => isEventSecret(presented, settings, hashing)
  if (isSecret(presentedToken(headers) ?? '')) return parseEventJson(raw)
  if (settings?.auth === 'basic-or-bearer' && isSecret(presentedPassword(headers) ?? '')) {
    return parseEventJson(raw)
  }
  const signature = headers.get(B2_SIGNATURE)
  if (settings?.auth === 'hmac' && signature !== null) {
    if (isSignedByB2(signature, raw, { settings, hashing })) return parseEventJson(raw)
  }
  if (settings?.auth === 'opaque') {
    const body = parseEventJson(raw)
    if (isOpaqueProof(body, isSecret)) return body
  }
  throw unauthenticated()
}

function eventOf(
  { record, messageId }: FoundRecord,
  { shape, keys }: EventSettings,
  hashing: Hashing,
): StoreEvent {
  const { keyRaw, eventName, eventId, ...told } = record
  const { bucket, versionId, sequencer, etag, eventTime } = told
  const own = eventId ?? messageId
  const parts =
    own === undefined
      ? [bucket, keyRaw, versionId ?? sequencer ?? etag ?? '', eventTime ?? '', eventName]
      : [own]
  return {
    ...told,
    shape,
    keys: eventKeys(keyRaw, { keys, unsure: false }),
    id: hashing.sha256Hex(JSON.stringify(parts)).slice(0, ID_CHARACTERS),
  }
}
