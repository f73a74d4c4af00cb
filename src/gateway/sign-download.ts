import type { Principal } from '../auth/principal.ts'
import { toTimestamp } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { ObjectKey } from '../object-key.ts'
import { type Allowance, accessDenied, authorize, shorter } from '../policy/authorize.ts'
import { invalidMember } from '../policy/invalid.ts'
import { parseFilename } from '../signing/content-disposition.ts'
import { signGet } from '../signing/get-grant.ts'
import type { Grant } from '../signing/grant.ts'
import type { Bucket } from '../stores/bucket.ts'
import { assertDownloadEnforceable } from '../stores/enforceable.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { aboutItem } from './about-item.ts'
import { actor, auditRefusal, keyHash, recordOrLog } from './audit-events.ts'
import { chargeRequests } from './charge-requests.ts'
import type { GatewayContext } from './context.ts'
import { urlHash } from './grant-hash.ts'
import { lastMomentOf, lifetimeOf } from './lifetime-of.ts'
import { knownPlace, locateObject } from './locate-object.ts'
import { guardSigner } from './sign-upload.ts'
import { someAtATime } from './some-at-a-time.ts'
import { assertClockFits, type FitnessContext } from './store-fitness.ts'

/** A download as a caller wants it. */
export interface WantedDownload {
  readonly bucket: string
  readonly key: string
  readonly disposition?: 'attachment' | 'inline' | undefined
  readonly filename?: string | undefined
  readonly versionId?: string | undefined
  readonly expiresInSeconds?: number | undefined
  /** The URL stays the same for this long; 0: a new one each time. Default: the bucket's. */
  readonly stableForSeconds?: number | undefined
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
  /** Absent: a store has to be asked where it is. */
  readonly place: ObjectPlace | undefined
  /** The rule that allows it. */
  readonly rule: string
  readonly wanted: WantedDownload
  readonly expiresInSeconds: number
  readonly endsByMs: number
  readonly stableForSeconds: number
  readonly disposition: 'attachment' | 'inline'
}

type PlacedDownload = PlannedDownload & { readonly place: ObjectPlace }

/** Objects that one request looks for at once. */
const LOOKS_AT_ONCE = 16

/**
 * Signs GETs: each one authorised, all charged in one step, none signed when one is refused. Asks no
 * store but for objects that may be in one of several. Throws `InvalidKey`, `AccessDenied`,
 * `InvalidRequest`, `UnsupportedByStore`, `SlowDown`, and `StoreUnavailable` for a store whose clock is
 * far off, and where a session credential would end before the URL.
 */
export async function signDownloads(
  context: GatewayContext,
  { principal, wanted, requestId }: SignDownloadsRequest,
): Promise<readonly Grant[]> {
  const [first] = wanted
  try {
    // What is malformed is told first, so that it never depends on what the caller may do.
    const named = eachOf(wanted, (item) => ({ wanted: item, key: keyOf(item) }))
    const planned = eachOf(named, (item) => planDownload(context, principal, item))
    await chargeRequests(context, principal, planned.length)
    const placed = await placeAll(context, principal, planned)
    const nowMs = context.ledgerTime.nowMs()
    const grants = await Promise.all(placed.map((plan) => sign(context, plan, nowMs)))
    // Downloads stay open while the audit sink fails: they hold nothing.
    await Promise.all(
      planned.map(({ bucket, key, rule }, index) => {
        const grant = grants[index]
        context.telemetry.downloadGranted({ bucket: bucket.name })
        return recordOrLog(context, {
          event: 'download.granted',
          at: toTimestamp(context.clock.nowMs()),
          requestId,
          ...actor(principal),
          rule,
          bucket: bucket.name,
          keyHash: keyHash(context.hashing, key.text),
          ...(grant !== undefined && { grantHash: urlHash(context.hashing, grant) }),
          expiresAt: toTimestamp(grant?.expiresAtMs ?? nowMs),
        })
      }),
    )
    return grants
  } catch (error) {
    auditRefusal(context, 'download.refused', { principal, requestId, wanted: first }, error)
    throw error
  }
}

/** Does something for each; of several, an error names the one that it is about. */
function eachOf<Item, Result>(
  items: readonly Item[],
  plan: (item: Item, index: number) => Result,
): Result[] {
  return items.map((item, index) => {
    try {
      return plan(item, index)
    } catch (error) {
      throw items.length > 1 ? aboutItem(error, index) : error
    }
  })
}

function keyOf({ key, filename }: WantedDownload): ObjectKey {
  if (filename !== undefined) parseFilename(filename)
  return ObjectKey.parse(key)
}

