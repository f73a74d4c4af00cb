import { type JsonObject, textOf } from './event-json.ts'
import type { EventRecord, Happening } from './event-record.ts'
import { ANY_LENGTH, place } from './s3-record.ts'

const TYPES: Readonly<Record<string, Happening['type']>> = {
  create: 'created',
  // An entry that is overwritten is updated; so is one whose attributes change, which a HEAD tells.
  update: 'created',
  delete: 'removed',
}

/** True for what the filer sends. */
export function isSeaweedEvent(body: JsonObject): boolean {
  return ['event_type', 'key', 'message'].every((name) => Object.hasOwn(body, name))
}

/**
 * An event of SeaweedFS's filer, whose key is a path. `undefined` for paths outside of buckets and
 * for parts of an upload that is under way. Throws `InvalidRequest` without a key.
 */
export function readSeaweedRecord(event: JsonObject): EventRecord | undefined {
  const eventName = textOf(event, 'event_type', 64) ?? ''
  const { keyRaw: path } = place('-', textOf(event, 'key', ANY_LENGTH))
  const [, bucket, keyRaw] = /^\/buckets\/([^/]+)\/(.+)$/s.exec(path) ?? []
  if (bucket === undefined || keyRaw === undefined || keyRaw.startsWith('.uploads/')) {
    return undefined
  }
  const type = (Object.hasOwn(TYPES, eventName) ? TYPES[eventName] : undefined) ?? 'other'
  return { bucket, keyRaw, type, eventName }
}
