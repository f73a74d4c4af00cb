import type { ObjectKey } from '../object-key.ts'
import { accessDenied } from '../policy/authorize.ts'
import { contentDisposition } from '../signing/content-disposition.ts'
import { formKey } from '../signing/form-grant.ts'
import { type MultipartPlan, planMultipart } from '../signing/multipart-plan.ts'
import { type ObjectBindings, objectHeaders } from '../signing/object-headers.ts'
import type { Bucket } from '../stores/bucket.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import { chooseForm, type GrantForm } from '../stores/choose-form.ts'
import { assertUploadEnforceable } from '../stores/enforceable.ts'
import { type Guarantees, guaranteesOf } from '../stores/guarantees.ts'
import { placeAt } from '../stores/place-object.ts'
import type { ObjectToPlace } from '../stores/placement-order.ts'
import type { Placement } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { UploadAllowance } from './authorize-upload.ts'
import { isWriteOnceAt, type PlacingContext } from './choose-placement.ts'
import type { WantedUpload } from './plan-upload.ts'
import type { UploadNote } from './reservation-note.ts'
import { assertClockFits, type FitnessContext } from './store-fitness.ts'

/** An upload that policy and store allow; only the ledger has not been asked yet. */
export interface UploadPlan {
  readonly bucket: Bucket
  /** What its placement was chosen by. */
  readonly object: ObjectToPlace
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

/** What is decided about an upload before its placement is. */
export type UnplacedPlan = Pick<
  UploadPlan,
  'bucket' | 'object' | 'allowance' | 'contentType' | 'expiresInSeconds' | 'endsByMs'
>

/**
 * Decides what hangs on the store. Throws `UnsupportedByStore`, `InvalidKey`, `EntityTooLarge`, and
 * `StoreUnavailable` for a clock that is far off.
 */
export function planAtPlacement(
  context: FitnessContext & Pick<PlacingContext, 'hashing'>,
  wanted: WantedUpload,
  {
    key,
    placement,
    nowMs,
    ...common
  }: UnplacedPlan & {
    readonly key: ObjectKey
    readonly placement: Placement
    readonly nowMs: number
  },
): UploadPlan {
  const { bucket, allowance } = common
  const place = placeAt(placement, key)
  const { capabilities } = placement.store
  const bindings = bindingsOf(wanted, bucket)
  const mode = allowance.partsOnly ? 'multipart' : wanted.mode
  const form = chooseForm(bucket, capabilities, { ...wanted, mode })
  const plan = { ...common, place, form, bindings }
  assertFormEnforceable(plan, wanted, nowMs)
  const writeOnce = !wanted.overwrite && keepsWriteOnce(bucket, capabilities, form)
  const multipart = form === 'multipart' ? planMultipart(capabilities, wanted.sizeBytes) : undefined
  assertClockFits(context, placement)
  return {
    ...plan,
    ...(multipart !== undefined && { multipart }),
    writeOnce,
    guarantees: guaranteesOfForm(context, { ...plan, writeOnce }, wanted),
  }
}

/**
 * The plan by which an upload was reserved, from one that was made for the same request now: a probe, a
 * threshold or another gateway may choose another form today, but what is signed has to be what the
 * reservation waits for. Says nothing on whether the store still keeps it: `assertFormEnforceable` does.
 * Throws `AccessDenied` where parts are all that is allowed any more.
 */
export function planAsReserved(
  context: Pick<PlacingContext, 'hashing'>,
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
  return { ...reserved, guarantees: guaranteesOfForm(context, reserved, wanted) }
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
  context: Pick<PlacingContext, 'hashing'>,
  {
    bucket,
    object,
    place: { placement },
    form,
    bindings,
    writeOnce,
  }: ChosenForm & Pick<UploadPlan, 'object' | 'writeOnce'>,
  wanted: WantedUpload,
): Guarantees {
  const { capabilities } = placement.store
  return guaranteesOf(capabilities, {
    form,
    exactSize: wanted.atMost !== true,
    // The condition is signed all the same: it keeps what the store can see.
    writeOnce: writeOnce && isWriteOnceAt(context, bucket, { object, placement }),
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
