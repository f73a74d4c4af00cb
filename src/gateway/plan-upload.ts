import type { Principal } from '../auth/principal.ts'
import { toTimestamp } from '../clock.ts'
import { ObjectKey } from '../object-key.ts'
import { accessDenied } from '../policy/authorize.ts'
import { acceptContentType } from '../policy/content-type.ts'
import { acceptFilename } from '../policy/filename.ts'
import { renderKey } from '../policy/key-space.ts'
import {
  assertWellFormedSettings,
  authorizeSettings,
  type WantedSettings,
} from '../policy/object-settings.ts'
import { acceptMetadata, acceptSize } from '../policy/upload-request.ts'
import type { Bucket } from '../stores/bucket.ts'
import type { GrantForm } from '../stores/choose-form.ts'
import type { Placement } from '../stores/store.ts'
import { authorizeUpload } from './authorize-upload.ts'
import { ANY_ROOM, noRoom, type PlacingContext, planAtBest } from './choose-placement.ts'
import type { GatewayContext } from './context.ts'
import type { KnownRoom } from './find-room.ts'
import { newUuid } from './ids.ts'
import { lastMomentOf, lifetimeOf } from './lifetime-of.ts'
import { planAtPlacement, type UnplacedPlan, type UploadPlan } from './plan-at-placement.ts'
import type { FitnessContext } from './store-fitness.ts'

/** What the sealed ticket takes of the 2 KiB of metadata, its name included. */
const TICKET_METADATA_BYTES = 1_030

/** An upload as a caller wants it; absent members are undefined. */
export interface WantedUpload extends WantedSettings {
  readonly bucket: string
  readonly key?: string | undefined
  readonly filename?: string | undefined
  /** What is reserved: the exact size, or the most that a form takes. */
  readonly sizeBytes: number
  /** `sizeBytes` is an upper bound (`maxSizeBytes`, mode "post"). */
  readonly atMost?: boolean | undefined
  readonly contentType: string
  /** Base64 of 32 bytes. */
  readonly sha256?: string | undefined
  /** Base64 of 16 bytes: for stores that check no SHA-256. */
  readonly md5?: string | undefined
  /** Every part will come with its SHA-256; mode "multipart". */
  readonly partChecksums?: boolean | undefined
  readonly metadata: ReadonlyMap<string, string>
  readonly mode: 'auto' | GrantForm
  readonly overwrite: boolean
  readonly expiresInSeconds?: number | undefined
}

/** What planning needs of the gateway. */
export type PlanContext = Pick<GatewayContext, 'config' | 'random'> &
  FitnessContext &
  PlacingContext

/** What is known beforehand of where an upload goes. */
export interface Placing {
  /** There, whatever else could be chosen: the object that it replaces is there. */
  readonly at?: Placement | undefined
  /** Default: nothing is known of it. */
  readonly room?: KnownRoom
}

/**
 * Decides all that needs neither ledger nor store. Throws what `planUnplaced` throws, and then what `planAtBest`
 * throws: `UnsupportedByStore`, `InsufficientStorage`, `StoreUnavailable`, also for a clock that is far off.
 */
export function planUpload(
  context: PlanContext,
  principal: Principal,
  wanted: WantedUpload,
  { at, room = ANY_ROOM }: Placing = {},
): UploadPlan {
  const unplaced = planUnplaced(context, principal, wanted)
  const { bucket, object } = unplaced
  const planAt = (placement: Placement) =>
    planAtPlacement(context, wanted, { ...unplaced, placement })
  if (at === undefined) return planAtBest(context, bucket, { object, room, planAt })
  if (room.full.has(at.store.name)) throw noRoom(room)
  return planAt(at)
}

/**
 * Decides what is the same wherever the object goes. Throws, in this order: `InvalidRequest` or `InvalidKey` for
 * what is malformed, `AccessDenied`, `InvalidKey`, `EntityTooLarge`, `UnsupportedMediaType`.
 */
export function planUnplaced(
  context: Pick<PlanContext, 'config' | 'random' | 'ledgerTime'>,
  principal: Principal,
  wanted: WantedUpload,
): UnplacedPlan & { readonly key: ObjectKey; readonly nowMs: number } {
  // What is malformed is told first, so that it never depends on what the caller may do.
  if (wanted.key !== undefined) ObjectKey.parse(wanted.key)
  if (wanted.filename !== undefined) acceptFilename(wanted.filename)
  acceptMetadata(wanted.metadata, { reservedBytes: TICKET_METADATA_BYTES })
  assertWellFormedSettings(wanted)
  const bucket = reachableBucket(context, principal, wanted)
  const key = renderKey(bucket.keys, {
    principal,
    wantedKey: wanted.key,
    filename: wanted.filename,
    date: toTimestamp(context.ledgerTime.nowMs()).slice(0, 10),
    uuid: newUuid(context.random),
  })
  const { sizeBytes } = wanted
  const contentType = acceptContentType(wanted.contentType, bucket.upload.contentTypes)
  const access = { ...wanted, contentType: contentType.essence }
  const allowance = authorizeUpload(principal, access, key)
  authorizeSettings(wanted, bucket)
  acceptSize(sizeBytes, bucket)
  const asked = wanted.expiresInSeconds
  const nowMs = context.ledgerTime.nowMs()
  const rules = bucket.upload
  const expiresInSeconds = lifetimeOf({ asked, rules, allowance, principal, nowMs })
  const object = {
    tenant: principal.tenant,
    region: principal.region,
    key: key.text,
    contentType: contentType.essence,
    sizeBytes,
  }
  return {
    bucket,
    object,
    key,
    nowMs,
    allowance,
    contentType: contentType.text,
    expiresInSeconds,
    endsByMs: lastMomentOf(principal, rules),
  }
}

/** Whether the store has to be asked before this upload can be granted. */
export function asksStore(
  { form }: Pick<UploadPlan, 'form'>,
  { overwrite }: WantedUpload,
): boolean {
  return form === 'multipart' || overwrite
}

/** A bucket that this caller may use for `operation`: unknown and forbidden look the same. */
function reachableBucket(
  context: Pick<GatewayContext, 'config'>,
  principal: Principal,
  wanted: WantedUpload,
): Bucket {
  const { bucket: name, mode, overwrite } = wanted
  authorizeUpload(principal, { bucket: name, mode, overwrite })
  const bucket = context.config.buckets.get(name)
  if (bucket === undefined) throw accessDenied()
  return bucket
}
