import { type JsonObject, memberOf, textOf } from './event-json.ts'
import type { EventRecord, Happening } from './event-record.ts'
import { ANY_LENGTH, facts, place } from './s3-record.ts'

const HAPPENINGS: Readonly<Record<string, Happening>> = {
  OBJECT_CREATED_PUT: { type: 'created', cause: 'put' },
  OBJECT_CREATED_MULTIPART: { type: 'created', cause: 'multipart' },
  OBJECT_CREATED_COPY: { type: 'created', cause: 'copy' },
  OBJECT_DELETED: { type: 'removed' },
}

/** One of Tigris's events. Throws `InvalidRequest` without bucket and key. */
export function readTigrisRecord(event: JsonObject): EventRecord {
  const object = memberOf(event, 'object')
  const eventName = textOf(event, 'eventName', 64) ?? ''
  return {
    ...place(textOf(event, 'bucket'), textOf(object, 'key', ANY_LENGTH)),
    ...happeningOf(eventName),
    eventName,
    ...facts({ etag: textOf(object, 'eTag'), eventTime: textOf(event, 'eventTime', 64) }),
  }
}

function happeningOf(name: string): Happening {
  return (Object.hasOwn(HAPPENINGS, name) ? HAPPENINGS[name] : undefined) ?? { type: 'other' }
}
