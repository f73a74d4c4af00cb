import type { FormGrant } from '../signing/form-grant.ts'
import type { Grant } from '../signing/grant.ts'
import type { MultipartPlan } from '../signing/multipart-plan.ts'
import type { PartGrant } from '../signing/part-grants.ts'

/** Parts of one upload that are signed at once in the answer that creates it (`api.md`). */
export const FIRST_PARTS = 100

/** What was signed for an upload. Whoever holds it may do what it says until it expires. */
export type UploadGrant =
  | { readonly form: 'put'; readonly request: Grant; readonly expiresAtMs: number }
  | { readonly form: 'post'; readonly post: FormGrant; readonly expiresAtMs: number }
  | {
      readonly form: 'multipart'
      readonly plan: MultipartPlan
      /** The first ones; none of an upload whose parts come with checksums. */
      readonly parts: readonly PartGrant[]
      /** When these URLs end; the upload itself goes on, and more can be had. */
      readonly expiresAtMs: number
    }
