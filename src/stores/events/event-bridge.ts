import { type JsonObject, memberOf, textOf } from './event-json.ts'
import type { EventRecord, Happening } from './event-record.ts'
import { ANY_LENGTH, facts, place } from './s3-record.ts'

const CAUSES: Readonly<Record<string, Happening['cause']>> = {
  PutObject: 'put',
  'POST Object': 'post',
  CopyObject: 'copy',
  CompleteMultipartUpload: 'multipart',
}

/**
 * An event of S3 as EventBridge sends it. Unlike other records of AWS its key is not encoded, as far
 * as its samples show. Throws `InvalidRequest` without bucket and key.
 */
export function readEventBridge(event: JsonObject): EventRecord {
  const detail = memberOf(event, 'detail')
  const object = memberOf(detail, 'object')
  const eventName = textOf(event, 'detail-type', 128) ?? ''
  const eventId = textOf(event, 'id')
  return {
    ...place(textOf(memberOf(detail, 'bucket'), 'name'), textOf(object, 'key', ANY_LENGTH)),
    ...happeningOf(eventName, detail),
    eventName,
    ...facts({
      versionId: textOf(object, 'version-id'),
      sequencer: textOf(object, 'sequencer'),
      etag: textOf(object, 'etag'),
      eventTime: textOf(event, 'time', 64),
    }),
    ...(eventId !== undefined && { eventId }),
  }
}

function happeningOf(eventName: string, detail: unknown): Happening {
  if (eventName === 'Object Created') {
    const reason = textOf(detail, 'reason', 64) ?? ''
    const cause = Object.hasOwn(CAUSES, reason) ? CAUSES[reason] : undefined
    return cause === undefined ? { type: 'created' } : { type: 'created', cause }
  }
  // A delete marker frees nothing.
  const isGone = memberOf(detail, 'deletion-type') === 'Permanently Deleted'
  return { type: eventName === 'Object Deleted' && isGone ? 'removed' : 'other' }
}
