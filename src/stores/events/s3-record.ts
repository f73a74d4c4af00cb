import { namedVersion } from '../named-version.ts'
import { type JsonObject, memberOf, textOf, unreadable } from './event-json.ts'
import type { EventRecord, Happening } from './event-record.ts'

const TICKET_HEADER = 'x-amz-meta-signet'
const MAX_TICKET_CHARACTERS = 4_096
const CAUSES: Readonly<Record<string, Happening['cause']>> = {
  Put: 'put',
  Post: 'post',
  Copy: 'copy',
  CompleteMultipartUpload: 'multipart',
}
/** Begins of what may become an object. */
const BEGINS = ['CreateMultipartUpload', 'InitiateMultipartUpload', 'UploadPart']

/**
 * One record in the manner of S3 (`Records[]` of AWS, MinIO, RustFS, Ceph, Storj). Nothing but bucket
 * and key must be there; a member of a wrong type counts as absent. Throws `InvalidRequest` without
 * those two.
 */
export function readS3Record(record: JsonObject): EventRecord {
  const s3 = memberOf(record, 's3')
  const object = memberOf(s3, 'object')
  const eventName = textOf(record, 'eventName', 128) ?? ''
  return {
    ...place(textOf(memberOf(s3, 'bucket'), 'name'), textOf(object, 'key', ANY_LENGTH)),
    ...happeningOf(eventName),
    eventName,
    ...facts({
      versionId: textOf(object, 'versionId'),
      sequencer: textOf(object, 'sequencer'),
      etag: textOf(object, 'eTag'),
      eventTime: textOf(record, 'eventTime', 64),
    }),
    ...ticketOf(object),
  }
}

/** Keys are measured by their own parser: what is too long is dropped, not malformed. */
export const ANY_LENGTH = Number.POSITIVE_INFINITY

/** Bucket and key, the two members that no record is read without. Throws `InvalidRequest`. */
export function place(
  bucket: string | undefined,
  keyRaw: string | undefined,
): Pick<EventRecord, 'bucket' | 'keyRaw'> {
  if (bucket === undefined || keyRaw === undefined) {
    throw unreadable('a record has no bucket and key')
  }
  return { bucket, keyRaw }
}

/** What of a record's further facts is there and may be believed to be what it says. */
export function facts(found: {
  readonly versionId?: string | undefined
  readonly sequencer?: string | undefined
  readonly etag?: string | undefined
  readonly eventTime?: string | undefined
}): Pick<EventRecord, 'versionId' | 'sequencer' | 'etag' | 'eventTime'> {
  const { sequencer, eventTime } = found
  const versionId = namedVersion(found.versionId)
  const etag = found.etag?.replace(/^"(.*)"$/, '$1')
  return {
    ...(versionId !== undefined && { versionId }),
    ...(sequencer !== undefined && /^[0-9A-Fa-f]{1,64}$/.test(sequencer) && { sequencer }),
    ...(etag !== undefined && etag !== '' && { etag }),
    ...(eventTime !== undefined && { eventTime }),
  }
}

/**
 * What an event's name of S3 says, with or without `s3:`. A delete marker hides an object and frees
 * nothing, so it is no removal. Ceph's main branch sends `ObjectCreated:Post` for the begin of an
 * upload of parts as well as for a form: taken for the form, as a HEAD decides either way.
 */
function happeningOf(eventName: string): Happening {
  const [what, how = ''] = eventName.replace(/^s3:/, '').split(':')
  if (what === 'ObjectCreated' && !BEGINS.includes(how)) {
    const cause = Object.hasOwn(CAUSES, how) ? CAUSES[how] : undefined
    return cause === undefined ? { type: 'created' } : { type: 'created', cause }
  }
  const removes = what === 'ObjectRemoved' || what === 'LifecycleExpiration'
  return { type: removes && how !== 'DeleteMarkerCreated' ? 'removed' : 'other' }
}

/**
 * Ceph tells metadata as pairs of `key` and `val`, also of an object that is removed, where alone the ticket
 * is of use. MinIO's `userMetadata` comes with what is created only.
 */
function ticketOf(object: unknown): Pick<EventRecord, 'ticket'> {
  const metadata = memberOf(object, 'metadata')
  const ticket = (Array.isArray(metadata) ? metadata : [])
    .map((pair) => [memberOf(pair, 'key'), memberOf(pair, 'val')] as const)
    .filter(([name]) => typeof name === 'string' && name.toLowerCase() === TICKET_HEADER)
    .flatMap(([, value]) => (typeof value === 'string' ? [value] : []))
    .join(',')
  return ticket !== '' && ticket.length <= MAX_TICKET_CHARACTERS ? { ticket } : {}
}
