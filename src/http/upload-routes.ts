import type * as z from 'zod'
import { toTimestamp } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { abortUpload } from '../gateway/abort-upload.ts'
import { completeUpload } from '../gateway/complete-upload.ts'
import { createUpload } from '../gateway/create-upload.ts'
import { explainUpload } from '../gateway/explain.ts'
import { getUpload, listUploads } from '../gateway/list-uploads.ts'
import { ownUpload } from '../gateway/own-upload.ts'
import type { WantedUpload } from '../gateway/plan-upload.ts'
import { rateLimitFields } from '../limits/rate-limit-fields.ts'
import type { Grant } from '../signing/grant.ts'
import { BODY_CAPS, type Route, type RouteCall, route } from './route.ts'
import {
  completeUploadSchema,
  createdUploadSchema,
  createUploadQuery,
  createUploadSchema,
  explanationSchema,
  listUploadsQuery,
  signPartsSchema,
  uploadPageSchema,
  uploadSchema,
} from './schemas.ts'

/** A grant on the wire. The only place where a signed URL is revealed to a caller. */
export function grantView(grant: Grant) {
  return { method: grant.method, url: grant.url.reveal(), headers: grant.headers }
}

const post = route({
  method: 'POST',
  path: '/v1/uploads',
  operationId: 'createUpload',
  summary: 'Reserve and sign an upload; with dryRun=true only explain the decision',
  body: createUploadSchema,
  query: createUploadQuery,
  headers: {
    'Idempotency-Key':
      'Visible ASCII, 1 to 255 characters: the same key and body is the same upload, charged once',
  },
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
      schema: explanationSchema.or(createdUploadSchema),
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
      return Response.json(await explainUpload(context, request))
    }
    const { upload, grant, guarantees, limits } = await createUpload(context, request)
    const fields = rateLimitFields(
      context.accounts.of(principal.tenant, principal.user).limits,
      limits,
      context.ledgerTime.nowMs(),
    )
    const body = {
      ...upload,
      ...(grant !== undefined && {
        expiresAt: toTimestamp(grant.expiresAtMs),
        request: grantView(grant),
      }),
      guarantees,
      limits,
    }
    return Response.json(body, {
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
    return Response.json(await getUpload(context, principal, uploadId(http)))
  },
})

const complete = route({
  method: 'POST',
  path: '/v1/uploads/:id/complete',
  operationId: 'completeUpload',
  summary: 'Look at the store and settle; repeatable',
  body: completeUploadSchema.optional(),
  maxBodyBytes: BODY_CAPS.complete,
  responses: { 200: { description: 'The completed upload', schema: uploadSchema } },
  errors: [
    'AccessDenied',
    'NoSuchUpload',
    'UploadIncomplete',
    'UploadRejected',
    'UploadNotPending',
    'LedgerUnavailable',
    'StoreUnavailable',
  ],
  async handle({ context, principal, http }) {
    return Response.json(await completeUpload(context, principal, uploadId(http)))
  },
})

const parts = route({
  method: 'POST',
  path: '/v1/uploads/:id/parts',
  operationId: 'signParts',
  summary: 'More part URLs of a multipart upload',
  body: signPartsSchema,
  maxBodyBytes: BODY_CAPS.parts,
  responses: {},
  errors: ['AccessDenied', 'NoSuchUpload', 'UnsupportedByStore', 'LedgerUnavailable'],
  async handle({ context, principal, http }) {
    await ownUpload(context, principal, uploadId(http))
    throw new GatewayError(
      'UnsupportedByStore',
      'Cannot sign parts: the upload is a single PUT, and multipart is not offered yet',
      { capability: 'multipart' },
    )
  },
})

const abort = route({
  method: 'DELETE',
  path: '/v1/uploads/:id',
  operationId: 'abortUpload',
  summary: 'Abort; what was reserved comes back when the URL can no longer be used',
  responses: { 204: { description: 'Aborted' } },
  errors: ['AccessDenied', 'NoSuchUpload', 'UploadNotPending', 'LedgerUnavailable'],
  async handle({ context, principal, http }) {
    await abortUpload(context, principal, uploadId(http))
    return new Response(null, { status: 204 })
  },
})

/** Routes of uploads. */
export const UPLOAD_ROUTES: readonly Route[] = [post, list, get, complete, parts, abort]

function wantedUpload(body: z.output<typeof createUploadSchema>): WantedUpload {
  const { metadata, sizeBytes, maxSizeBytes, ...rest } = body
  return {
    ...rest,
    sizeBytes: sizeBytes ?? maxSizeBytes ?? 0,
    metadata: new Map(Object.entries(metadata ?? {})),
  }
}

function uploadId(http: RouteCall['http']): string {
  return http.req.param('id') ?? ''
}

/** Any visible ASCII, 1 to 255 characters. Throws `InvalidRequest`. */
function idempotencyKeyOf({ http }: RouteCall): string | undefined {
  const value = http.req.raw.headers.get('idempotency-key')
  if (value === null) return undefined
  if (/^[!-~]{1,255}$/.test(value)) return value
  throw new GatewayError(
    'InvalidRequest',
    'Cannot accept the idempotency key: it must be 1 to 255 visible ASCII characters',
    { fields: [{ path: 'Idempotency-Key', message: 'must be 1 to 255 visible ASCII characters' }] },
  )
}
