import type * as z from 'zod'
import type { WantedUpload } from '../gateway/plan-upload.ts'
import type { createUploadSchema } from './upload-schemas.ts'

const NO_METADATA: ReadonlyMap<string, string> = new Map()

/** An upload as the use cases know it, from a body that its schema has passed. */
export function wantedUpload(body: z.output<typeof createUploadSchema>): WantedUpload {
  const { metadata, tags, sizeBytes, maxSizeBytes, ...rest } = body
  return {
    ...rest,
    sizeBytes: sizeBytes ?? maxSizeBytes ?? 0,
    ...(sizeBytes === undefined && { atMost: true }),
    metadata: metadata === undefined ? NO_METADATA : new Map(Object.entries(metadata)),
    ...(tags !== undefined && { tags: new Map(Object.entries(tags)) }),
  }
}
