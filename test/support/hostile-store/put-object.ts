import type { Answer, Call } from './call.ts'
import { checkBody } from './check-body.ts'
import { copyObject, copySourceOf } from './copy-object.ts'
import { type Kept, keptHeaders, requestHeaders } from './kept-headers.ts'
import { md5Of, type StoredObject } from './memory-bucket.ts'
import { accessDenied, notImplemented, S3Error } from './s3-error.ts'

/** How long a PUT waits for a rival before it goes on alone. */
const RIVAL_MS = 250

/** PUT of an object, or a copy where the source is named. */
export async function putObject(call: Call): Promise<Answer> {
  if (call.credential === undefined) call.refuse(accessDenied(), 'anonymousWrites')
  else call.demand('write')
  const source = copySourceOf(call, 'copyByUnderscores')
  if (source !== undefined) return copyObject(call, source)
  if (call.header('content-length') === undefined && !call.lies('lengthChunked')) {
    throw new S3Error(411, 'MissingContentLength', 'You must provide the Content-Length header')
  }
  checkConditions(call)
  const kept = keptHeaders(call, requestHeaders(call))
  const body = await call.received.body()
  checkBody(call, body)
  if (!(await meetsRival(call))) checkConditions(call)
  const stored = storeObject(call, call.key, body, kept)
  return { status: 200, headers: { etag: stored.etag, ...versionHeaders(stored) } }
}

/** Puts what arrived under its key, but for a store that keeps nothing. */
export function storeObject(call: Call, key: string, body: Buffer, kept: Kept): StoredObject {
  const etag = `"${md5Of(body)}"`
  const object = { body, etag, ...kept, modifiedMs: call.world.nowMs() }
  return call.lies('putsNothing') ? object : call.bucket.put(key, object)
}

/** The header that tells the version, where there are versions. */
export function versionHeaders({ versionId }: StoredObject): Record<string, string> {
  return versionId === undefined ? {} : { 'x-amz-version-id': versionId }
}

/**
 * Whether another PUT with `If-None-Match` of the same key came while this one waited, where the
 * store looks at what is there once, when a request begins.
 */
async function meetsRival(call: Call): Promise<boolean> {
  const { racing } = call.world
  if (!call.lies('writeOnceRaces') || call.header('if-none-match') === undefined) return false
  const rival = racing.get(call.key)
  if (rival !== undefined) {
    rival()
    return true
  }
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const timer = setTimeout(resolve, RIVAL_MS, false)
  racing.set(call.key, () => resolve(true))
  const met = await promise
  clearTimeout(timer)
  racing.delete(call.key)
  return met
}

/** `If-None-Match` and `If-Match` against what is there. Throws 412, 404 or 501 (S3 API, PutObject). */
function checkConditions(call: Call): void {
  const present = call.bucket.find(call.key)
  const ifNoneMatch = call.header('if-none-match')
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch !== '*' || call.lies('writeOnceRefused')) throw notImplemented('If-None-Match')
    if (present !== undefined) {
      const status = call.lies('writeOnceConflict') ? 409 : 412
      const code = status === 409 ? 'ConditionalRequestConflict' : 'PreconditionFailed'
      const versions = call.bucket.versioned ? (['writeOnceVersions'] as const) : []
      const error = new S3Error(status, code, 'A precondition did not hold')
      call.refuse(error, 'writeOnceIgnored', ...versions)
    }
  }
  const ifMatch = call.header('if-match')
  if (ifMatch === undefined) return
  if (call.lies('ifMatchRefused')) throw notImplemented('If-Match')
  const isBare = call.lies('ifMatchBare')
  const etag = isBare ? present?.etag.replaceAll('"', '') : present?.etag
  if (ifMatch === etag || (!isBare && `"${ifMatch}"` === etag)) return
  const error =
    present === undefined
      ? new S3Error(404, 'NoSuchKey', 'The specified key does not exist')
      : new S3Error(412, 'PreconditionFailed', 'A precondition did not hold')
  call.refuse(error, 'ifMatchIgnored')
}
