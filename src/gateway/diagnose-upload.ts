import type { Principal } from '../auth/principal.ts'
import { toTimestamp } from '../clock.ts'
import { parseOrigin } from '../config/address.ts'
import { GatewayError } from '../errors.ts'
import type { GrantForm } from '../stores/choose-form.ts'
import { assertUploadEnforceable } from '../stores/enforceable.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import { chargeRequests } from './charge-requests.ts'
import type { GatewayContext } from './context.ts'
import { lookAtObject } from './diagnose-object.ts'
import { lookAtPage } from './diagnose-page.ts'
import { type Diagnosis, FINDING_LEVELS, type Finding } from './diagnosis.ts'
import { type OwnUpload, ownUpload } from './own-upload.ts'
import { placeOf } from './place-of.ts'
import { type UploadNote, urlExpiryMs } from './reservation-note.ts'
import { statusOf } from './upload-view.ts'

/** Which upload failed where. */
export interface DiagnosisRequest {
  readonly principal: Principal
  readonly uploadId: string
  /** Of the page; without it nothing is said of browsers. */
  readonly origin?: string | undefined
  /** Lower-case names of the headers that the page sets. Default: those that every such upload has. */
  readonly headers?: readonly string[] | undefined
}

/**
 * Explains a caller's own upload by what the store says: whether the object or its parts are there, how
 * far the clocks are apart, and what a browser is told that wants to send it from `origin`. Charged as
 * one request; changes nothing. A store that does not answer is a finding. Throws what `ownUpload` and
 * `chargeRequests` throw, and `InvalidRequest` for an origin that is none.
 */
export async function diagnoseUpload(
  context: GatewayContext,
  { principal, uploadId, origin, headers }: DiagnosisRequest,
): Promise<Diagnosis> {
  const page = origin === undefined ? undefined : pageOf(origin)
  const own = await ownUpload(context, principal, uploadId)
  await chargeRequests(context, principal, 1)
  const findings = await findingsOf(context, own, { origin: page, headers })
  return {
    id: own.reservation.rid,
    status: statusOf(own.reservation.state, own.note),
    findings: FINDING_LEVELS.flatMap((level) => findings.filter((each) => each.level === level)),
  }
}

async function findingsOf(
  context: GatewayContext,
  own: OwnUpload,
  page: Pick<DiagnosisRequest, 'origin' | 'headers'>,
): Promise<readonly Finding[]> {
  const state = stateOf(context, own)
  const place = knownPlace(context, own.note)
  if (place === undefined) return [...state, NOT_CONFIGURED]
  const form = formOf(own.note)
  const rules = context.config.buckets.get(own.note.bucket)?.upload
  const keepsWriteOnce = rules?.writeOnce !== false
  const [object, browser] = await Promise.all([
    lookAtObject(context, own, place),
    lookAtPage(context, own.note, { place, form, writeOnce: keepsWriteOnce, ...page }),
  ])
  return [...state, ...lacksOf(context, own.note, { place, form }), ...object, ...browser]
}

const NOT_CONFIGURED: Finding = {
  code: 'store-away',
  level: 'problem',
  message: 'The store that this upload was signed for is not configured any more',
  fix: 'Create another upload',
}

/** How it came to an end, or until when it can be sent. */
function stateOf(
  context: Pick<GatewayContext, 'ledgerTime'>,
  { reservation, note }: OwnUpload,
): readonly Finding[] {
  const status = statusOf(reservation.state, note)
  if (status !== 'pending') return [ENDED[status]]
  const endMs = urlExpiryMs(reservation.expMs, note.afterUrlMs)
  const at = toTimestamp(endMs)
  const isInParts = note.multipart !== undefined
  if (context.ledgerTime.nowMs() >= endMs) {
    return [
      {
        code: 'grant-ended',
        level: 'problem',
        message: `What was signed for it ended at ${at}: a store refuses it since (403)`,
        fix: 'Create another upload, and send it before expiresAt',
      },
    ]
  }
  const message = isInParts
    ? `Parts can be signed until ${at}; the URL of a part ends before, at partsExpireAt`
    : `What was signed for it can be used until ${at}`
  const fix = isInParts ? { fix: 'POST /v1/uploads/{id}/parts signs a part again' } : {}
  return [{ code: 'grant-lives', level: 'ok', message, ...fix }]
}

const ENDED: Readonly<Record<Exclude<Diagnosis['status'], 'pending'>, Finding>> = {
  completed: { code: 'upload-completed', level: 'ok', message: 'It is completed' },
  aborted: {
    code: 'upload-aborted',
    level: 'problem',
    message: 'It was aborted: whatever is still sent by its grant does not count',
    fix: 'Create another upload',
  },
  expired: {
    code: 'upload-expired',
    level: 'problem',
    message: 'Nothing had come when its time was over',
    fix: 'Create another upload, and send it before expiresAt',
  },
  rejected: {
    code: 'upload-rejected',
    level: 'problem',
    message: 'What came was not what had been reserved, or its key was taken',
    fix: 'Create another upload, with the exact size of what is sent',
  },
}

/** What the store was seen not to keep since this was signed. */
function lacksOf(
  { config }: Pick<GatewayContext, 'config'>,
  note: UploadNote,
  { place, form }: { place: ObjectPlace; form: GrantForm },
): readonly Finding[] {
  const bucket = config.buckets.get(note.bucket)
  if (bucket === undefined) return []
  try {
    assertUploadEnforceable(bucket, place, {
      form,
      sizeBytes: note.sizeBytes,
      exactSize: note.atMost !== true,
      overwrite: note.overwrite === true,
      partSha256: note.multipart?.checksums === true,
      bindings: {},
    })
    return []
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'UnsupportedByStore') throw error
    const message = `It would not be signed again: ${error.message}`
    return [{ code: 'store-lacks', level: 'problem', message }]
  }
}

function formOf({ post, multipart }: UploadNote): GrantForm {
  if (post === true) return 'post'
  return multipart === undefined ? 'put' : 'multipart'
}

function knownPlace(context: GatewayContext, note: UploadNote): ObjectPlace | undefined {
  try {
    return placeOf(context, note)
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'StoreUnavailable') return undefined
    throw error
  }
}

function pageOf(text: string): string {
  const origin = parseOrigin(text)
  if (typeof origin !== 'string') return origin.text
  throw new GatewayError('InvalidRequest', `Cannot diagnose the upload: "origin" ${origin}`, {
    fields: [{ path: 'origin', message: origin }],
  })
}
