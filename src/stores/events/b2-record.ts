import { type JsonObject, memberOf, textOf } from './event-json.ts'
import type { EventRecord, Happening } from './event-record.ts'
import { ANY_LENGTH, facts, place } from './s3-record.ts'

/** What B2 sends when a rule is made: it names no object. */
export const B2_TEST_EVENT = 'b2:TestEvent'

const CAUSES: Readonly<Record<string, Happening['cause']>> = {
  Upload: 'put',
  Copy: 'copy',
  MultipartUpload: 'multipart',
}

/** One of B2's events. Throws `InvalidRequest` without bucket and key. */
export function readB2Record(event: JsonObject): EventRecord {
  const eventName = textOf(event, 'eventType', 128) ?? ''
  const eventId = textOf(event, 'eventId')
  const atMs = memberOf(event, 'eventTimestamp')
  return {
    ...place(textOf(event, 'bucketName'), textOf(event, 'objectName', ANY_LENGTH)),
    ...happeningOf(eventName),
    eventName,
    ...facts({
      versionId: textOf(event, 'objectVersionId'),
      eventTime: typeof atMs === 'number' ? String(atMs) : undefined,
    }),
    ...(eventId !== undefined && { eventId }),
  }
}

function happeningOf(eventName: string): Happening {
  const [, what, how = ''] = eventName.split(':')
  if (what === 'ObjectCreated') {
    const cause = Object.hasOwn(CAUSES, how) ? CAUSES[how] : undefined
    return cause === undefined ? { type: 'created' } : { type: 'created', cause }
  }
  return { type: what === 'ObjectDeleted' ? 'removed' : 'other' }
}
