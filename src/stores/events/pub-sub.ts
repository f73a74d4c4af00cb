import { type JsonObject, memberOf, objectOf, parseEventJson, textOf } from './event-json.ts'
import type { EventRecord, Happening } from './event-record.ts'
import { ANY_LENGTH, facts, place } from './s3-record.ts'

/** True for what a subscription of Pub/Sub pushes. */
export function isPush(body: JsonObject): boolean {
  return (
    objectOf(memberOf(body, 'message')) !== undefined &&
    memberOf(body, 'subscription') !== undefined
  )
}

/** `message.data` of a push by Pub/Sub as JSON; `undefined` for what is none. */
export function dataOf(push: JsonObject): unknown {
  const data = textOf(memberOf(push, 'message'), 'data', ANY_LENGTH)
  if (data === undefined) return undefined
  try {
    // Text of UTF-8, one character a byte.
    return parseEventJson(Uint8Array.from(atob(data), (character) => character.charCodeAt(0)))
  } catch {
    return undefined
  }
}

/** Id of a push, which stays when it is repeated. */
export function pushIdOf(push: JsonObject): string | undefined {
  return textOf(memberOf(push, 'message'), 'messageId')
}

/** True for a push of GCS, which tells all in attributes. */
export function isGcsPush(push: JsonObject): boolean {
  const attributes = memberOf(memberOf(push, 'message'), 'attributes')
  return memberOf(attributes, 'eventType') !== undefined
}

/**
 * A notification of GCS. Its generation is told for every object, also where no versions are kept: it is
 * not taken for a version. Throws `InvalidRequest` without bucket and key.
 */
export function readGcsPush(push: JsonObject): EventRecord {
  const attributes = memberOf(memberOf(push, 'message'), 'attributes')
  const eventName = textOf(attributes, 'eventType', 64) ?? ''
  return {
    ...place(textOf(attributes, 'bucketId'), textOf(attributes, 'objectId', ANY_LENGTH)),
    type: typeOf(eventName, attributes),
    eventName,
    ...facts({ eventTime: textOf(attributes, 'eventTime', 64) }),
  }
}

/** An object that is overwritten is deleted as well, and its name is not free. */
function typeOf(eventName: string, attributes: unknown): Happening['type'] {
  if (eventName === 'OBJECT_FINALIZE') return 'created'
  const isReplaced = memberOf(attributes, 'overwrittenByGeneration') !== undefined
  return eventName === 'OBJECT_DELETE' && !isReplaced ? 'removed' : 'other'
}
