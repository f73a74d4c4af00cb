import type { Principal } from '../auth/principal.ts'
import { toTimestamp } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { ObjectKey } from '../object-key.ts'
import { accessDenied, authorize } from '../policy/authorize.ts'
import { parseFilename } from '../signing/content-disposition.ts'
import { signGet } from '../signing/get-grant.ts'
import type { Grant } from '../signing/grant.ts'
import type { Bucket } from '../stores/bucket.ts'
import { assertDownloadEnforceable } from '../stores/enforceable.ts'
import { placeNew } from '../stores/place-object.ts'
import { actor, auditRefusal, keyHash, recordOrLog } from './audit-events.ts'
import { chargeRequests } from './charge-requests.ts'
import type { GatewayContext } from './context.ts'
import { lifetimeOf } from './plan-upload.ts'

/** A download as a caller wants it. */
export interface WantedDownload {
  readonly bucket: string
  readonly key: string
  readonly disposition?: 'attachment' | 'inline' | undefined
  readonly filename?: string | undefined
  readonly versionId?: string | undefined
  readonly expiresInSeconds?: number | undefined
}

export interface SignDownloadsRequest {
  readonly principal: Principal
  /** 1 to 1,000; all are signed or none. */
  readonly wanted: readonly [WantedDownload, ...WantedDownload[]]
  readonly requestId: string
}

interface PlannedDownload {
  readonly bucket: Bucket
  readonly key: ObjectKey
  readonly wanted: WantedDownload
  readonly expiresInSeconds: number
  readonly disposition: 'attachment' | 'inline'
}

/**
 * Signs GETs: each one authorised, all charged in one step, none signed when one is refused. Asks no
 * store. Throws `InvalidKey`, `AccessDenied`, `InvalidRequest`, `UnsupportedByStore`, `SlowDown`.
 */
export async function signDownloads(
  context: GatewayContext,
  { principal, wanted, requestId }: SignDownloadsRequest,
): Promise<readonly Grant[]> {
  const [first] = wanted
  try {
    // What is malformed is told first, so that it never depends on what the caller may do.
    const named = wanted.map((item) => ({ wanted: item, key: keyOf(item) }))
    const planned = named.map((item) => planDownload(context, principal, item))
    await chargeRequests(context, principal, planned.length)
    const nowMs = context.ledgerTime.nowMs()
    const grants = await Promise.all(planned.map((plan) => sign(context, plan, nowMs)))
    // Downloads stay open while the audit sink fails: they hold nothing.
    await Promise.all(
      planned.map(({ bucket, key }, index) => {
        context.telemetry.downloadGranted({ bucket: bucket.name })
        return recordOrLog(context, {
          event: 'download.granted',
          at: toTimestamp(context.clock.nowMs()),
          requestId,
          ...actor(principal),
          bucket: bucket.name,
          keyHash: keyHash(context.hashing, key.text),
          expiresAt: toTimestamp(grants[index]?.expiresAtMs ?? nowMs),
        })
      }),
    )
    return grants
  } catch (error) {
    auditRefusal(context, 'download.refused', { principal, requestId, wanted: first }, error)
    throw error
  }
}

function keyOf({ key, filename }: WantedDownload): ObjectKey {
  if (filename !== undefined) parseFilename(filename)
  return ObjectKey.parse(key)
}

function planDownload(
  context: Pick<GatewayContext, 'config'>,
  principal: Principal,
  { wanted, key }: { wanted: WantedDownload; key: ObjectKey },
): PlannedDownload {
  authorize(principal, { operation: 'download', bucket: wanted.bucket, key })
  if (wanted.versionId !== undefined) {
    authorize(principal, { operation: 'versions', bucket: wanted.bucket, key })
  }
  const bucket = context.config.buckets.get(wanted.bucket)
  if (bucket === undefined) throw accessDenied()
  const disposition = wanted.disposition ?? 'attachment'
  if (disposition === 'inline' && bucket.download.disposition !== 'inline') {
    throw new GatewayError('AccessDenied', `Cannot sign inline: bucket "${bucket.name}" forbids it`)
  }
  const expiresInSeconds = lifetimeOf(wanted.expiresInSeconds, bucket.download)
  const place = placeNew(bucket, key)
  assertDownloadEnforceable(place, { disposition, filename: wanted.filename })
  return { bucket, key, wanted, expiresInSeconds, disposition }
}

async function sign(
  context: Pick<GatewayContext, 'presigner' | 'telemetry'>,
  { bucket, key, wanted, expiresInSeconds, disposition }: PlannedDownload,
  nowMs: number,
): Promise<Grant> {
  const place = placeNew(bucket, key)
  try {
    return await signGet(context.presigner, {
      place,
      disposition,
      ...(wanted.filename !== undefined && { filename: wanted.filename }),
      ...(wanted.versionId !== undefined && { versionId: wanted.versionId }),
      nowMs,
      expiresAtMs: Math.floor(nowMs / 1000) * 1000 + expiresInSeconds * 1000,
    })
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'InternalError') {
      context.telemetry.signerMisbehaved({ store: place.placement.store.name })
    }
    throw error
  }
}
