import { GatewayError } from '../errors.ts'
import type { Bucket } from './bucket.ts'
import type { Capabilities } from './capabilities.ts'
import type { GrantForm } from './choose-form.ts'
import { bindsContent } from './guarantees.ts'
import { placedKey } from './object-url.ts'
import { profileOf } from './profile-of.ts'
import { assertOutlasts } from './session-credential.ts'
import type { Store } from './store.ts'
import type { ObjectPlace } from './store-client.ts'
import { unpinnedAmzHeaders } from './unpinned-headers.ts'

/** What an upload asks of a store. */
export interface EnforceableUpload {
  readonly form: GrantForm
  /** Exact, or the upper bound of a form. */
  readonly sizeBytes: number
  readonly exactSize: boolean
  /** Whether an existing object may be replaced. */
  readonly overwrite: boolean
  /** Base64 of the SHA-256 of the whole object. */
  readonly sha256?: string | undefined
  /** Base64 of the MD5 of the whole object. */
  readonly md5?: string | undefined
  /** Whether parts come with SHA-256 values of their own. Default false. */
  readonly partSha256?: boolean
  /** Default: the bucket's own. */
  readonly expiresInSeconds?: number | undefined
  /** The time of a grant that is not reserved yet, in milliseconds. Default: ends are not looked at. */
  readonly nowMs?: number
  /** What the object is to have besides; absent: not asked for. */
  readonly bindings: {
    readonly storageClass?: string | undefined
    readonly tags?: boolean
    readonly encryption?: boolean
    /** Cache control, content encoding or disposition. */
    readonly headers?: boolean
  }
}

/** What a download asks of a store. */
export interface EnforceableDownload {
  readonly disposition: 'attachment' | 'inline'
  readonly filename?: string | undefined
  readonly expiresInSeconds: number
  /** The time of the grant, in milliseconds. */
  readonly nowMs: number
}

/**
 * Refuses an upload of which the store would not keep something that was asked for in this form, or
 * that would open more than it grants (`providers.md` section 4). Throws `UnsupportedByStore` with
 * the `capability`: `signatures`, `methodBound`, `expiry`, `customDomain`, `unsignedCopySource`, `signedLength`, `signedType`, `writeOnce`, `checksum`,
 * `maxPutBytes`, `unsignedHeaders`, `postPolicy`, `multipart`, `writeOnceMultipart`, `tagging`,
 * `multipartTagging`, `encryption`, `formHeaders`, `keys` or `maxExpires`; `StoreUnavailable` where the
 * session credential that signs would end before. How many parts there may be,
 * the plan of parts decides.
 */
export function assertUploadEnforceable(
  bucket: Bucket,
  place: ObjectPlace,
  wanted: EnforceableUpload,
): void {
  const { store } = place.placement
  const { capabilities } = store
  const { form, bindings } = wanted
  assertUrlsBound(store)
  // Only a policy has a range; a signed length is one size.
  if (!wanted.exactSize && form !== 'post') {
    throw unsupported('postPolicy', 'only a form can leave the size open')
  }
  if (form === 'put') assertPutEnforceable(bucket, store, wanted)
  if (form === 'post') assertPostEnforceable(bucket, capabilities, wanted)
  if (form === 'multipart') assertPartsEnforceable(bucket, store, wanted)
  if (form !== 'multipart' && wanted.sizeBytes > capabilities.maxPutBytes) {
    throw unsupported(
      'maxPutBytes',
      `one ${form.toUpperCase()} takes at most ${capabilities.maxPutBytes} bytes`,
    )
  }
  if (bindings.tags === true && capabilities.tagging !== 'yes') {
    throw unsupported('tagging', 'tags would not be kept')
  }
  if (bindings.encryption === true && capabilities.encryption !== 'yes') {
    throw unsupported('encryption', 'the encryption that was asked for would not be kept')
  }
  assertKeyKept(place)
  assertLifetime(store, 'write', {
    ...wanted,
    expiresInSeconds: wanted.expiresInSeconds ?? bucket.upload.expiresInSeconds,
  })
}

function assertPutEnforceable(bucket: Bucket, store: Store, wanted: EnforceableUpload): void {
  const { capabilities } = store
  assertNoCopy(store)
  assertSizeBound(capabilities)
  if (capabilities.signedType !== 'yes') {
    throw unsupported('signedType', 'the content type would not be enforced')
  }
  if (demandsWriteOnce(bucket, wanted) && capabilities.writeOnce !== 'if-none-match') {
    throw unsupported('writeOnce', 'an existing object would be overwritten')
  }
  if (wanted.sha256 !== undefined && !bindsContent(capabilities)) {
    throw unsupported('checksum', 'the checksum would not be enforced')
  }
  if (wanted.md5 !== undefined && capabilities.contentMd5 !== 'yes') {
    throw unsupported('contentMd5', 'the MD5 would not be enforced')
  }
  if (!bucket.upload.strictHeaders) return
  const addable = unpinnedAmzHeaders(capabilities, signedNames(wanted.bindings))
  if (addable.length === 0) return
  throw unsupported('unsignedHeaders', `whoever has the URL could add ${addable.join(', ')}`)
}

