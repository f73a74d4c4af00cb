import { type JsonObject, memberOf, textOf } from './event-json.ts'
import type { EventRecord, Happening } from './event-record.ts'
import { ANY_LENGTH, facts, place } from './s3-record.ts'

const HAPPENINGS: Readonly<Record<string, Happening>> = {
  PutObject: { type: 'created', cause: 'put' },
  CopyObject: { type: 'created', cause: 'copy' },
  CompleteMultipartUpload: { type: 'created', cause: 'multipart' },
  DeleteObject: { type: 'removed' },
  LifecycleDeletion: { type: 'removed' },
}

/** True for what R2 puts into a queue. */
export function isR2Message(body: JsonObject): boolean {
  return ['account', 'action', 'bucket', 'object'].every((name) => Object.hasOwn(body, name))
}

/** A message of R2's queue. Throws `InvalidRequest` without bucket and key. */
export function readR2Record(message: JsonObject): EventRecord {
  const object = memberOf(message, 'object')
  const eventName = textOf(message, 'action', 64) ?? ''
  return {
    ...place(textOf(message, 'bucket'), textOf(object, 'key', ANY_LENGTH)),
    ...happeningOf(eventName),
    eventName,
    ...facts({ etag: textOf(object, 'eTag'), eventTime: textOf(message, 'eventTime', 64) }),
  }
}

function happeningOf(action: string): Happening {
  return (Object.hasOwn(HAPPENINGS, action) ? HAPPENINGS[action] : undefined) ?? { type: 'other' }
}
