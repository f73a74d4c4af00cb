import { GatewayError } from '../errors.ts'
import { ObjectKey } from '../object-key.ts'
import type { Bucket } from '../stores/bucket.ts'
import type { GrantForm } from '../stores/choose-form.ts'
import { assertDownloadEnforceable, assertUploadEnforceable } from '../stores/enforceable.ts'
import { type Guarantees, guaranteesOf } from '../stores/guarantees.ts'
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
  { clock, config }: Pick<GatewayContext, 'clock' | 'config'>,
  { store: { name }, bucket: storeBucket }: Placement,
): readonly WhatIsSigned[] {
  const here = [...config.buckets.values()].filter(({ placements: [first] }) => {
    return first.store.name === name && first.bucket === storeBucket
  })
  return here.map((bucket) => ({
    bucket: bucket.name,
    put: uploadBy('put', bucket, clock.nowMs()),
    post: uploadBy('post', bucket, clock.nowMs()),
    multipart: uploadBy('multipart', bucket, clock.nowMs()),
    download: download(bucket, clock.nowMs()),
  }))
}

/** Tells the log of buckets into which nothing can be uploaded, or only what an override lets through. */
export function tellRefusals(
  context: Pick<GatewayContext, 'clock' | 'config' | 'log'>,
  placement: Placement,
): void {
  const { log, config } = context
  for (const signed of whatIsSigned(context, placement)) {
    const refused = FORMS.map((form) => signed[form]).filter((each) => !each.signed)
    if (refused.length < FORMS.length) continue
    const capabilities = [...new Set(refused.map(({ capability }) => capability))]
    const where = { bucket: signed.bucket, store: placement.store.name, capabilities }
    log.error('bucket.takes_no_uploads', where)
  }
  const [seen] = [...config.buckets.values()]
    .flatMap(({ placements }) => placements)
    .filter(({ store, bucket }) => {
      return store.name === placement.store.name && bucket === placement.bucket
    })
  if (seen === undefined || !seen.store.allowReadableWriteCredential) return
  const { unsignedCopySource, writeCredentialReads } = seen.store.capabilities
  if (unsignedCopySource === 'closed' || writeCredentialReads === 'no') return
  log.warn('store.copy_hole_allowed', { store: seen.store.name, bucket: seen.bucket })
}

function uploadBy(form: GrantForm, bucket: Bucket, nowMs: number): Signed {
  const [placement] = bucket.placements
  const { capabilities } = placement.store
  const asked = { form, exactSize: true, sizeBytes: 1, overwrite: false, bindings: {}, nowMs }
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
