import * as z from 'zod/mini'
import { toTimestamp } from '../clock.ts'
import { createUpload } from '../gateway/create-upload.ts'
import type { WantedPart } from '../gateway/multipart-parts.ts'
import { lazily } from '../lazily.ts'
import { rateLimitFields } from '../limits/rate-limit-fields.ts'
import { partView, uploadGrantView } from './grant-view.ts'
import { IDEMPOTENCY_KEY, idempotencyKeyOf } from './idempotency-key.ts'
import { jsonAnswer } from './json-answer.ts'
import {
  completeUploadSchema,
  partsSchema,
  signCheckedPartsSchema,
  signPartRangeSchema,
  signPartsSchema,
} from './part-schemas.ts'
import { BODY_CAPS, type Route, type RouteCall, route } from './route.ts'
import {
  createdUploadSchema,
  createUploadQuery,
  createUploadSchema,
  explanationSchema,
  listUploadsQuery,
  uploadPageSchema,
  uploadSchema,
} from './upload-schemas.ts'
import { wantedUpload } from './wanted-upload.ts'

// A grant needs none of these.
const aborting = lazily(() => import('../gateway/abort-upload.ts'))
const completing = lazily(() => import('../gateway/complete-upload.ts'))
const explaining = lazily(() => import('../gateway/explain.ts'))
const looking = lazily(() => import('../gateway/list-uploads.ts'))
const signingParts = lazily(() => import('../gateway/sign-parts.ts'))

const post = route({
  method: 'POST',
  path: '/v1/uploads',
  operationId: 'createUpload',
  summary: 'Reserve and sign an upload; with dryRun=true only explain the decision',
  body: createUploadSchema,
  query: createUploadQuery,
  headers: { 'Idempotency-Key': IDEMPOTENCY_KEY },
  responses: {
    201: {
      description: 'The upload and its grant',
      schema: createdUploadSchema,
      headers: {
        Location: 'Path of the upload',
        'RateLimit-Policy': 'The limits that apply',
        RateLimit: 'What is left of them',
      },
    },
    200: {
      description: 'With dryRun=true: the decision. Else: a replay whose grant has ended',
      schema: z.union([explanationSchema, createdUploadSchema]),
    },
  },
  errors: [
    'InvalidKey',
    'AccessDenied',
    'QuotaExceeded',
    'OverwriteInProgress',
    'EntityTooLarge',
    'UnsupportedMediaType',
    'UnsupportedByStore',
    'IdempotencyMismatch',
    'SlowDown',
    'LedgerUnavailable',
    'StoreUnavailable',
    'Overloaded',
  ],
  async handle(call) {
    const { context, principal, requestId } = call
    const wanted = wantedUpload(call.body as z.output<typeof createUploadSchema>)
    const idempotencyKey = idempotencyKeyOf(call)
    const request = { principal, wanted, requestId, idempotencyKey }
    if (call.query.dryRun === 'true') {
      const { explainUpload } = await explaining()
      return Response.json(await explainUpload(context, request))
    }
    const { upload, grant, guarantees, limits, limitSet } = await createUpload(context, request)
    const fields = rateLimitFields(limitSet, limits, context.ledgerTime.nowMs())
    const body = {
      ...upload,
      ...(grant !== undefined && uploadGrantView(grant)),
      guarantees,
      limits,
    }
    return jsonAnswer(call.http, body, {
      status: grant === undefined ? 200 : 201,
      headers: { location: `/v1/uploads/${upload.id}`, ...fields },
    })
  },
})

const list = route({
  method: 'GET',
  path: '/v1/uploads',
  operationId: 'listUploads',
  summary: 'The caller’s own uploads of one status, in the order of their ids',
  query: listUploadsQuery,
  responses: { 200: { description: 'A page', schema: uploadPageSchema } },
  errors: ['LedgerUnavailable'],
  async handle({ context, principal, query }) {
    const { status, limit, cursor } = query as z.output<typeof listUploadsQuery>
    const { listUploads } = await looking()
    return Response.json(await listUploads(context, { principal, status, limit, cursor }))
  },
})