/** An open copy hole is no matter here: a policy names every field, and a form cannot copy. */
function assertPostEnforceable(
  bucket: Bucket,
  capabilities: Capabilities,
  wanted: EnforceableUpload,
): void {
  if (capabilities.postPolicy !== 'yes') {
    throw unsupported('postPolicy', 'the conditions of a form would not be enforced')
  }
  if (demandsWriteOnce(bucket, wanted)) {
    throw unsupported('writeOnce', 'a form cannot keep an existing object from being overwritten')
  }
  if (wanted.sha256 !== undefined || wanted.md5 !== undefined) {
    throw unsupported('checksum', 'a form does not bind its file to a checksum')
  }
  if (wanted.bindings.headers === true && capabilities.formHeaders !== 'yes') {
    throw unsupported(
      'formHeaders',
      'a form would not keep the cache control, encoding or disposition',
    )
  }
}

function assertPartsEnforceable(bucket: Bucket, store: Store, wanted: EnforceableUpload): void {
  const { capabilities } = store
  assertNoCopy(store)
  if (capabilities.multipart !== 'yes') {
    throw unsupported('multipart', 'it was not seen to take parts as they are signed')
  }
  assertSizeBound(capabilities)
  if (demandsWriteOnce(bucket, wanted) && capabilities.writeOnceMultipart !== 'yes') {
    throw unsupported('writeOnceMultipart', 'completing would overwrite an existing object')
  }
  if (wanted.sha256 !== undefined || wanted.md5 !== undefined) {
    throw unsupported('checksum', 'parts do not bind the checksum of the whole object')
  }
  if (wanted.partSha256 === true && !bindsContent(capabilities)) {
    throw unsupported('checksum', 'the checksums of parts would not be enforced')
  }
  if (wanted.bindings.tags === true && capabilities.multipartTagging !== 'yes') {
    throw unsupported('multipartTagging', 'tags would not be kept on an object of parts')
  }
}

/**
 * An open copy hole is harmless where the write credential was seen not to read; the operator's
 * override counts as well.
 */
function assertNoCopy({ capabilities, allowReadableWriteCredential }: Store): void {
  const copies =
    capabilities.unsignedCopySource !== 'closed' && capabilities.writeCredentialReads !== 'no'
  if (!copies || allowReadableWriteCredential) return
  throw unsupported('unsignedCopySource', 'an upload URL could copy what its credential may read')
}

function assertSizeBound({ signedLength }: Capabilities): void {
  if (signedLength === 'yes') return
  throw unsupported('signedLength', 'the size would not be enforced')
}

function demandsWriteOnce({ upload }: Bucket, { overwrite }: EnforceableUpload): boolean {
  return upload.writeOnce === true && !overwrite
}

function signedNames({ storageClass, tags, encryption }: EnforceableUpload['bindings']): string[] {
  return [
    ...(storageClass === undefined ? [] : ['x-amz-storage-class']),
    ...(tags === true ? ['x-amz-tagging'] : []),
    ...(encryption === true ? ['x-amz-server-side-encryption'] : []),
  ]
}

/**
 * Refuses a GET whose disposition the store would drop, where that matters. Throws
 * `UnsupportedByStore` with the `capability`: `signatures`, `methodBound`, `expiry`, `customDomain`,
 * `responseOverrides`, `keys` or `maxExpires`; `StoreUnavailable` as for an upload.
 */
export function assertDownloadEnforceable(place: ObjectPlace, wanted: EnforceableDownload): void {
  const { store } = place.placement
  assertUrlsBound(store)
  const matters = wanted.disposition === 'attachment' || wanted.filename !== undefined
  if (matters && store.capabilities.responseOverrides !== 'yes') {
    throw unsupported('responseOverrides', 'the disposition would not be kept')
  }
  assertKeyKept(place)
  assertLifetime(store, 'read', wanted)
}

/**
 * Refuses where a signed URL was seen to open more than it names. What nobody has looked at passes:
 * every probe looks, and a start must not wait for one.
 */
function assertUrlsBound({
  capabilities,
  traits,
  provider,
  endpoint,
  publicEndpoint,
}: Store): void {
  for (const [capability, why] of URLS_BIND) {
    if (capabilities[capability] === 'no') throw unsupported(capability, why)
  }
  if (traits.customDomain !== 'no' || publicEndpoint === endpoint) return
  // What the profile knows was held against the configuration: the provider's other names are no harm.
  if (profileOf(provider)?.traits.customDomain === 'no') return
  throw unsupported('customDomain', 'URLs for its public endpoint do not work')
}

const URLS_BIND = [
  ['signatures', 'it takes requests that nobody signed'],
  ['methodBound', 'a URL works for other methods than its own'],
  ['expiry', 'a URL works after it has expired'],
] as const

function assertKeyKept(place: ObjectPlace): void {
  const key = placedKey(place)
  const broken = place.placement.store.capabilities.brokenKeys.find((part) => key.includes(part))
  if (broken !== undefined) throw unsupported('keys', `keys with "${broken}" are not kept`)
}

function assertLifetime(
  { capabilities, credentials }: Store,
  signs: 'write' | 'read',
  { nowMs, expiresInSeconds }: { readonly nowMs?: number; readonly expiresInSeconds: number },
): void {
  const { backdateSeconds, maxExpiresSeconds } = capabilities
  if (expiresInSeconds + backdateSeconds <= maxExpiresSeconds) {
    if (nowMs === undefined) return
    assertOutlasts(credentials[signs], (Math.floor(nowMs / 1000) + expiresInSeconds) * 1000)
    return
  }
  throw unsupported('maxExpires', `URLs live at most ${maxExpiresSeconds - backdateSeconds} s`)
}

function unsupported(capability: string, why: string): GatewayError {
  return new GatewayError('UnsupportedByStore', `Cannot sign for this store: ${why}`, {
    capability,
  })
}
