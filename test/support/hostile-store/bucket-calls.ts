import type { Answer, Call } from './call.ts'
import type { MemoryBucket } from './memory-bucket.ts'
import { xml } from './read-object.ts'
import { S3Error } from './s3-error.ts'
import { type XmlContent, xmlOf } from './xml-of.ts'

type Element = readonly [string, XmlContent]

const MAX_KEYS = 1_000

/** HEAD of the bucket. */
export function headBucket(call: Call): Answer {
  call.demand('read')
  void call.bucket
  return { status: 200, headers: { 'x-amz-bucket-region': call.world.region } }
}

/** ListObjects and ListObjectsV2, in pages, keys percent-encoded where that is asked for. */
export function listObjects(call: Call): Answer {
  call.demand('read')
  const { bucket } = call
  const isV2 = call.query('list-type') === '2'
  const prefix = call.query('prefix') ?? ''
  const after = afterOf(call, isV2)
  const limit = Math.min(MAX_KEYS, Number(call.query('max-keys') ?? MAX_KEYS))
  const all = call.lies('listForgets')
    ? []
    : bucket.keys().filter((key) => key.startsWith(prefix) && isAfter(key, after))
  const page = all.slice(0, limit)
  const isTruncated = all.length > page.length || call.lies('listEndless')
  const next = page.at(-1) ?? after
  const written = call.query('encoding-type') === 'url' ? encodeKey : (key: string) => key
  return xml(
    xmlOf('ListBucketResult', [
      ['Name', call.received.bucketName],
      ['Prefix', written(prefix)],
      ['KeyCount', page.length],
      ['MaxKeys', limit],
      ...(call.query('encoding-type') === 'url' ? [['EncodingType', 'url'] as const] : []),
      ['IsTruncated', isTruncated],
      ...(isTruncated && isV2 ? [['NextContinuationToken', tokenOf(next)] as const] : []),
      ...page.map((key): Element => ['Contents', contentsOf(bucket, key, written)]),
    ]),
  )
}

/** GET ?versions: all versions and markers, in one page. */
export function listVersions(call: Call): Answer {
  call.demand('read')
  const prefix = call.query('prefix') ?? ''
  const entries = [...call.bucket.objects].filter(([key]) => key.startsWith(prefix))
  const elements = entries.flatMap(([key, versions]) =>
    versions.map(
      (one, index): Element => [
        one.isMarker === true ? 'DeleteMarker' : 'Version',
        [
          ['Key', call.query('encoding-type') === 'url' ? encodeKey(key) : key],
          ['VersionId', one.versionId ?? 'null'],
          ['IsLatest', index === versions.length - 1],
          ['LastModified', new Date(one.modifiedMs).toISOString()],
          ['ETag', one.etag],
          ['Size', one.body.length],
        ],
      ],
    ),
  )
  return xml(xmlOf('ListVersionsResult', [['IsTruncated', false], ...elements]))
}

/** ListMultipartUploads. */
export function listUploads(call: Call): Answer {
  call.demand('read')
  const prefix = call.query('prefix') ?? ''
  const marker = [call.query('key-marker') ?? '', call.query('upload-id-marker') ?? ''] as const
  const all = [...call.bucket.uploads]
    .filter(([, { key, aborted }]) => key.startsWith(prefix) && !aborted)
    .map(([uploadId, upload]) => ({ uploadId, ...upload }))
    .sort((a, b) => order([a.key, a.uploadId], [b.key, b.uploadId]))
    .filter(({ key, uploadId }) => order([key, uploadId], marker) > 0)
  const page = all.slice(0, Number(call.query('max-uploads') ?? MAX_KEYS))
  const last = page.at(-1)
  return xml(
    xmlOf('ListMultipartUploadsResult', [
      ['Bucket', call.received.bucketName],
      ['NextKeyMarker', last?.key ?? ''],
      ['NextUploadIdMarker', last?.uploadId ?? ''],
      ['IsTruncated', all.length > page.length || (call.lies('listEndless') && page.length > 0)],
      ...page.map(
        ({ key, uploadId, initiatedMs }): Element => [
          'Upload',
          [
            ['Key', key],
            ['UploadId', uploadId],
            ['Initiated', new Date(initiatedMs).toISOString()],
          ],
        ],
      ),
    ]),
  )
}

/** GET ?versioning. */
export function readVersioning(call: Call): Answer {
  call.demand('read')
  const status: Element[] = call.bucket.versioned ? [['Status', 'Enabled']] : []
  return xml(xmlOf('VersioningConfiguration', status))
}

/** 404 of settings that a bucket does not have. */
export function noSuch(what: string): S3Error {
  return new S3Error(404, `NoSuch${what}`, `The ${what} does not exist`)
}

function contentsOf(bucket: MemoryBucket, key: string, written: (key: string) => string) {
  const object = bucket.find(key)
  return [
    ['Key', written(key)],
    ['LastModified', new Date(object?.modifiedMs ?? 0).toISOString()],
    ['ETag', object?.etag ?? ''],
    ['Size', object?.body.length ?? 0],
    ['StorageClass', object?.headers.get('x-amz-storage-class') ?? 'STANDARD'],
  ] as const
}

function afterOf(call: Call, isV2: boolean): string {
  const token = call.query('continuation-token')
  if (!isV2) return call.query('marker') ?? ''
  if (token === undefined) return call.query('start-after') ?? ''
  return Buffer.from(token, 'base64url').toString()
}

function tokenOf(key: string): string {
  return Buffer.from(key === '' ? 'again' : key).toString('base64url')
}

function isAfter(key: string, after: string): boolean {
  return Buffer.compare(Buffer.from(key), Buffer.from(after)) > 0
}

function order(a: readonly [string, string], b: readonly [string, string]): number {
  const byKey = Buffer.compare(Buffer.from(a[0]), Buffer.from(b[0]))
  return byKey === 0 ? Buffer.compare(Buffer.from(a[1]), Buffer.from(b[1])) : byKey
}

/** As AWS writes keys with `encoding-type=url`: `/` stays, a space is `+`. */
function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll('%2F', '/').replaceAll('%20', '+')
}
