/** Whether a store was seen to do something; `probe` counts as no until somebody has looked. */
export type Known = 'yes' | 'no' | 'probe'

/**
 * What a store enforces, as far as signing asks (`providers.md` section 2 has the full profile).
 * What is not known is not relied upon.
 */
export interface Capabilities {
  /** Requests without a signature, or with a forged one, are refused. */
  readonly signatures: Known
  /** A URL that was signed for one method is refused for every other. */
  readonly methodBound: Known
  /** A URL is refused once it has expired. */
  readonly expiry: Known
  /** A signed `content-length` binds the size of the body. */
  readonly signedLength: Known
  /** A signed `content-type` binds the type. */
  readonly signedType: Known
  /** `If-None-Match: *` on PUT: kept, ignored, refused, or unknown. */
  readonly writeOnce: 'if-none-match' | 'ignored' | 'refused' | 'probe'
  /** `If-Match` on PUT, and whether it wants the ETag in quotes. */
  readonly ifMatch: 'quoted' | 'bare' | 'ignored' | 'refused' | 'probe'
  /** Whether an unsigned `x-amz-copy-source` turns a signed PUT into a copy. */
  readonly unsignedCopySource: 'closed' | 'open' | 'probe'
  /** Whether the credential that signs uploads can read: then an open hole copies what it reads. */
  readonly writeCredentialReads: Known
  /** Whether unsigned `x-amz-*` headers are refused. */
  readonly unsignedHeaders: 'reject' | 'reject-meta' | 'reject-some' | 'accept' | 'probe'
  /** `x-amz-checksum-sha256` as a signed header is checked against the body. */
  readonly checksumSha256: Known
  /** `x-amz-content-sha256` as a signed header is checked against the body. */
  readonly payloadHash: Known
  /** `response-content-disposition` on GET is honoured. */
  readonly responseOverrides: Known
  /** A POST policy form works, and every condition in it is kept: fields, key and size range. */
  readonly postPolicy: Known
  /**
   * Create, UploadPart by URL, ListParts, Complete and Abort work, and a part's signed length binds
   * its size.
   */
  readonly multipart: Known
  /**
   * Once AbortMultipartUpload is answered the store takes no part any more, not even one that was
   * under way (AWS: such parts may still succeed).
   */
  readonly abortEndsParts: Known
  /** `If-None-Match: *` on CompleteMultipartUpload refuses to replace an object. */
  readonly writeOnceMultipart: Known
  /** A signed `x-amz-tagging` is kept. */
  readonly tagging: Known
  /** The same on CreateMultipartUpload: the finished object has the tags. */
  readonly multipartTagging: Known
  /** A signed `x-amz-server-side-encryption` is kept. */
  readonly encryption: Known
  /** A signed `content-md5` is checked against the body. */
  readonly contentMd5: Known
  /** Cache-Control, Content-Encoding and Content-Disposition fields of a form are kept. */
  readonly formHeaders: Known
  /** Headers with these fixed values may be signed, so that nobody can add others. */
  readonly fixedHeaders: Readonly<Record<string, string>>
  /** Keys that contain any of these are not kept as they are, for example `//`. */
  readonly brokenKeys: readonly string[]
  /** Largest `X-Amz-Expires`, in seconds. */
  readonly maxExpiresSeconds: number
  /** Seconds by which `X-Amz-Date` is backdated, for stores whose clock is behind ours. */
  readonly backdateSeconds: number
  /** Largest single PUT, in bytes. */
  readonly maxPutBytes: number
  /** Most parts of one object. */
  readonly maxParts: number
  /** Smallest part but the last, in bytes. */
  readonly minPartBytes: number
  /** Largest part, in bytes. */
  readonly maxPartBytes: number
  /** Size of parts, in bytes, while `maxParts` of it are enough. */
  readonly preferredPartBytes: number
  /** Longest value of one `x-amz-meta-*`, in bytes; the sealed ticket is one. */
  readonly maxMetadataValueBytes: number
}

/** Assumes nothing: the profile `generic`, and what every other one starts from. */
export const NOTHING_KNOWN: Capabilities = Object.freeze({
  signatures: 'probe',
  methodBound: 'probe',
  expiry: 'probe',
  signedLength: 'probe',
  signedType: 'probe',
  writeOnce: 'probe',
  ifMatch: 'probe',
  unsignedCopySource: 'probe',
  writeCredentialReads: 'probe',
  unsignedHeaders: 'probe',
  checksumSha256: 'probe',
  payloadHash: 'probe',
  responseOverrides: 'probe',
  postPolicy: 'probe',
  multipart: 'probe',
  abortEndsParts: 'probe',
  writeOnceMultipart: 'probe',
  tagging: 'probe',
  multipartTagging: 'probe',
  encryption: 'probe',
  contentMd5: 'probe',
  formHeaders: 'probe',
  fixedHeaders: {},
  brokenKeys: [],
  // S3 API, query authentication: at most seven days.
  maxExpiresSeconds: 604_800,
  backdateSeconds: 30,
  // S3 API, limits of multipart upload: 10,000 parts of 5 MiB to 5 GiB, and no more in one PUT.
  maxPutBytes: 5 * 2 ** 30,
  maxParts: 10_000,
  minPartBytes: 5 * 2 ** 20,
  maxPartBytes: 5 * 2 ** 30,
  preferredPartBytes: 8 * 2 ** 20,
  // S3 User Guide, object metadata: 2 KiB for all names and values.
  maxMetadataValueBytes: 2_048,
})
