import type { Principal } from '../auth/principal.ts'
import { toTimestamp } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { accessDenied } from '../policy/authorize.ts'
import { invalidMember } from '../policy/invalid.ts'
import type { PartGrant } from '../signing/part-grants.ts'
import { assertUploadEnforceable } from '../stores/enforceable.ts'
import { actor, auditRefusal, keyHash, ruleOf } from './audit-events.ts'
import { chargeRequests } from './charge-requests.ts'
import type { GatewayContext } from './context.ts'
import { partsHash } from './grant-hash.ts'
import { lastMomentOf, lifetimeOf } from './lifetime-of.ts'
import { signPlannedParts, type WantedPart } from './multipart-parts.ts'
import { isMade, type MadeMultipart } from './open-multipart.ts'
import { type OwnUpload, type OwnUploadToFinish, ownUploadToFinish } from './own-upload.ts'
import { placeOf } from './place-of.ts'
import { urlExpiryMs } from './reservation-note.ts'
import { assertClockFits, type FitnessContext } from './store-fitness.ts'
import { statusOf } from './upload-view.ts'

/** Which parts of which upload. */
export interface SignPartsRequest {
  readonly principal: Principal
  readonly uploadId: string
  readonly requestId: string
  /** 1 to 10,000 different ones. */
  readonly parts: readonly WantedPart[]
  /** Default: the bucket's. */
  readonly expiresInSeconds?: number | undefined
}

/** Part URLs, and when they end. */
export interface SignedParts {
  readonly parts: readonly PartGrant[]
  readonly expiresAtMs: number
}

/**
 * Signs parts of a multipart upload, the first time or again: what was reserved covers them however
 * often. Charged as one request; asks no store. Throws what `ownUploadToFinish` throws,
 * `UploadNotPending`, `InvalidRequest` for a number that was not planned and for a checksum that is
 * missing or not expected, `StoreUnavailable` for a store whose clock is far off and for a session
 * credential that ends before, `SlowDown`, `Overloaded`, `LedgerUnavailable`.
 */
export async function signMoreParts(
  context: GatewayContext,
  request: SignPartsRequest,
): Promise<SignedParts> {
  const { principal, uploadId, requestId } = request
  const own = await ownUploadToFinish(context, principal, uploadId)
  const { note } = own
  try {
    const multipart = pendingMultipart(own)
    assertPlanned(multipart, request.parts)
    const { expiresInSeconds, endsByMs } = assertStillAllowed(context, own, request)
    await chargeRequests(context, principal, 1)
    const nowMs = context.ledgerTime.nowMs()
    const endMs = urlExpiryMs(own.reservation.expMs, note.afterUrlMs)
    const urlEndMs = (Math.floor(nowMs / 1000) + expiresInSeconds) * 1000
    const expiresAtMs = Math.min(endMs, urlEndMs, endsByMs)
    if (expiresAtMs - nowMs < 1_000) throw notPending('its time is over')
    const parts = await signPlannedParts(context, {
      place: placeOf(context, note),
      multipart,
      sizeBytes: note.sizeBytes,
      parts: request.parts,
      nowMs,
      expiresAtMs,
    })
    await context.audit.append({
      event: 'upload.parts_granted',
      at: toTimestamp(context.clock.nowMs()),
      requestId,
      ...actor(principal),
      ...ruleOf(own.allowance),
      uploadId,
      bucket: note.bucket,
      keyHash: keyHash(context.hashing, note.key),
      parts: parts.length,
      grantHash: partsHash(context.hashing, parts),
      expiresAt: toTimestamp(expiresAtMs),
    })
    return { parts, expiresAtMs }
  } catch (error) {
    const wanted = { bucket: note.bucket }
    auditRefusal(context, 'upload.refused', { principal, requestId, wanted }, error)
    throw error
  }
}

/** The multipart upload behind an id, while parts of it may still be sent. */
function pendingMultipart({ reservation, note }: OwnUpload): MadeMultipart {
  const status = statusOf(reservation.state, note)
  if (note.multipart === undefined) {
    throw new GatewayError('InvalidRequest', 'Cannot sign parts: the upload is not of parts', {
      fields: [{ path: 'id', message: 'must be a multipart upload' }],
    })
  }
  if (status !== 'pending') throw notPending(`it is ${status}`)
  if (!isMade(note.multipart)) throw notPending('the store has not made it')
  return note.multipart
}

function assertPlanned(
  { partCount, checksums }: MadeMultipart,
  parts: readonly WantedPart[],
): void {
  for (const { partNumber, sha256 } of parts) {
    if (partNumber > partCount) {
      throw invalidMember('partNumbers', `must be at most ${partCount}, the upload's part count`)
    }
    if (checksums === true && sha256 === undefined) {
      throw invalidMember(
        'parts',
        'must each have a sha256: the upload was asked for with partChecksums',
      )
    }
    if (checksums !== true && sha256 !== undefined) {
      throw invalidMember(
        'parts',
        'must have no sha256: the upload was not asked for with partChecksums',
      )
    }
  }
}

/** What a probe has learnt meanwhile counts, as for a new upload. Answers how long the URLs may live. */
function assertStillAllowed(
  context: Pick<GatewayContext, 'config'> & FitnessContext,
  { note, allowance }: OwnUploadToFinish,
  { principal, expiresInSeconds: asked }: SignPartsRequest,
): { readonly expiresInSeconds: number; readonly endsByMs: number } {
  const bucket = context.config.buckets.get(note.bucket)
  if (bucket === undefined) throw accessDenied()
  const rules = bucket.upload
  const nowMs = context.ledgerTime.nowMs()
  const expiresInSeconds = lifetimeOf({ asked, rules, allowance, principal, nowMs })
  const place = placeOf(context, note)
  assertUploadEnforceable(bucket, place, {
    form: 'multipart',
    sizeBytes: note.sizeBytes,
    exactSize: true,
    // Whether an object may be replaced was decided when the upload was made.
    overwrite: true,
    partSha256: note.multipart?.checksums === true,
    expiresInSeconds,
    bindings: {},
  })
  assertClockFits(context, place.placement)
  return { expiresInSeconds, endsByMs: lastMomentOf(principal, rules) }
}

function notPending(why: string): GatewayError {
  return new GatewayError('UploadNotPending', `Cannot sign parts: ${why}`)
}
