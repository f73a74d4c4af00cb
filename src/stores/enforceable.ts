import { GatewayError } from '../errors.ts'
import type { Bucket } from './bucket.ts'
import { bindsContent } from './guarantees.ts'
import { placedKey } from './object-url.ts'
import type { Store } from './store.ts'
import type { ObjectPlace } from './store-client.ts'

/** What an upload asks of a store. */
export interface EnforceableUpload {
  readonly sizeBytes: number
  /** Whether an existing object may be replaced. */
  readonly overwrite: boolean
  readonly sha256?: string | undefined
  /** Default: the bucket's own. */
  readonly expiresInSeconds?: number | undefined
}

/** What a download asks of a store. */
export interface EnforceableDownload {
  readonly disposition: 'attachment' | 'inline'
  readonly filename?: string | undefined
  readonly expiresInSeconds?: number | undefined
}

/**
 * Refuses a PUT of which the store would not keep something that was asked for, or that would open
 * more than it grants (`providers.md` section 4). Throws `UnsupportedByStore` with the `capability`:
 * `unsignedCopySource`, `signedLength`, `signedType`, `writeOnce`, `checksum`, `maxPutBytes`, `keys`
 * or `maxExpires`. An open copy hole is harmless where the write credential was seen
 * not to read; the operator's override counts as well.
 */
export function assertUploadEnforceable(
  bucket: Bucket,
  place: ObjectPlace,
  wanted: EnforceableUpload,
): void {
  const { store } = place.placement
  const { capabilities } = store
  const copies =
    capabilities.unsignedCopySource !== 'closed' && capabilities.writeCredentialReads !== 'no'
  if (copies && !store.allowReadableWriteCredential) {
    throw unsupported('unsignedCopySource', 'an upload URL could copy what its credential may read')
  }
  if (capabilities.signedLength !== 'yes') {
    throw unsupported('signedLength', 'the size would not be enforced')
  }
  if (capabilities.signedType !== 'yes') {
    throw unsupported('signedType', 'the content type would not be enforced')
  }
  const demanded = bucket.upload.writeOnce === true && !wanted.overwrite
  if (demanded && capabilities.writeOnce !== 'if-none-match') {
    throw unsupported('writeOnce', 'an existing object would be overwritten')
  }
  if (wanted.sha256 !== undefined && !bindsContent(capabilities)) {
    throw unsupported('checksum', 'the checksum would not be enforced')
  }
  if (wanted.sizeBytes > capabilities.maxPutBytes) {
    throw unsupported('maxPutBytes', `one PUT takes at most ${capabilities.maxPutBytes} bytes`)
  }
  assertKeyKept(place)
  assertLifetime(store, wanted.expiresInSeconds ?? bucket.upload.expiresInSeconds)
}

/**
 * Refuses a GET whose disposition the store would drop, where that matters. Throws
 * `UnsupportedByStore` with the `capability`: `responseOverrides`, `keys` or `maxExpires`.
 */
export function assertDownloadEnforceable(place: ObjectPlace, wanted: EnforceableDownload): void {
  const { store } = place.placement
  const matters = wanted.disposition === 'attachment' || wanted.filename !== undefined
  if (matters && store.capabilities.responseOverrides !== 'yes') {
    throw unsupported('responseOverrides', 'the disposition would not be kept')
  }
  assertKeyKept(place)
  if (wanted.expiresInSeconds !== undefined) assertLifetime(store, wanted.expiresInSeconds)
}

function assertKeyKept(place: ObjectPlace): void {
  const key = placedKey(place)
  const broken = place.placement.store.capabilities.brokenKeys.find((part) => key.includes(part))
  if (broken !== undefined) throw unsupported('keys', `keys with "${broken}" are not kept`)
}

function assertLifetime({ capabilities }: Store, expiresInSeconds: number): void {
  const { backdateSeconds, maxExpiresSeconds } = capabilities
  if (expiresInSeconds + backdateSeconds <= maxExpiresSeconds) return
  throw unsupported('maxExpires', `URLs live at most ${maxExpiresSeconds - backdateSeconds} s`)
}

function unsupported(capability: string, why: string): GatewayError {
  return new GatewayError('UnsupportedByStore', `Cannot sign for this store: ${why}`, {
    capability,
  })
}
