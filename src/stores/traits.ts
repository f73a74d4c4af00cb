import type { Known } from './capabilities.ts'

/** Checksums that S3 knows as `x-amz-checksum-*` (S3 User Guide, checking object integrity). */
export type ChecksumName = 'CRC64NVME' | 'CRC32' | 'CRC32C' | 'SHA1' | 'SHA256'

/** All of them, for stores that check every one. */
export const ALL_CHECKSUMS: readonly ChecksumName[] = Object.freeze([
  'CRC64NVME',
  'CRC32',
  'CRC32C',
  'SHA1',
  'SHA256',
])

/** Shape of a provider's object-created events (`providers.md` section 5). */
export type EventShape =
  | 'aws'
  | 'minio'
  | 'rustfs'
  | 'ceph'
  | 'r2'
  | 'b2'
  | 'tigris'
  | 'gcs'
  | 'storj'
  | 'seaweedfs'
  | 'none'

/** How a provider's event proves where it comes from. */
export type EventAuth = 'sns' | 'bearer' | 'basic-or-bearer' | 'hmac' | 'oidc' | 'opaque' | 'none'

/** Events of a provider. */
export interface EventTraits {
  readonly shape: EventShape
  readonly auth: EventAuth
  /** How the key is written: form-encoded, as it is, or as a path with the bucket before it. */
  readonly keys: 'form' | 'raw' | 'path'
  readonly etag: boolean
  readonly size: 'always' | 'unless-zero' | 'never'
}

/**
 * What is known of a store besides what signing depends upon: for operators, for the gateway's own
 * calls, and for set-up. A probe replaces what it has seen.
 */
export interface StoreTraits {
  /** A signature for another region than the store's own is refused. */
  readonly regionChecked: Known
  /** How far ahead a URL may be dated, in seconds. */
  readonly futureSkewSeconds: number | 'unchecked' | 'unknown'
  /** Statuses of a write-once PUT that came second. */
  readonly writeOnceConflict: readonly number[]
  /** Checksums that are checked against the body. */
  readonly checksums: readonly ChecksumName[] | 'probe'
  /** The S3 query API for rules of browsers works (`?cors`). */
  readonly corsApi: Known
  /** A lifecycle rule can abort multipart uploads. */
  readonly abortRule: Known
  /** URLs may be signed for a domain of one's own. */
  readonly customDomain: Known
  /** ACLs are kept. */
  readonly acl: Known
  /** Parts but the last must be of one size. */
  readonly equalParts: boolean
  /** Parts with checksums need their algorithm named when the upload is begun. */
  readonly checksumAtCreate: boolean
  /** A PUT can be bound to a range of sizes. */
  readonly putSizeRange: boolean
  /** Temporary credentials that it knows. */
  readonly sessionToken: 'sts' | 'r2' | 'jwt' | 'none' | 'probe'
  readonly events: EventTraits
}

/** Where nobody has looked, and no vendor has told. */
export const NO_TRAITS: StoreTraits = Object.freeze<StoreTraits>({
  regionChecked: 'probe',
  futureSkewSeconds: 'unknown',
  writeOnceConflict: [412],
  checksums: 'probe',
  corsApi: 'probe',
  abortRule: 'probe',
  customDomain: 'probe',
  acl: 'probe',
  equalParts: true,
  checksumAtCreate: true,
  putSizeRange: false,
  sessionToken: 'probe',
  events: { shape: 'none', auth: 'none', keys: 'raw', etag: false, size: 'never' },
})
