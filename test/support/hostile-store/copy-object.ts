import type { Answer, Call } from './call.ts'
import type { StoredObject } from './memory-bucket.ts'
import { S3Error } from './s3-error.ts'
import { counts } from './unsigned-headers.ts'
import { xmlOf } from './xml-of.ts'

/**
 * What a request names as the source of a copy: by the header of S3, or by what CGI makes of it where
 * the store knows that too.
 */
export function copySourceOf(
  call: Call,
  byUnderscores: 'copyByUnderscores' | 'copyByUnderscoresOnPart',
): string | undefined {
  if (counts(call, 'x-amz-copy-source')) return call.header('x-amz-copy-source')
  return call.lies(byUnderscores) ? call.header('x_amz_copy_source') : undefined
}

/** CopyObject: the bytes and headers of the source, if the signer may read it. */
export function copyObject(call: Call, source: string): Answer {
  const copied = copiedObject(call, source)
  const stored = call.bucket.put(call.key, { ...copied, modifiedMs: call.world.nowMs() })
  const body = xmlOf('CopyObjectResult', [
    ['LastModified', new Date(stored.modifiedMs).toISOString()],
    ['ETag', stored.etag],
  ])
  return { status: 200, headers: { 'content-type': 'application/xml' }, body }
}

/** The object that is copied, as `/bucket/key` percent-encoded names it. Throws 403 or 404. */
export function copiedObject(call: Call, source: string): StoredObject {
  const [, bucketName = '', key = ''] = /^\/?([^/]+)\/([^?]+)/.exec(source) ?? []
  call.demand('read')
  const bucket = call.world.buckets.get(decodeURIComponent(bucketName))
  if (bucket === undefined) {
    throw new S3Error(404, 'NoSuchBucket', 'The specified bucket does not exist')
  }
  const object = bucket.find(decodeURIComponent(key))
  if (object === undefined) {
    throw new S3Error(404, 'NoSuchKey', 'The specified key does not exist')
  }
  return object
}
