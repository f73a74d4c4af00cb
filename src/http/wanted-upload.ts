import type * as z from 'zod/mini'
import type { WantedUpload } from '../gateway/plan-upload.ts'
import type { batchUploadSchema, createUploadSchema } from './upload-schemas.ts'

type Body = z.output<typeof createUploadSchema | typeof batchUploadSchema>

const NO_METADATA: ReadonlyMap<string, string> = new Map()

/** An upload as the use cases know it, from a body that its schema has passed. */
export function wantedUpload<B extends Body>(
  body: B,
): WantedUpload & Pick<B, 'mode' | 'overwrite'> {
  const { metadata, tags, sizeBytes, maxSizeBytes, ...rest } = body
  return {
    ...rest,
    sizeBytes: sizeBytes ?? maxSizeBytes ?? 0,
    ...(sizeBytes === undefined && { atMost: true }),
    metadata: metadata === undefined ? NO_METADATA : new Map(Object.entries(metadata)),
    ...(tags !== undefined && { tags: new Map(Object.entries(tags)) }),
  }
}
