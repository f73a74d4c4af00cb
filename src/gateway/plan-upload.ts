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
import { contentDisposition } from '../signing/content-disposition.ts'
import { formKey } from '../signing/form-grant.ts'
import { type MultipartPlan, planMultipart } from '../signing/multipart-plan.ts'
import { type ObjectBindings, objectHeaders } from '../signing/object-headers.ts'
import type { Bucket } from '../stores/bucket.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import { chooseForm, type GrantForm } from '../stores/choose-form.ts'
import { assertUploadEnforceable } from '../stores/enforceable.ts'
import { type Guarantees, guaranteesOf } from '../stores/guarantees.ts'
import { placeNew } from '../stores/place-object.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { authorizeUpload, type UploadAllowance } from './authorize-upload.ts'
import type { GatewayContext } from './context.ts'
import { newUuid } from './ids.ts'
import { lastMomentOf, lifetimeOf } from './lifetime-of.ts'
import type { UploadNote } from './reservation-note.ts'
import { assertClockFits, type FitnessContext } from './store-fitness.ts'

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

/** An upload that policy and store allow; only the ledger has not been asked yet. */
export interface UploadPlan {
  readonly bucket: Bucket
  readonly allowance: UploadAllowance
  readonly place: ObjectPlace
  readonly form: GrantForm
  /** Of form "multipart". */
  readonly multipart?: MultipartPlan
  readonly contentType: string
  readonly bindings: ObjectBindings
  /** Of one URL or form. */
  readonly expiresInSeconds: number
  /** No grant may end later, in milliseconds: the caller's credential does. `Infinity`: no bound. */
  readonly endsByMs: number
  readonly writeOnce: boolean
  readonly guarantees: Guarantees
}

/** What planning needs of the gateway. */
export type PlanContext = Pick<GatewayContext, 'config' | 'random'> & FitnessContext

/**
 * Decides all that needs neither ledger nor store. Throws, in this order: `InvalidRequest` or
 * `InvalidKey` for what is malformed, `AccessDenied`, `InvalidKey`, `EntityTooLarge`,
 * `UnsupportedMediaType`, `UnsupportedByStore`, and `StoreUnavailable` for a clock that is far off.
 */
export function planUpload(
  context: PlanContext,
  principal: Principal,
  wanted: WantedUpload,
): UploadPlan {
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
  const place = placeNew(bucket, key)
  const { capabilities } = place.placement.store
  const bindings = bindingsOf(wanted, bucket)
  const mode = allowance.partsOnly ? 'multipart' : wanted.mode
  const form = chooseForm(bucket, capabilities, { ...wanted, mode })
  const chosen = { bucket, place, form, bindings }
  assertFormEnforceable(chosen, wanted, nowMs)
  const writeOnce = !wanted.overwrite && keepsWriteOnce(bucket, capabilities, form)
  const multipart = form === 'multipart' ? planMultipart(capabilities, sizeBytes) : undefined
  assertClockFits(context, place.placement)
  return {
    ...chosen,
    allowance,
    ...(multipart !== undefined && { multipart }),
    contentType: contentType.text,
    expiresInSeconds,
    endsByMs: lastMomentOf(principal, rules),
    writeOnce,
    guarantees: guaranteesOfForm({ ...chosen, writeOnce }, wanted),
  }
}

/**
 * The plan by which an upload was reserved, from one that was made for the same request now: a probe, a
 * threshold or another gateway may choose another form today, but what is signed has to be what the
 * reservation waits for. Says nothing on whether the store still keeps it: `assertFormEnforceable` does.
 * Throws `AccessDenied` where parts are all that is allowed any more.
 */
export function planAsReserved(
  plan: UploadPlan,
  wanted: WantedUpload,
  { multipart, post, writeOnce: partsAreOnce }: UploadNote,
): UploadPlan {
  const { multipart: _, ...common } = plan
  const { bucket, place } = plan
  const put = post === true ? 'post' : 'put'
  const form = multipart === undefined ? put : 'multipart'
  if (form !== 'multipart' && plan.allowance.partsOnly) throw accessDenied()
  // Of parts it is the gateway's own Complete that keeps it, by what was recorded.
  const writeOnce =
    form === 'multipart'
      ? partsAreOnce === true
      : !wanted.overwrite && keepsWriteOnce(bucket, place.placement.store.capabilities, form)
  const reserved = {
    ...common,
    form,
    writeOnce,
    ...(multipart !== undefined && { multipart }),
  } as const
  return { ...reserved, guarantees: guaranteesOfForm(reserved, wanted) }
}

