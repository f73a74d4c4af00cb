import type { Answer, Received } from '../support/hostile-store/call.ts'
import type { HostileOptions } from '../support/hostile-store/hostile-store.ts'
import type { Lie } from '../support/hostile-store/lies.ts'

/** What a probe of a store that tells these lies finds, and one of an honest store does not. */
export interface LieLine {
  readonly lies: readonly Lie[]
  /** Findings, traits and capabilities by name; `undefined`: there is none. */
  readonly found: Readonly<Record<string, unknown>>
  /** Where something could be found that must not be; for lines whose `found` does not say so. */
  readonly looks?: readonly string[]
  /** How the store differs besides. */
  readonly store?: HostileOptions
  /** Leaves too little for other lies to be seen beside it. Default false. */
  readonly alone?: true
}

const NO_FORMS = { postPolicy: 'no', postStrict: 'no', formHeaders: undefined }

/** Signed with every upload, so that nobody can add others of their kind. */
const PINS = { 'x-amz-acl': 'private', 'x-amz-storage-class': 'STANDARD' }

function refusingEmptyParts({ method, pairs, headers }: Received): Answer | undefined {
  const isPart = method === 'PUT' && pairs.some(([name]) => name === 'partNumber')
  return isPart && headers['content-length'] === '0' ? { status: 400 } : undefined
}

/** Nobody reads without a signature, whatever the rules of the object say. */
function refusingStrangers({ method, pairs, headers }: Received): Answer | undefined {
  const isSigned = 'authorization' in headers || pairs.some(([name]) => name === 'X-Amz-Signature')
  return method === 'GET' && !isSigned ? { status: 403 } : undefined
}

