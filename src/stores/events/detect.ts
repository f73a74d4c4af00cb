import { GatewayError } from '../../errors.ts'
import type { EventShape } from '../traits.ts'
import { memberOf, objectOf, unreadable } from './event-json.ts'
import type { EventRecord } from './event-record.ts'
import { readS3Record } from './s3-record.ts'

/** Most records of one delivery, those that say nothing included. */
export const MAX_EVENT_RECORDS = 1_000

/** A record, and where in which message it stood. */
export interface FoundRecord {
  readonly record: EventRecord
  /** Id of the innermost message around it, with its place in there. */
  readonly messageId?: string
}

/**
 * Finds the records of a body that is proven, in the order of `providers.md` section 5.2. Throws
 * `InvalidRequest` for what a store of this shape does not send, whole: one record that cannot be read
 * refuses the delivery; `RequestTooLarge` for more than 1,000 records.
 */
export function detectRecords(body: unknown, { shape }: { shape: EventShape }): FoundRecord[] {
  const records = memberOf(body, 'Records')
  if (!Array.isArray(records)) throw unreadable('this store is not configured to send such a body')
  if (records.length > MAX_EVENT_RECORDS) throw tooMany()
  return records.map((value: unknown) => {
    const record = objectOf(value)
    if (record === undefined || memberOf(record, 'eventSource') !== `${shape}:s3`) {
      throw unreadable('this store is not configured to send such a record')
    }
    return { record: readS3Record(record) }
  })
}

function tooMany(): GatewayError {
  return new GatewayError(
    'RequestTooLarge',
    `Cannot take the events: more than ${MAX_EVENT_RECORDS} records`,
  )
}