/** Whether the store has to be asked before this upload can be granted. */
export function asksStore(
  { form }: Pick<UploadPlan, 'form'>,
  { overwrite }: WantedUpload,
): boolean {
  return form === 'multipart' || overwrite
}

type ChosenForm = Pick<UploadPlan, 'bucket' | 'place' | 'form' | 'bindings'>

/**
 * Passes what the store keeps of an upload in this form; `nowMs` of one that is not reserved yet. Throws
 * `UnsupportedByStore`, `InvalidKey`, `StoreUnavailable`.
 */
export function assertFormEnforceable(
  { bucket, place, form, bindings }: ChosenForm,
  wanted: WantedUpload,
  nowMs?: number,
): void {
  if (form === 'post') formKey(place)
  const exactSize = wanted.atMost !== true
  const partSha256 = wanted.partChecksums === true
  const asked = {
    ...wanted,
    form,
    exactSize,
    partSha256,
    bindings: askedOf(bindings),
    ...(nowMs !== undefined && { nowMs }),
  }
  assertUploadEnforceable(bucket, place, asked)
}

function guaranteesOfForm(
  { place, form, bindings, writeOnce }: ChosenForm & Pick<UploadPlan, 'writeOnce'>,
  wanted: WantedUpload,
): Guarantees {
  const { capabilities } = place.placement.store
  return guaranteesOf(capabilities, {
    form,
    exactSize: wanted.atMost !== true,
    writeOnce,
    sha256: wanted.sha256 !== undefined || wanted.partChecksums === true,
    md5: wanted.md5 !== undefined,
    signed: signedNames(capabilities, wanted, bindings),
  })
}

/** What is signed about the object beside its type and metadata. */
function bindingsOf(wanted: WantedUpload, { upload }: Bucket): ObjectBindings {
  const { cacheControl, contentEncoding, disposition, filename, storageClass, tags } = wanted
  const algorithm = wanted.encryption ?? upload.encryption.default
  const { kmsKeyId } = upload.encryption
  const keyId = algorithm === 'aws:kms' && kmsKeyId !== undefined ? { kmsKeyId } : {}
  return {
    ...(cacheControl !== undefined && { cacheControl }),
    ...(contentEncoding !== undefined && { contentEncoding }),
    ...(disposition !== undefined && {
      contentDisposition: contentDisposition(disposition, filename),
    }),
    ...(storageClass !== undefined && { storageClass }),
    ...(tags !== undefined && tags.size > 0 && { tags }),
    ...(algorithm !== undefined && { encryption: { algorithm, ...keyId } }),
  }
}

/** Whether an existing object is safe from this form of upload. */
function keepsWriteOnce(
  { upload }: Bucket,
  { writeOnce, writeOnceMultipart }: Capabilities,
  form: GrantForm,
): boolean {
  if (upload.writeOnce === false || form === 'post') return false
  return form === 'multipart' ? writeOnceMultipart === 'yes' : writeOnce === 'if-none-match'
}

/** Names of the headers that are signed for the object, so that nobody can add or change them. */
function signedNames(
  { maxMetadataValueBytes }: Capabilities,
  { contentType, metadata }: WantedUpload,
  bindings: ObjectBindings,
): Iterable<string> {
  const object = { contentType, metadata, ticket: '', bindings }
  return objectHeaders({ fixedHeaders: {}, maxMetadataValueBytes }, object).keys()
}

function askedOf({ storageClass, tags, encryption, ...headers }: ObjectBindings) {
  return {
    storageClass,
    tags: tags !== undefined,
    encryption: encryption !== undefined,
    headers: Object.keys(headers).length > 0,
  }
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