/** One line a lie, or what one lie makes of another. */
export const LIE_TABLE: readonly LieLine[] = [
  // Who signs, and what a signature is for.
  { lies: ['anonymousWrites'], found: { signatures: 'no' } },
  { lies: ['anonymousWrites', 'saysNo'], found: { signatures: 'no' } },
  { lies: ['signatureDigit'], found: { signatures: 'no' } },
  { lies: ['signatureDigit', 'saysNo'], found: { signatures: 'no' } },
  {
    lies: ['signatureIgnored'],
    found: {
      signatures: 'no',
      methodBound: 'no',
      signedLength: 'no',
      signedType: 'no',
      duplicateParameters: 'yes',
      signedPartLength: 'no',
      multipart: 'no',
    },
  },
  { lies: ['keyUnbound'], found: { signatures: 'no' } },
  { lies: ['headersUnbound'], found: { signatures: 'no' } },
  { lies: ['methodUnbound'], found: { methodBound: 'no' } },
  { lies: ['methodUnbound', 'saysNo'], found: { methodBound: 'no' } },
  { lies: ['methodUnboundForReads'], found: { methodBound: 'no' } },
  { lies: ['methodUnboundForWrites'], found: { methodBound: 'no' } },
  { lies: ['regionUnchecked'], found: { regionChecked: 'no', region: undefined } },
  { lies: ['expiryIgnored'], found: { expiry: 'no' } },
  { lies: ['expiryIgnored', 'saysNo'], found: { expiry: 'no' } },
  { lies: ['expiryLate'], found: { expiry: 'no' } },
  { lies: ['expiryUncapped'], found: { expiresAboveMaximum: 'taken' } },
  { lies: ['expiryMissing'], found: { expiresMissing: 'taken' } },
  { lies: ['futureRefused'], found: { futureSkewSeconds: 0 } },
  { lies: ['futureUnchecked'], found: { futureSkewSeconds: 'unchecked' } },
  { lies: ['duplicateExpires'], found: { duplicateParameters: 'yes', expiry: 'no' } },
  { lies: ['duplicateOverride'], found: { duplicateParameters: 'yes', responseOverrides: 'no' } },
  { lies: ['overrideAdded'], found: { duplicateParameters: 'yes', responseOverrides: 'no' } },

  // What a PUT binds.
  { lies: ['lengthMore'], found: { signedLength: 'no' } },
  { lies: ['lengthMore', 'saysNo'], found: { signedLength: 'no' } },
  { lies: ['lengthLess'], found: { signedLength: 'no' } },
  { lies: ['lengthLess', 'saysNo'], found: { signedLength: 'no' } },
  { lies: ['lengthChunked'], found: { signedLength: 'no' } },
  { lies: ['lengthChunked', 'saysNo'], found: { signedLength: 'no' } },
  { lies: ['typeOther'], found: { signedType: 'no' } },
  { lies: ['typeOther', 'saysNo'], found: { signedType: 'no' } },
  { lies: ['typeMissing'], found: { signedType: 'no' } },
  { lies: ['typeGuessed'], found: { signedType: 'no' } },

  // What nobody signed.
  { lies: ['copyOnPut'], found: { unsignedCopySource: 'open' } },
  { lies: ['copyOnPut', 'saysNo'], found: { unsignedCopySource: 'open' } },
  { lies: ['copyOnPart'], found: { unsignedCopySource: 'open' } },
  { lies: ['copyOnPart', 'saysNo'], found: { unsignedCopySource: 'open' } },
  {
    lies: ['copyOnPart'],
    store: { intercept: refusingEmptyParts },
    found: { unsignedCopySource: 'open' },
    alone: true,
  },
  { lies: ['copyByUnderscores'], found: { unsignedCopySource: 'open' } },
  { lies: ['copyByUnderscoresOnPart'], found: { unsignedCopySource: 'open' } },
  { lies: ['copyOnPut', 'unsignedDropped'], found: {}, looks: ['unsignedCopySource'] },
  {
    lies: ['unsignedMetadata'],
    found: { unsignedHeaders: 'accept', fixedHeaders: PINS, 'x-amz-meta-added': 'effective' },
  },
  {
    lies: ['unsignedMetadata', 'saysNo'],
    found: { unsignedHeaders: 'accept', fixedHeaders: PINS, 'x-amz-meta-added': 'effective' },
  },
  { lies: ['unsignedMetadata', 'unsignedDropped'], found: { 'x-amz-meta-added': 'ignored' } },
  {
    lies: ['unsignedObjectMetadata'],
    found: { unsignedHeaders: 'accept', fixedHeaders: PINS, 'x-object-meta-added': 'effective' },
  },
  {
    lies: ['unsignedAcl'],
    found: {
      unsignedHeaders: 'reject-meta',
      fixedHeaders: PINS,
      'x-amz-acl': 'effective',
      'x-amz-grant-read': 'effective',
    },
  },
  {
    lies: ['unsignedAcl'],
    store: { intercept: refusingStrangers },
    found: {
      unsignedHeaders: 'reject-meta',
      fixedHeaders: PINS,
      'x-amz-acl': 'effective',
      'x-amz-grant-read': 'effective',
    },
    alone: true,
  },
  {
    lies: ['unsignedAcl', 'unsignedDropped'],
    found: { 'x-amz-acl': 'ignored', 'x-amz-grant-read': 'ignored' },
  },
  {
    lies: ['unsignedTagging'],
    found: { unsignedHeaders: 'reject-some', fixedHeaders: PINS, 'x-amz-tagging': 'effective' },
  },
  { lies: ['unsignedTagging', 'unsignedDropped'], found: { 'x-amz-tagging': 'ignored' } },
  {
    lies: ['unsignedStorageClass'],
    found: {
      unsignedHeaders: 'reject-some',
      fixedHeaders: PINS,
      'x-amz-storage-class': 'effective',
    },
  },
  {
    lies: ['unsignedRedirect'],
    found: {
      unsignedHeaders: 'reject-some',
      fixedHeaders: PINS,
      'x-amz-website-redirect-location': 'effective',
    },
  },
  {
    lies: ['unsignedLock'],
    found: {
      unsignedHeaders: 'reject-some',
      fixedHeaders: PINS,
      'x-amz-object-lock-mode': 'effective',
    },
  },
  {
    lies: ['unsignedOthers'],
    found: {
      unsignedHeaders: 'reject-some',
      fixedHeaders: PINS,
      'x-amz-server-side-encryption': 'effective',
    },
  },
  { lies: ['aclRefused'], found: { acl: 'no', pinnable: ['x-amz-storage-class: STANDARD'] } },
  { lies: ['storageClassRefused'], found: { pinnable: ['x-amz-acl: private'] } },

  // Conditions.
  { lies: ['writeOnceIgnored'], found: { writeOnce: 'ignored', writeOnceConflict: [] } },
  { lies: ['writeOnceIgnored', 'saysNo'], found: { writeOnce: 'ignored', writeOnceConflict: [] } },
  { lies: ['writeOnceRefused'], found: { writeOnce: 'refused', writeOnceConflict: [] } },
  { lies: ['writeOnceRaces'], found: { writeOnce: 'ignored' } },
  {
    lies: ['writeOnceVersions'],
    store: { versioned: true },
    found: { writeOnce: 'ignored', writeOnceConflict: [] },
  },
  { lies: ['writeOnceConflict'], found: { writeOnceConflict: [409] } },
  { lies: ['ifMatchIgnored'], found: { ifMatch: 'ignored' } },
  { lies: ['ifMatchRefused'], found: { ifMatch: 'refused' } },
  { lies: ['ifMatchBare'], found: { ifMatch: 'bare' } },

  // Bytes.
  {
    lies: ['sha256Ignored'],
    found: { checksumSha256: 'no', checksums: ['CRC64NVME', 'CRC32', 'CRC32C', 'SHA1'] },
  },
  {
    lies: ['sha256Ignored', 'payloadHashIgnored'],
    found: {
      checksumSha256: 'no',
      checksums: ['CRC64NVME', 'CRC32', 'CRC32C', 'SHA1'],
      payloadHash: 'no',
    },
  },
  { lies: ['sha1Ignored'], found: { checksums: ['CRC64NVME', 'CRC32', 'CRC32C', 'SHA256'] } },
  { lies: ['crc32Ignored'], found: { checksums: ['CRC64NVME', 'CRC32C', 'SHA1', 'SHA256'] } },
  { lies: ['crc32cIgnored'], found: { checksums: ['CRC64NVME', 'CRC32', 'SHA1', 'SHA256'] } },
  { lies: ['crc64Ignored'], found: { checksums: ['CRC32', 'CRC32C', 'SHA1', 'SHA256'] } },
  { lies: ['checksumsByQuery'], found: { checksumSha256: 'no', checksums: [] } },
  { lies: ['checksumsRefused'], found: { checksumSha256: 'no', checksums: [] } },
  { lies: ['md5Ignored'], found: { contentMd5: 'no' } },
  { lies: ['md5Ignored', 'saysNo'], found: { contentMd5: 'no' } },
  { lies: ['payloadHashIgnored'], found: { payloadHash: 'no' } },
  { lies: ['payloadHashIgnored', 'saysNo'], found: { payloadHash: 'no' } },
  { lies: ['payloadHashRefused'], found: { payloadHash: 'no' } },

  // What is kept, and how it comes back.
  {
    lies: ['overridesDropped'],
    found: { responseOverrides: 'no', extendedFilename: 'no', responseType: 'no' },
  },
  // Hides whether a type that came twice is honoured.
  { lies: ['overridesTypeDropped'], found: { responseType: 'no' }, alone: true },
  { lies: ['tagsDropped'], found: { tagging: 'no', multipartTagging: 'no' } },
  { lies: ['tagsRefused'], found: { tagging: 'no', multipartTagging: 'no' } },
  { lies: ['tagsHidden'], found: {}, looks: ['tagging', 'multipartTagging'] },
  { lies: ['tagsUncounted'], found: { multipartTagging: 'no' } },
  { lies: ['encryptionDropped'], found: { encryption: 'no' } },
  { lies: ['encryptionRefused'], found: { encryption: 'no' } },
  { lies: ['keysSlashes'], found: { keys: ['//'], brokenKeys: ['//'] } },
  { lies: ['keysComposed'], found: { keys: ['NFD'], brokenKeys: ['\u0301'] } },
  { lies: ['keysPlus'], found: { keys: ['+'], brokenKeys: ['+'] } },
  { lies: ['keysPercent'], found: { keys: ['%2F'], brokenKeys: ['%2F'] } },
  { lies: ['keysShort'], found: { keys: ['1024 bytes', 'segment of 300 bytes'] } },

  // Parts.
  { lies: ['partLength'], found: { signedPartLength: 'no', multipart: 'no' } },
  { lies: ['partLength', 'saysNo'], found: { signedPartLength: 'no', multipart: 'no' } },
  { lies: ['partsAfterAbort'], found: { multipart: 'no' } },
  { lies: ['partsListedAfterAbort'], found: { multipart: 'no' } },
  {
    lies: ['partsUnlisted'],
    alone: true,
    found: {
      multipart: 'no',
      writeOnceMultipart: 'no',
      multipartTagging: 'no',
    },
  },
  {
    lies: ['createRefused'],
    alone: true,
    found: {
      presignPart: 'no',
      signedPartLength: 'no',
      multipart: 'no',
      writeOnceMultipart: 'no',
      multipartTagging: 'no',
    },
  },
  { lies: ['completeOverwrites'], found: { writeOnceMultipart: 'no' } },
  { lies: ['completeOverwrites', 'saysNo'], found: { writeOnceMultipart: 'no' } },
  { lies: ['completeRefuses'], found: { writeOnceMultipart: 'no' } },
  {
    lies: ['completeNothing'],
    found: { multipart: 'no', writeOnceMultipart: 'no', multipartTagging: 'no' },
  },
  { lies: ['multipartTagsDropped'], found: { multipartTagging: 'no' } },

  // Forms.
  { lies: ['formsRefused'], found: NO_FORMS },
  { lies: ['formsUnlocked'], found: NO_FORMS },
  { lies: ['formsUnlocked', 'saysNo'], found: NO_FORMS },
  { lies: ['formTwice'], found: NO_FORMS },
  { lies: ['formExtraField'], found: NO_FORMS },
  { lies: ['formAcl'], found: NO_FORMS },
  { lies: ['formMetadata'], found: NO_FORMS },
  { lies: ['formType'], found: NO_FORMS },
  { lies: ['formKey'], found: NO_FORMS },
  { lies: ['formBucket'], found: NO_FORMS },
  { lies: ['formAbove'], found: NO_FORMS },
  { lies: ['formBelow'], found: NO_FORMS },
  { lies: ['formForged'], found: NO_FORMS },
  { lies: ['formExpired'], found: NO_FORMS },
  { lies: ['formMissing'], found: NO_FORMS },
  { lies: ['formStoresNothing'], found: NO_FORMS },
  { lies: ['formHeadersDropped'], found: { formHeaders: 'no' } },

  // Pages, clocks and lists.
  { lies: ['corsRefused'], found: { cors: 'no', corsExposesEtag: 'no' } },
  { lies: ['corsHeaders'], found: { cors: 'no', corsExposesEtag: 'no' } },
  { lies: ['corsMethods'], found: { cors: 'no', corsExposesEtag: 'no' } },
  { lies: ['corsUnexposed'], found: { corsExposesEtag: 'no' } },
  { lies: ['dateMissing'], found: { clockOffsetSeconds: undefined } },
  { lies: [], store: { dateAheadMs: 300_000 }, found: { clockOffsetSeconds: 300 } },
  { lies: [], store: { dateAheadMs: -900_000 }, found: { clockOffsetSeconds: -900 } },
]
