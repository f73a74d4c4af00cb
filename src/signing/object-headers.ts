import { GatewayError } from '../errors.ts'
import { encodeSegment } from '../object-key.ts'
import type { EncryptionAlgorithm } from '../policy/object-settings.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import { assertMetadataName, encodeMetadataValue, invalidMetadata } from './metadata.ts'

/** What an upload may fix of the object besides size and type. Whether it may is decided before. */
export interface ObjectBindings {
  readonly cacheControl?: string
  readonly contentEncoding?: string
  /** The finished header value, as `contentDisposition` gives it. */
  readonly contentDisposition?: string
  readonly storageClass?: string
  /** Any text; encoded here. */
  readonly tags?: ReadonlyMap<string, string>
  readonly encryption?: { readonly algorithm: EncryptionAlgorithm; readonly kmsKeyId?: string }
}

/** An object as it is to be stored, whatever the form of the upload. */
export interface WantedObject {
  /** Exact value of the header, charset included. */
  readonly contentType: string
  /** Names without `x-amz-meta-`, any case; values are encoded (`encodeMetadataValue`). */
  readonly metadata: ReadonlyMap<string, string>
  /** The sealed ticket, for `x-amz-meta-signet`. */
  readonly ticket: string
  readonly bindings?: ObjectBindings | undefined
}

/** What a store says of headers. */
export type HeaderLimits = Pick<Capabilities, 'fixedHeaders' | 'maxMetadataValueBytes'>

/** The member of a request behind a header, for the error that names it. */
const MEMBER_OF: ReadonlyMap<string, string> = new Map([
  ['content-type', 'contentType'],
  ['cache-control', 'cacheControl'],
  ['content-encoding', 'contentEncoding'],
  ['content-disposition', 'disposition'],
  ['x-amz-storage-class', 'storageClass'],
  ['x-amz-server-side-encryption', 'encryption'],
  ['x-amz-server-side-encryption-aws-kms-key-id', 'encryption'],
])

/**
 * The headers that make an object what it was asked to be: signed on a PUT and on
 * CreateMultipartUpload, fields of a form. Lower-case names. The store's fixed headers come first and
 * are replaced by what was asked for, never the other way round. Throws `InvalidRequest` for a value
 * that cannot be a header, and `UnsupportedByStore` (`metadata`) for one that the store has no room for.
 */
export function objectHeaders(
  { fixedHeaders, maxMetadataValueBytes }: HeaderLimits,
  { contentType, metadata, ticket, bindings = {} }: WantedObject,
): Map<string, string> {
  const headers = new Map<string, string>()
  for (const name of Object.keys(fixedHeaders)) headers.set(name, fixedHeaders[name] ?? '')
  setHeader(headers, 'content-type', contentType)
  setHeader(headers, 'cache-control', bindings.cacheControl)
  setHeader(headers, 'content-encoding', bindings.contentEncoding)
  setHeader(headers, 'content-disposition', bindings.contentDisposition)
  setHeader(headers, 'x-amz-storage-class', bindings.storageClass)
  setHeader(headers, 'x-amz-tagging', taggingOf(bindings.tags))
  setEncryption(headers, bindings.encryption)
  if (metadata.size > 0) setMetadata(headers, metadata)
  headers.set('x-amz-meta-signet', ticket)
  assertRoomForMetadata(headers, maxMetadataValueBytes)
  return headers
}

/** A grant that is above it would look right, and the store would refuse it or break. */
function assertRoomForMetadata(headers: ReadonlyMap<string, string>, maxBytes: number): void {
  for (const [name, value] of headers) {
    // ASCII alone, so that characters are bytes.
    if (!name.startsWith('x-amz-meta-') || value.length <= maxBytes) continue
    const what = name === 'x-amz-meta-signet' ? 'the ticket of so many limits' : `"${name}"`
    throw new GatewayError(
      'UnsupportedByStore',
      `Cannot sign for this store: it takes ${maxBytes} bytes of metadata a value, and ${what} has ${value.length}`,
      { capability: 'metadata' },
    )
  }
}

function setHeader(headers: Map<string, string>, name: string, value: string | undefined): void {
  if (value === undefined) return
  // Signers trim and stores drop what is empty: then the grant would say what nobody signed.
  if (!/^[!-~](?:[ -~]*[!-~])?$/.test(value)) {
    throw invalid(MEMBER_OF.get(name) ?? name, 'is not printable ASCII without spaces at its ends')
  }
  headers.set(name, value)
}

function setEncryption(
  headers: Map<string, string>,
  encryption: ObjectBindings['encryption'],
): void {
  if (encryption === undefined) return
  const { algorithm, kmsKeyId } = encryption
  if (kmsKeyId !== undefined && algorithm !== 'aws:kms') {
    throw invalid('encryption', 'names a key without aws:kms')
  }
  setHeader(headers, 'x-amz-server-side-encryption', algorithm)
  // A fixed key would otherwise be left standing beside another algorithm.
  headers.delete('x-amz-server-side-encryption-aws-kms-key-id')
  setHeader(headers, 'x-amz-server-side-encryption-aws-kms-key-id', kmsKeyId)
}

function setMetadata(headers: Map<string, string>, metadata: WantedObject['metadata']): void {
  const seen = new Set<string>()
  for (const [name, value] of metadata) {
    const header = `x-amz-meta-${assertMetadataName(name)}`
    if (seen.has(header)) throw invalidMetadata(`the name "${name}" comes twice`)
    seen.add(header)
    headers.set(header, encodeMetadataValue(value))
  }
}

/** `key=value&…` as S3 takes it, in the order given; `undefined` without any tag. */
function taggingOf(tags: ReadonlyMap<string, string> | undefined): string | undefined {
  if (tags === undefined || tags.size === 0) return undefined
  return Array.from(tags, ([key, value]) => {
    if (key === '') throw invalid('tags', 'has an empty key')
    if (!key.isWellFormed() || !value.isWellFormed()) throw invalid('tags', 'has a lone surrogate')
    return `${encodeSegment(key)}=${encodeSegment(value)}`
  }).join('&')
}

function invalid(member: string, message: string): GatewayError {
  return new GatewayError('InvalidRequest', `Cannot sign the upload: "${member}" ${message}`, {
    fields: [{ path: member, message }],
  })
}