const get = route({
  method: 'GET',
  path: '/v1/uploads/:id',
  operationId: 'getUpload',
  summary: 'An upload, without its grant',
  responses: { 200: { description: 'The upload', schema: uploadSchema } },
  errors: ['AccessDenied', 'NoSuchUpload', 'LedgerUnavailable'],
  async handle({ context, principal, http }) {
    const { getUpload } = await looking()
    return Response.json(await getUpload(context, principal, uploadId(http)))
  },
})

const complete = route({
  method: 'POST',
  path: '/v1/uploads/:id/complete',
  operationId: 'completeUpload',
  summary: 'Put parts together, look at the store and settle; repeatable',
  body: z.optional(completeUploadSchema),
  maxBodyBytes: BODY_CAPS.complete,
  responses: { 200: { description: 'The completed upload', schema: uploadSchema } },
  errors: [
    'AccessDenied',
    'NoSuchUpload',
    'UploadIncomplete',
    'UploadRejected',
    'UploadNotPending',
    'EntityTooLarge',
    'QuotaExceeded',
    'SlowDown',
    'LedgerUnavailable',
    'StoreUnavailable',
    'Overloaded',
  ],
  async handle({ context, principal, http, body }) {
    const { parts } = (body ?? {}) as z.output<typeof completeUploadSchema>
    const request = { principal, uploadId: uploadId(http), parts }
    const { completeUpload } = await completing()
    return Response.json(await completeUpload(context, request))
  },
})

const parts = route({
  method: 'POST',
  path: '/v1/uploads/:id/parts',
  operationId: 'signParts',
  summary: 'Part URLs of a multipart upload, the first time or again',
  body: signPartsSchema,
  alternativeBodies: {
    from: signPartRangeSchema,
    to: signPartRangeSchema,
    parts: signCheckedPartsSchema,
  },
  maxBodyBytes: BODY_CAPS.parts,
  responses: { 200: { description: 'The parts, signed', schema: partsSchema } },
  errors: [
    'AccessDenied',
    'NoSuchUpload',
    'UploadNotPending',
    'EntityTooLarge',
    'UnsupportedByStore',
    'QuotaExceeded',
    'SlowDown',
    'LedgerUnavailable',
    'StoreUnavailable',
    'Overloaded',
  ],
  async handle({ context, principal, requestId, http, body }) {
    const wanted = body as WantedParts
    const { signMoreParts } = await signingParts()
    const signed = await signMoreParts(context, {
      principal,
      requestId,
      uploadId: uploadId(http),
      parts: wantedParts(wanted),
      expiresInSeconds: wanted.expiresInSeconds,
    })
    return Response.json({
      parts: signed.parts.map(partView),
      expiresAt: toTimestamp(signed.expiresAtMs),
    })
  },
})

const abort = route({
  method: 'DELETE',
  path: '/v1/uploads/:id',
  operationId: 'abortUpload',
  summary: 'Abort; what was reserved comes back when no object can come of it any more',
  responses: { 204: { description: 'Aborted' } },
  errors: ['AccessDenied', 'NoSuchUpload', 'UploadNotPending', 'LedgerUnavailable'],
  async handle({ context, principal, http }) {
    const { abortUpload } = await aborting()
    await abortUpload(context, principal, uploadId(http))
    return new Response(null, { status: 204 })
  },
})

/** Routes of uploads. */
export const UPLOAD_ROUTES: readonly Route[] = [post, list, get, complete, parts, abort]

type WantedParts = z.output<
  typeof signPartsSchema | typeof signPartRangeSchema | typeof signCheckedPartsSchema
>

function wantedParts(wanted: WantedParts): WantedPart[] {
  if ('parts' in wanted) return wanted.parts
  if ('partNumbers' in wanted) return wanted.partNumbers.map((partNumber) => ({ partNumber }))
  const { from, to } = wanted
  return Array.from({ length: to - from + 1 }, (_, index) => ({ partNumber: from + index }))
}

function uploadId(http: RouteCall['http']): string {
  return http.req.param('id') ?? ''
}
