import type { Call } from './call.ts'
import type { StoredObject } from './memory-bucket.ts'
import { notImplemented, S3Error } from './s3-error.ts'
import { counts } from './unsigned-headers.ts'

/** What an object has besides its bytes. */
export type Kept = Pick<StoredObject, 'headers' | 'tags' | 'acl'>

/** Stored whether they are signed or not (S3 API, PutObject: system-defined metadata). */
const ORDINARY = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
]
const CLASSES = [
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER',
  'GLACIER_IR',
  'DEEP_ARCHIVE',
]
const ACLS = [
  'private',
  'public-read',
  'public-read-write',
  'authenticated-read',
  'aws-exec-read',
  'bucket-owner-read',
  'bucket-owner-full-control',
]
const MAX_TAGS = 10

/** Where headers of an object come from: those of a request, or the fields of a form. */
export interface HeaderSource {
  readonly names: readonly string[]
  /** Undefined where it is not there, or does not count. */
  value(name: string): string | undefined
}

/** The headers of a request, but for unsigned ones that the store drops. */
export function requestHeaders(call: Call): HeaderSource {
  return {
    names: Object.keys(call.received.headers),
    value: (name) => (counts(call, name) ? call.header(name) : undefined),
  }
}

/** What is kept of them. Throws on what S3 refuses: an odd class, ACL, tag, lock or encryption. */
export function keptHeaders(call: Call, source: HeaderSource): Kept {
  const headers = new Map<string, string>()
  headers.set('content-type', typeOf(call, source))
  for (const name of ORDINARY) keep(headers, source, name)
  for (const name of source.names) {
    if (name.startsWith('x-amz-meta-') && !call.lies('metadataDropped')) keep(headers, source, name)
    const other = /^x-object-meta-(.+)$/.exec(name)?.[1]
    if (other === undefined || !call.lies('unsignedObjectMetadata')) continue
    headers.set(`x-amz-meta-${other}`, source.value(name) ?? '')
  }
  const storageClass = source.value('x-amz-storage-class')
  if (storageClass !== undefined) {
    if (!CLASSES.includes(storageClass) || call.lies('storageClassRefused')) {
      throw new S3Error(400, 'InvalidStorageClass', 'The storage class is not valid')
    }
    // AWS sends none for the usual one.
    if (storageClass !== 'STANDARD') headers.set('x-amz-storage-class', storageClass)
  }
  keep(headers, source, 'x-amz-website-redirect-location')
  keepLock(call, headers, source)
  keepEncryption(call, headers, source)
  return { headers, tags: tagsOf(call, source), acl: aclOf(call, source) }
}

function keep(headers: Map<string, string>, source: HeaderSource, name: string): void {
  const value = source.value(name)
  if (value !== undefined) headers.set(name, value)
}

function typeOf(call: Call, source: HeaderSource): string {
  const guesses = source.value('x-detect-content-type') === 'true' && call.lies('typeGuessed')
  if (guesses && call.key.endsWith('.html')) return 'text/html'
  return source.value('content-type') ?? 'binary/octet-stream'
}

/** A bucket here has no lock, as most have none: a signed one is refused. */
function keepLock(call: Call, headers: Map<string, string>, source: HeaderSource): void {
  for (const name of source.names) {
    if (!name.startsWith('x-amz-object-lock-') || source.value(name) === undefined) continue
    call.refuse(
      new S3Error(400, 'InvalidRequest', 'Bucket is missing Object Lock Configuration'),
      'unsignedLock',
    )
    keep(headers, source, name)
  }
}

function keepEncryption(call: Call, headers: Map<string, string>, source: HeaderSource): void {
  const name = 'x-amz-server-side-encryption'
  const wanted = source.value(name)
  if (wanted === undefined) return
  const isKnown = ['AES256', 'aws:kms', 'aws:kms:dsse'].includes(wanted)
  if (!isKnown || call.lies('encryptionRefused')) {
    throw new S3Error(400, 'InvalidArgument', 'The encryption method is not supported')
  }
  if (call.lies('encryptionDropped')) return
  headers.set(name, wanted)
  keep(headers, source, `${name}-aws-kms-key-id`)
}

function tagsOf(call: Call, source: HeaderSource): string {
  const tags = source.value('x-amz-tagging')
  if (tags === undefined) return ''
  if (call.lies('tagsRefused')) throw notImplemented('x-amz-tagging')
  if (call.lies('tagsDropped')) return ''
  if ([...new URLSearchParams(tags)].length > MAX_TAGS) {
    throw new S3Error(400, 'BadRequest', 'Object tags cannot be greater than 10')
  }
  return tags
}

function aclOf(call: Call, source: HeaderSource): string {
  const acl = source.value('x-amz-acl') ?? source.value('acl')
  const isPublic = source.value('x-amz-grant-read')?.includes('AllUsers') === true
  if (acl === undefined) return isPublic ? 'public-read' : 'private'
  if (call.lies('aclRefused')) {
    throw new S3Error(400, 'AccessControlListNotSupported', 'The bucket does not allow ACLs')
  }
  if (!ACLS.includes(acl)) throw new S3Error(400, 'InvalidArgument', 'The ACL is not valid')
  return acl
}