function planDownload(
  context: Pick<GatewayContext, 'config' | 'hashing' | 'knownPlaces' | 'ledgerTime'> &
    FitnessContext,
  principal: Principal,
  { wanted, key }: { wanted: WantedDownload; key: ObjectKey },
): PlannedDownload {
  const allowance = authorizeDownload(principal, wanted, key)
  const bucket = context.config.buckets.get(wanted.bucket)
  if (bucket === undefined) throw accessDenied()
  const disposition = wanted.disposition ?? 'attachment'
  if (disposition === 'inline' && bucket.download.disposition !== 'inline') {
    throw new GatewayError('AccessDenied', `Cannot sign inline: bucket "${bucket.name}" forbids it`)
  }
  const asked = wanted.expiresInSeconds
  const nowMs = context.ledgerTime.nowMs()
  const rules = bucket.download
  const expiresInSeconds = lifetimeOf({ asked, rules, allowance, principal, nowMs })
  const terms = { disposition, filename: wanted.filename, expiresInSeconds, nowMs }
  const place = knownPlace(context, bucket, { key })
  if (place !== undefined) assertDownloadEnforceable(place, terms)
  const stableForSeconds = stabilityOf(wanted, bucket, expiresInSeconds)
  if (place !== undefined) assertClockFits(context, place.placement)
  const { rule } = allowance
  const endsByMs = lastMomentOf(principal, rules)
  const common = { bucket, key, place, rule, wanted, expiresInSeconds, endsByMs }
  return { ...common, stableForSeconds, disposition }
}

/** Where each one is: links for what is nowhere, or where nobody answers, are issued all the same. */
async function placeAll(
  context: GatewayContext,
  { tenant, region }: Principal,
  planned: readonly PlannedDownload[],
): Promise<readonly PlacedDownload[]> {
  const placed = await someAtATime(planned, LOOKS_AT_ONCE, async (plan) => {
    const { bucket, key, place, wanted } = plan
    if (place !== undefined) return { ...plan, place }
    const { versionId } = wanted
    const located = await locateObject(context, bucket, { tenant, region, key, versionId })
    return { ...plan, place: located.place }
  })
  const nowMs = context.ledgerTime.nowMs()
  eachOf(placed, ({ place, wanted: { filename }, disposition, expiresInSeconds }, index) => {
    if (planned[index]?.place !== undefined) return
    assertDownloadEnforceable(place, { disposition, filename, expiresInSeconds, nowMs })
    assertClockFits(context, place.placement)
  })
  return placed
}

function authorizeDownload(
  principal: Principal,
  { bucket, versionId }: WantedDownload,
  key: ObjectKey,
): Allowance {
  const allowance = authorize(principal, { operation: 'download', bucket, key })
  if (versionId === undefined) return allowance
  const versions = authorize(principal, { operation: 'versions', bucket, key })
  const seconds = shorter(allowance.expiresInSecondsMax, versions.expiresInSecondsMax)
  return { rule: allowance.rule, ...(seconds !== undefined && { expiresInSecondsMax: seconds }) }
}

/** The window is a part of the lifetime, so that a URL never lives longer than was asked for. */
function stabilityOf(
  { stableForSeconds: asked }: WantedDownload,
  { download }: Bucket,
  expiresInSeconds: number,
): number {
  if (asked !== undefined) {
    if (asked < expiresInSeconds) return asked
    throw invalidMember('stableForSeconds', `must be less than the lifetime, ${expiresInSeconds} s`)
  }
  // A caller who wants a short life alone gets it; the bucket's window would leave nothing of it.
  return download.stableForSeconds < expiresInSeconds ? download.stableForSeconds : 0
}

async function sign(
  context: Pick<GatewayContext, 'hashing' | 'presigner' | 'telemetry'>,
  planned: PlacedDownload,
  nowMs: number,
): Promise<Grant> {
  const { key, place, wanted, expiresInSeconds, stableForSeconds, disposition } = planned
  const second = Math.floor(nowMs / 1000)
  const issued =
    stableForSeconds === 0 ? second : windowStart(context, key, { second, stableForSeconds })
  return guardSigner(context, place, () =>
    signGet(context.presigner, {
      place,
      disposition,
      ...(wanted.filename !== undefined && { filename: wanted.filename }),
      ...(wanted.versionId !== undefined && { versionId: wanted.versionId }),
      nowMs: issued * 1000,
      expiresAtMs: Math.min((issued + expiresInSeconds) * 1000, planned.endsByMs),
    }),
  )
}

/** Windows of different keys begin at different times, or all caches would miss at once. */
function windowStart(
  { hashing }: Pick<GatewayContext, 'hashing'>,
  key: ObjectKey,
  { second, stableForSeconds }: { readonly second: number; readonly stableForSeconds: number },
): number {
  const digest = hashing.sha256(key.text)
  const shift = new DataView(digest.buffer, digest.byteOffset).getUint32(0) % stableForSeconds
  return Math.floor((second - shift) / stableForSeconds) * stableForSeconds + shift
}
