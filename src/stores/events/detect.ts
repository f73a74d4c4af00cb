import { GatewayError } from '../../errors.ts'
import type { EventShape } from '../traits.ts'
import { B2_TEST_EVENT, readB2Record } from './b2-record.ts'
import { readEventBridge } from './event-bridge.ts'
import {
  type JsonObject,
  memberOf,
  objectOf,
  parseEventJson,
  textOf,
  unreadable,
} from './event-json.ts'
import type { EventRecord } from './event-record.ts'
import { dataOf, isGcsPush, isPush, pushIdOf, readGcsPush } from './pub-sub.ts'
import { isR2Message, readR2Record } from './r2-record.ts'
import { ANY_LENGTH, readS3Record } from './s3-record.ts'
import { isSeaweedEvent, readSeaweedRecord } from './seaweedfs-record.ts'
import { isSnsEnvelope } from './sns-envelope.ts'
import { readTigrisRecord } from './tigris-record.ts'

/** Most records of one delivery, those that say nothing included, and most items of any list in it. */
export const MAX_EVENT_RECORDS = 1_000

/** What may be around records, each one level deep. */
export type EventWrapper = 'list' | 'sqs' | 'sns' | 'push'

/** What may be inside each of them: a forwarder's list, SQS in it, SNS in that, and no further. */
const INSIDE: Readonly<Record<EventWrapper, readonly EventWrapper[]>> = {
  list: ['sqs', 'sns', 'push'],
  sqs: ['sns'],
  sns: [],
  push: [],
}

/** A record, and in which message it stood. */
export interface FoundRecord {
  readonly record: EventRecord
  /** Nobody knows whether the key is encoded. */
  readonly keyUnsure: boolean
  /** Id of the innermost message around it that has one, and its place in there. */
  readonly messageId?: string
}

/** What is being looked into. */
interface Scope {
  readonly shape: EventShape
  /** Around what is here, or further inside. */
  readonly wrappers: readonly EventWrapper[]
  readonly message: { readonly id: string; records: number } | undefined
  readonly found: FoundRecord[]
}

/**
 * Finds the records of a body that is proven, in the order of `providers.md` section 5.2. Throws
 * `InvalidRequest` for what a store of this shape does not send, whole: one record that cannot be read
 * refuses the delivery; `RequestTooLarge` for more than 1,000 records.
 */
export function detectRecords(
  body: unknown,
  about: {
    readonly shape: EventShape
    readonly wrappers: readonly EventWrapper[]
    readonly messageId?: string | undefined
  },
): readonly FoundRecord[] {
  const { shape, wrappers, messageId } = about
  const found: FoundRecord[] = []
  lookInto(body, { shape, wrappers, message: messageOf(messageId), found })
  return found
}

function lookInto(value: unknown, scope: Scope): void {
  if (Array.isArray(value)) {
    for (const item of itemsOf(value)) lookInto(item, inside(scope, 'list'))
    return
  }
  const body = objectOf(value)
  if (body === undefined) throw unreadable('it is not JSON, or too deep')
  const { shape } = scope
  if (isSnsEnvelope(body)) lookIntoSns(body, scope)
  else if (isTestEvent(body, shape)) return
  else if (isPush(body)) lookIntoPush(body, scope)
  else if (shape === 'aws' && memberOf(body, 'source') === 'aws.s3') {
    take(readEventBridge(body), { scope, keyUnsure: true })
  } else if (Array.isArray(body.Records)) {
    for (const item of itemsOf(body.Records)) lookIntoRecord(item, scope)
  } else if (Array.isArray(body.Messages)) {
    for (const item of itemsOf(body.Messages)) lookIntoSqs(item, scope)
  } else if (Array.isArray(body.events)) {
    for (const item of itemsOf(body.events)) lookIntoEvent(item, scope)
  } else if (shape === 'r2' && isR2Message(body)) take(readR2Record(body), { scope })
  else if (shape === 'seaweedfs' && isSeaweedEvent(body)) take(readSeaweedRecord(body), { scope })
  else throw unexpected()
}

