import type { EncryptionRules, UploadRules } from '../stores/bucket.ts'
import type { Store } from '../stores/store.ts'
import { unpinnedAmzHeaders } from '../stores/unpinned-headers.ts'
import { type Path, quote } from './problem.ts'
import type { Report } from './report.ts'
import type { BucketInput } from './schema-buckets.ts'

/** Where mode `auto` turns to parts when nobody has said so, in bytes. */
const DEFAULT_MULTIPART_THRESHOLD_BYTES = 64 * 2 ** 20

/** Headers that callers can have signed. */
const BOUND_HEADERS = ['x-amz-server-side-encryption', 'x-amz-storage-class', 'x-amz-tagging']

interface UploadScope {
  readonly lifetimes: Pick<UploadRules, 'expiresInSeconds' | 'expiresInSecondsMax'>
  /** The stores of all placements that could be read. */
  readonly stores: readonly Store[]
  readonly path: Path
  readonly report: Report
}

/** `buckets.*.upload`, held against what the bucket's stores keep. */
export function buildUpload(input: BucketInput['upload'], scope: UploadScope): UploadRules {
  const { writeOnce, contentTypes, storageClasses, tagKeys, ...upload } = input
  if (tagKeys.length > 0) checkKept('tagging', 'tagKeys', scope)
  const { encryption } = input
  if (encryption.default !== undefined || encryption.allowed.length > 0) {
    checkKept('encryption', 'encryption', scope)
  }
  checkLargest(input.maxSizeBytes, scope)
  if (input.strictHeaders) warnOfStrictHeaders(scope)
  return {
    ...upload,
    ...scope.lifetimes,
    contentTypes: new Set(contentTypes),
    writeOnce,
    multipartThresholdBytes: threshold(input.multipartThresholdBytes, scope),
    storageClasses: new Set(storageClasses),
    tagKeys: new Set(tagKeys),
    encryption: encryptionRules(encryption, scope),
  }
}

// What is not known yet is for the probe to find out.
function checkKept(
  capability: 'tagging' | 'encryption',
  member: string,
  { stores, path, report }: UploadScope,
): void {
  const dropping = stores.find(({ capabilities }) => capabilities[capability] === 'no')
  if (dropping === undefined) return
  const what = capability === 'tagging' ? 'no tags' : 'no encryption header'
  report.problem(
    [...path, member],
    `cannot be kept by store ${quote(dropping.name)}: it has ${what}`,
  )
}

// Without parts there is nothing above what the store takes in one PUT.
function checkLargest(maxSizeBytes: number, { stores, path, report }: UploadScope): void {
  for (const { name, capabilities } of stores) {
    const { multipart, maxPutBytes } = capabilities
    if (multipart !== 'no' || maxSizeBytes <= maxPutBytes) continue
    report.problem(
      [...path, 'maxSizeBytes'],
      `must be at most ${maxPutBytes}: store ${quote(name)} takes that in one PUT, and no parts`,
    )
  }
}

// A binding that is asked for pins its header; others can be pinned by the store's fixedHeaders alone.
function warnOfStrictHeaders({ stores, path, report }: UploadScope): void {
  for (const { name, capabilities } of stores) {
    if (capabilities.unsignedHeaders === 'probe') continue
    const [header] = unpinnedAmzHeaders(capabilities, BOUND_HEADERS)
    if (header === undefined) continue
    report.warn(
      [...path, 'strictHeaders'],
      `refuses every PUT to store ${quote(name)}, where ${header} can be added: only forms and parts are left`,
    )
  }
}

function threshold(asked: number | undefined, { stores, path, report }: UploadScope): number {
  const largest = Math.min(...stores.map(({ capabilities }) => capabilities.maxPutBytes))
  if (asked === undefined) return Math.min(DEFAULT_MULTIPART_THRESHOLD_BYTES, largest)
  if (asked > largest) {
    report.problem(
      [...path, 'multipartThresholdBytes'],
      `must be at most ${largest}, what its store takes in one PUT`,
    )
  }
  return asked
}

function encryptionRules(
  input: BucketInput['upload']['encryption'],
  { path, report }: UploadScope,
): EncryptionRules {
  const { kmsKeyId } = input
  const allowed = new Set(input.allowed)
  if (input.default !== undefined) {
    if (allowed.size > 0 && !allowed.has(input.default)) {
      report.problem([...path, 'encryption', 'default'], 'must be among allowed, or stand alone')
    }
    allowed.add(input.default)
  }
  if (kmsKeyId !== undefined && !allowed.has('aws:kms')) {
    report.problem([...path, 'encryption', 'kmsKeyId'], 'goes with aws:kms only')
  }
  return {
    ...(input.default !== undefined && { default: input.default }),
    allowed,
    ...(kmsKeyId !== undefined && { kmsKeyId }),
  }
}
