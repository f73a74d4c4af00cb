import type * as z from 'zod/mini'
import type { WantedBatchUpload } from '../gateway/plan-batch.ts'
import { lazily } from '../lazily.ts'
import { rateLimitFields } from '../limits/rate-limit-fields.ts'
import { uploadGrantView } from './grant-view.ts'
import { IDEMPOTENCY_KEY, idempotencyKeyOf } from './idempotency-key.ts'
import { BODY_CAPS, type Route, route } from './route.ts'
import { createdUploadsSchema, createUploadsSchema } from './upload-schemas.ts'
import { wantedUpload } from './wanted-upload.ts'

const creating = lazily(() => import('../gateway/create-uploads.ts'))

const post = route({
  method: 'POST',
  path: '/v1/uploads/batch',
  operationId: 'createUploads',
  summary: 'Reserve and sign up to 1,000 uploads by one decision: all or none',
  body: createUploadsSchema,
  maxBodyBytes: BODY_CAPS.items,
  headers: { 'Idempotency-Key': IDEMPOTENCY_KEY },
  responses: {
    201: {
      description: 'The uploads and their grants, in the order of the request',
      schema: createdUploadsSchema,
      headers: {
        'RateLimit-Policy': 'The limits that apply',
        RateLimit: 'What is left of them',
      },
    },
    200: { description: 'A replay that has no grant left', schema: createdUploadsSchema },
  },
  errors: [
    'InvalidKey',
    'AccessDenied',
    'QuotaExceeded',
    'EntityTooLarge',
    'UnsupportedMediaType',
    'UnsupportedByStore',
    'UploadNotPending',
    'IdempotencyMismatch',
    'SlowDown',
    'LedgerUnavailable',
    'StoreUnavailable',
    'Overloaded',
  ],
  async handle(call) {
    const { context, principal, requestId } = call
    const { items } = call.body as z.output<typeof createUploadsSchema>
    const wanted = items.map((item) => wantedUpload(item)) as [
      WantedBatchUpload,
      ...WantedBatchUpload[],
    ]
    const idempotencyKey = idempotencyKeyOf(call)
    const { createUploads } = await creating()
    const created = await createUploads(context, { principal, wanted, requestId, idempotencyKey })
    const { limits, limitSet } = created
    const fields = rateLimitFields(limitSet, limits, context.ledgerTime.nowMs())
    const views = created.items.map(({ upload, grant, guarantees }) => ({
      ...upload,
      ...(grant !== undefined && uploadGrantView(grant)),
      guarantees,
    }))
    const granted = created.items.some(({ grant }) => grant !== undefined)
    const body = { items: views, limits }
    return Response.json(body, { status: granted ? 201 : 200, headers: { ...fields } })
  },
})

/** Routes of many uploads at once. */
export const BATCH_ROUTES: readonly Route[] = [post]
