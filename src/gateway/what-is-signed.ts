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

/**
 * What is signed for every gateway bucket whose new objects go to this place, when nothing special is
 * asked for: an object of one byte, with no checksum, tag or class.
 */
export function whatIsSigned(
  context: Pick<GatewayContext, 'clock' | 'config'>,
  placement: Placement,
): readonly WhatIsSigned[] {
  const nowMs = context.clock.nowMs()
  return bucketsHere(context, placement).map((bucket) => ({
    bucket: bucket.name,
    put: uploadBy('put', bucket, nowMs),
    post: uploadBy('post', bucket, nowMs),
    multipart: uploadBy('multipart', bucket, nowMs),
    download: download(bucket, nowMs),
  }))
}

/**
 * Tells the log what an operator should know of a store before callers do: buckets into which nothing can
 * be uploaded or from which nothing can be had, buckets where uploads may replace each other although
 * nobody said so, and an open copy hole, refused or allowed.
 */
export function tellTroubles(
  context: Pick<GatewayContext, 'clock' | 'config' | 'log'>,
  placement: Placement,
): void {
  const { log } = context
  const store = placement.store.name
  for (const { bucket, ...signed } of whatIsSigned(context, placement)) {
    const refused = FORMS.map((form) => signed[form]).filter((each) => !each.signed)
    const capabilities = [...new Set(refused.map(({ capability }) => capability))]
    if (refused.length === FORMS.length) {
      log.error('bucket.takes_no_uploads', { bucket, store, capabilities })
    }
    if (!signed.download.signed) {
      const { capability } = signed.download
      log.error('bucket.gives_no_downloads', { bucket, store, capabilities: [capability] })
    }
  }
  for (const bucket of bucketsHere(context, placement)) {
    const [seen] = bucket.placements
    if (mayReplaceUnsaid(bucket, seen.store)) {
      log.warn('bucket.may_replace', { bucket: bucket.name, store })
    }
  }
  const [seen] = bucketsHere(context, placement).map(({ placements: [first] }) => first.store)
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

/** Gateway buckets whose new objects go to a place. */
function bucketsHere(
  { config }: Pick<GatewayContext, 'config'>,
  { store, bucket }: Placement,
): readonly Bucket[] {
  return [...config.buckets.values()].filter(({ placements: [first] }) => {
    return first.store.name === store.name && first.bucket === bucket
  })
}

function uploadBy(form: GrantForm, bucket: Bucket, nowMs: number): Signed {
  const [placement] = bucket.placements
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

function download({ placements: [placement], download: rules }: Bucket, nowMs: number): Signed {
  const { disposition, expiresInSeconds } = rules
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
