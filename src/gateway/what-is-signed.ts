import { GatewayError } from '../errors.ts'
import { ObjectKey } from '../object-key.ts'
import type { Bucket } from '../stores/bucket.ts'
import type { GrantForm } from '../stores/choose-form.ts'
import { assertDownloadEnforceable, assertUploadEnforceable } from '../stores/enforceable.ts'
import { type Guarantees, guaranteesOf } from '../stores/guarantees.ts'
import { mayReplaceUnsaid } from '../stores/replaceable.ts'
import type { Placement } from '../stores/store.ts'
import type { GatewayContext } from './context.ts'

/** A way in or out, as a plain request of it is answered. */
export type Signed =
  | { readonly signed: true; readonly guarantees?: Guarantees }
  /** 422: the capability that is missing, and the refusal's own words. */
  | { readonly signed: false; readonly capability: string; readonly detail: string }

/** What can be had of a gateway bucket as its store is known now. */
export interface WhatIsSigned {
  /** Gateway bucket name. */
  readonly bucket: string
  readonly put: Signed
  readonly post: Signed
  readonly multipart: Signed
  readonly download: Signed
}

const FORMS = ['put', 'post', 'multipart'] as const
const KEY = ObjectKey.parse('key')

/** A gateway bucket, and its placement at the place that is looked at. */
interface BucketHere {
  readonly bucket: Bucket
  readonly placement: Placement
}

/**
 * What is signed for every gateway bucket that has a placement at this place, when nothing special is
 * asked for: an object of one byte, with no checksum, tag or class. A placement's own terms are not looked at.
 */
export function whatIsSigned(
  context: Pick<GatewayContext, 'clock' | 'config'>,
  placement: Placement,
): readonly WhatIsSigned[] {
  const nowMs = context.clock.nowMs()
  return bucketsHere(context, placement).map((here) => signedHere(here, nowMs))
}

function signedHere(here: BucketHere, nowMs: number): WhatIsSigned {
  return {
    bucket: here.bucket.name,
    put: uploadBy('put', here, nowMs),
    post: uploadBy('post', here, nowMs),
    multipart: uploadBy('multipart', here, nowMs),
    download: download(here, nowMs),
  }
}

/**
 * Tells the log what an operator should know of a store before callers do: buckets into which nothing can
 * be uploaded, or nothing at this one of their placements, or from which nothing can be had, buckets where uploads
 * may replace each other although nobody said so, and an open copy hole, refused or allowed.
 */
export function tellTroubles(
  context: Pick<GatewayContext, 'clock' | 'config' | 'log'>,
  placement: Placement,
): void {
  const { clock, log } = context
  const nowMs = clock.nowMs()
  const store = placement.store.name
  const buckets = bucketsHere(context, placement)
  for (const here of buckets) {
    const { bucket, ...signed } = signedHere(here, nowMs)
    if (here.placement.weight !== 0 && !takesUploads(signed)) {
      const refused = FORMS.map((form) => signed[form]).filter((each) => !each.signed)
      const capabilities = [...new Set(refused.map(({ capability }) => capability))]
      if (othersTakeUploads(here, nowMs)) {
        log.warn('placement.takes_no_uploads', { bucket, store, capabilities })
      } else log.error('bucket.takes_no_uploads', { bucket, store, capabilities })
    }
    if (!signed.download.signed) {
      const { capability } = signed.download
      log.error('bucket.gives_no_downloads', { bucket, store, capabilities: [capability] })
    }
  }
  for (const { bucket, placement: seen } of buckets) {
    if (mayReplaceUnsaid(bucket, seen.store)) {
      log.warn('bucket.may_replace', { bucket: bucket.name, store })
    }
  }
  const [seen] = buckets.map((here) => here.placement.store)
  if (seen === undefined) return
  const { unsignedCopySource, writeCredentialReads } = seen.capabilities
  if (unsignedCopySource !== 'open' || writeCredentialReads === 'no') return
  const where = { store, bucket: placement.bucket }
  if (seen.allowReadableWriteCredential) log.warn('store.copy_hole_allowed', where)
  else log.error('store.copy_hole', { ...where, cure: HOW_TO_CLOSE })
}

/** For the log, as the 422 of a caller helps only the caller. */
const HOW_TO_CLOSE =
  'give the store a write key pair that cannot read: until then nothing but forms is signed for uploads'

/** Gateway buckets with a placement at a place. */
function bucketsHere(
  { config }: Pick<GatewayContext, 'config'>,
  { store, bucket: storeBucket }: Placement,
): readonly BucketHere[] {
  return [...config.buckets.values()].flatMap((bucket) => {
    const placement = bucket.placements.find(
      (each) => each.store.name === store.name && each.bucket === storeBucket,
    )
    return placement === undefined ? [] : [{ bucket, placement }]
  })
}

function takesUploads(signed: Pick<WhatIsSigned, (typeof FORMS)[number]>): boolean {
  return FORMS.some((form) => signed[form].signed)
}

function othersTakeUploads({ bucket, placement }: BucketHere, nowMs: number): boolean {
  return bucket.placements.some(
    (other) => other !== placement && takesUploads(signedHere({ bucket, placement: other }, nowMs)),
  )
}

function uploadBy(form: GrantForm, { bucket, placement }: BucketHere, nowMs: number): Signed {
  if (placement.weight === 0) return NO_NEW_ONES
  const { capabilities } = placement.store
  const bindings = { encryption: bucket.upload.encryption.default !== undefined }
  const asked = { form, exactSize: true, sizeBytes: 1, overwrite: false, bindings, nowMs }
  return verdict(
    () => assertUploadEnforceable(bucket, { placement, key: KEY }, asked),
    guaranteesOf(capabilities, {
      form,
      exactSize: true,
      writeOnce: bucket.upload.writeOnce !== false,
      sha256: false,
      md5: false,
    }),
  )
}

/** It has weight 0. */
const NO_NEW_ONES: Signed = {
  signed: false,
  capability: 'placements',
  detail: 'Cannot place the object: this placement takes no new ones',
}

function download({ bucket, placement }: BucketHere, nowMs: number): Signed {
  const { disposition, expiresInSeconds } = bucket.download
  const wanted = { disposition, expiresInSeconds, nowMs }
  return verdict(() => assertDownloadEnforceable({ placement, key: KEY }, wanted))
}

function verdict(assert: () => void, guarantees?: Guarantees): Signed {
  try {
    assert()
    return { signed: true, ...(guarantees !== undefined && { guarantees }) }
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    const { capability = error.code } = error.details
    return { signed: false, capability, detail: error.message }
  }
}