/** What S3 and Storj send when notifications are set up: it names no object. */
function isTestEvent(body: JsonObject, shape: EventShape): boolean {
  return (shape === 'aws' || shape === 'storj') && body.Event === 's3:TestEvent'
}

function lookIntoRecord(value: unknown, scope: Scope): void {
  const source = memberOf(value, 'eventSource')
  const record = objectOf(value)
  if (source === 'aws:sqs') lookIntoSqs(value, scope)
  else if (memberOf(value, 'EventSource') === 'aws:sns') {
    lookIntoSns(objectOf(memberOf(value, 'Sns')) ?? {}, scope)
  } else if (record !== undefined && source === `${scope.shape}:s3`) {
    take(readS3Record(record), { scope, keyUnsure: scope.shape === 'storj' })
  } else throw unexpected()
}

/** A message as Lambda gets it, or as ReceiveMessage answers. */
function lookIntoSqs(value: unknown, scope: Scope): void {
  const id = textOf(value, 'messageId') ?? textOf(value, 'MessageId')
  const body = textOf(value, 'body', ANY_LENGTH) ?? textOf(value, 'Body', ANY_LENGTH)
  lookInto(parseEventJson(body ?? ''), inside(scope, 'sqs', id))
}

/** An envelope that somebody else has vouched for: nothing of it is fetched. */
function lookIntoSns(envelope: JsonObject, scope: Scope): void {
  const within = inside(scope, 'sns', textOf(envelope, 'MessageId'))
  if (String(memberOf(envelope, 'Type')).endsWith('Confirmation')) return
  lookInto(parseEventJson(textOf(envelope, 'Message', ANY_LENGTH) ?? ''), within)
}

function lookIntoPush(push: JsonObject, scope: Scope): void {
  const within = inside(scope, 'push', pushIdOf(push))
  if (scope.shape === 'gcs' && isGcsPush(push)) take(readGcsPush(push), { scope: within })
  else if (scope.shape === 'storj') lookInto(dataOf(push), within)
  else throw unexpected()
}

function lookIntoEvent(value: unknown, scope: Scope): void {
  const event = objectOf(value)
  const type = textOf(event, 'eventType') ?? ''
  if (event !== undefined && scope.shape === 'b2' && type.startsWith('b2:')) {
    if (type !== B2_TEST_EVENT) take(readB2Record(event), { scope })
  } else if (event !== undefined && scope.shape === 'tigris' && event.eventSource === 'tigris') {
    take(readTigrisRecord(event), { scope })
  } else throw unexpected()
}

/** Throws `InvalidRequest` where nothing of this kind may be around records. */
function inside(scope: Scope, wrapper: EventWrapper, id?: string): Scope {
  if (!scope.wrappers.includes(wrapper)) throw unexpected()
  const wrappers = scope.wrappers.filter((other) => INSIDE[wrapper].includes(other))
  return { ...scope, wrappers, message: messageOf(id) ?? scope.message }
}

function take(
  record: EventRecord | undefined,
  { scope, keyUnsure = false }: { scope: Scope; keyUnsure?: boolean },
): void {
  const { found, message } = scope
  if (record === undefined) return
  if (found.length === MAX_EVENT_RECORDS) throw tooMany()
  if (message === undefined) {
    found.push({ record, keyUnsure })
    return
  }
  found.push({ record, keyUnsure, messageId: `${message.id}#${message.records}` })
  message.records += 1
}

function messageOf(id: string | undefined): Scope['message'] {
  return id === undefined ? undefined : { id, records: 0 }
}

function itemsOf(list: readonly unknown[]): readonly unknown[] {
  if (list.length > MAX_EVENT_RECORDS) throw tooMany()
  return list
}

function unexpected(): GatewayError {
  return unreadable('this store is not configured to send it')
}

function tooMany(): GatewayError {
  return new GatewayError(
    'RequestTooLarge',
    `Cannot take the events: more than ${MAX_EVENT_RECORDS} records`,
  )
}
