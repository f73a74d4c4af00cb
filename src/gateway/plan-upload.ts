import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import { ObjectKey } from '../object-key.ts'
import { accessDenied, authorize } from '../policy/authorize.ts'
import { acceptContentType } from '../policy/content-type.ts'
import { acceptFilename } from '../policy/filename.ts'
import { renderKey } from '../policy/key-space.ts'
import { acceptMetadata, acceptSize } from '../policy/upload-request.ts'
import type { Bucket } from '../stores/bucket.ts'
import { assertUploadEnforceable } from '../stores/enforceable.ts'
import { type Guarantees, guaranteesOf } from '../stores/guarantees.ts'
import { placeNew } from '../stores/place-object.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import { newUuid } from './ids.ts'

/** What the sealed ticket takes of the 2 KiB of metadata, its name included. */
const TICKET_METADATA_BYTES = 1_030

/** An upload as a caller wants it; absent members are undefined. */
export interface WantedUpload {
  readonly bucket: string
  readonly key?: string | undefined
  readonly filename?: string | undefined
  readonly sizeBytes: number
  readonly contentType: string
  /** Base64 of 32 bytes. */
  readonly sha256?: string | undefined
  readonly metadata: ReadonlyMap<string, string>
  readonly mode: 'auto' | 'put' | 'post' | 'multipart'
  readonly overwrite: boolean
  readonly expiresInSeconds?: number | undefined
}

/** An upload that policy and store allow; only the ledger has not been asked yet. */
export interface UploadPlan {
  readonly bucket: Bucket
  readonly place: ObjectPlace
  readonly contentType: string
  readonly expiresInSeconds: number
  readonly writeOnce: boolean
  readonly guarantees: Guarantees
}

/**
 * Decides all that needs neither ledger nor store. Throws, in this order: `AccessDenied`,
 * `InvalidKey`, `EntityTooLarge`, `InvalidRequest` or `UnsupportedMediaType`, `UnsupportedByStore`.
 */
export function planUpload(
  context: Pick<GatewayContext, 'config' | 'ledgerTime' | 'random'>,
  principal: Principal,
  wanted: WantedUpload,
): UploadPlan {
  // What is malformed is told first, so that it never depends on what the caller may do.
  if (wanted.key !== undefined) ObjectKey.parse(wanted.key)
  if (wanted.filename !== undefined) acceptFilename(wanted.filename)
  acceptMetadata(wanted.metadata, { reservedBytes: TICKET_METADATA_BYTES })
  const bucket = reachableBucket(context, principal, wanted)
  const key = renderKey(bucket.keys, {
    principal,
    wantedKey: wanted.key,
    filename: wanted.filename,
    date: new Date(context.ledgerTime.nowMs()).toISOString().slice(0, 10),
    uuid: newUuid(context.random),
  })
  const { sizeBytes } = wanted
  const contentType = acceptContentType(wanted.contentType, bucket.upload.contentTypes)
  authorizeUpload(principal, wanted, key, contentType.essence)
  acceptSize(sizeBytes, bucket)
  const place = placeNew(bucket, key)
  const { capabilities } = place.placement.store
  assertModeOffered(wanted.mode)
  assertUploadEnforceable(bucket, place, {
    ...wanted,
    form: 'put',
    exactSize: true,
    bindings: {},
  })
  const writeOnce =
    !wanted.overwrite &&
    bucket.upload.writeOnce !== false &&
    capabilities.writeOnce === 'if-none-match'
  return {
    bucket,
    place,
    contentType: contentType.text,
    expiresInSeconds: lifetimeOf(wanted.expiresInSeconds, bucket.upload),
    writeOnce,
    guarantees: guaranteesOf(capabilities, {
      form: 'put',
      exactSize: true,
      writeOnce,
      sha256: wanted.sha256 !== undefined,
    }),
  }
}

/** The asked lifetime of a grant, or the bucket's default. Throws `InvalidRequest` above the cap. */
export function lifetimeOf(
  asked: number | undefined,
  rules: { expiresInSeconds: number; expiresInSecondsMax: number },
): number {
  if (asked === undefined) return rules.expiresInSeconds
  if (asked <= rules.expiresInSecondsMax) return asked
  const message = `is above the bucket's maximum of ${rules.expiresInSecondsMax}`
  throw new GatewayError('InvalidRequest', `Cannot sign for ${asked} s: it ${message}`, {
    fields: [{ path: 'expiresInSeconds', message }],
  })
}

/** One PUT is all that is offered so far; a caller who asks for another form gets no weaker one. */
function assertModeOffered(mode: WantedUpload['mode']): void {
  if (mode === 'auto' || mode === 'put') return
  const capability = mode === 'post' ? 'postPolicy' : 'multipart'
  throw new GatewayError(
    'UnsupportedByStore',
    `Cannot sign mode "${mode}": this gateway does not offer it yet`,
    { capability },
  )
}

/** A bucket that this caller may use for `operation`: unknown and forbidden look the same. */
function reachableBucket(
  context: Pick<GatewayContext, 'config'>,
  principal: Principal,
  wanted: WantedUpload,
): Bucket {
  authorize(principal, { operation: 'upload', bucket: wanted.bucket })
  if (wanted.overwrite) authorize(principal, { operation: 'overwrite', bucket: wanted.bucket })
  const bucket = context.config.buckets.get(wanted.bucket)
  if (bucket === undefined) throw accessDenied()
  return bucket
}

function authorizeUpload(
  principal: Principal,
  wanted: WantedUpload,
  key: ObjectKey,
  contentType: string,
): void {
  const { bucket, sizeBytes } = wanted
  authorize(principal, { operation: 'upload', bucket, key, sizeBytes, contentType })
  if (wanted.overwrite) authorize(principal, { operation: 'overwrite', bucket, key })
}
