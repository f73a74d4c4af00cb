import type { Operation, Principal } from '../auth/principal.ts'
import type { ObjectKey } from '../object-key.ts'
import { type Allowance, allowanceOf, authorize, shorter } from '../policy/authorize.ts'
import type { WantedAccess } from '../policy/rule-refusal.ts'
import type { GrantForm } from '../stores/choose-form.ts'

/** An upload, as far as it decides what has to be allowed. */
export interface UploadAccess {
  readonly bucket: string
  readonly mode: 'auto' | GrantForm
  readonly overwrite: boolean
  readonly sizeBytes?: number | undefined
  /** Essence. */
  readonly contentType?: string | undefined
}

/** What an upload stands on. */
export interface UploadAllowance {
  /** Each operation that was needed, and the rule that allows it; the upload itself comes first. */
  readonly allowedBy: readonly { readonly operation: Operation; readonly rule: string }[]
  /** Of each, in seconds; absent: the bucket's own maximum. */
  readonly expiresInSecondsMax?: number
  /** In parts, and in no other form. */
  readonly partsOnly: boolean
}

/**
 * Passes an upload in the form that was asked for; of mode "auto", in at least one form. Without a key:
 * whether the bucket can be reached at all. An overwrite needs a rule of its own for it, which may be
 * another one. Throws what `authorize` throws.
 */
export function authorizeUpload(
  principal: Principal,
  { mode, overwrite, ...object }: UploadAccess,
  key?: ObjectKey,
): UploadAllowance {
  const { bucket, sizeBytes, contentType } = object
  const access = { bucket, key, sizeBytes, contentType }
  const whole: WantedAccess = { ...access, operation: 'upload' }
  const parts: WantedAccess = { ...access, operation: 'multipart' }
  const needsWhole = mode === 'put' || mode === 'post'
  const asWhole = mode === 'auto' ? allowanceOf(principal, whole) : undefined
  const upload = asWhole ?? authorize(principal, needsWhole ? whole : parts)
  const isWhole = needsWhole || asWhole !== undefined
  const allowed: { operation: Operation; allowance: Allowance }[] = [
    { operation: isWhole ? 'upload' : 'multipart', allowance: upload },
  ]
  if (overwrite) {
    const operation = 'overwrite'
    allowed.push({ operation, allowance: authorize(principal, { ...access, operation }) })
  }
  const seconds = allowed.reduce<number | undefined>(
    (least, { allowance }) => shorter(least, allowance.expiresInSecondsMax),
    undefined,
  )
  return {
    allowedBy: allowed.map(({ operation, allowance: { rule } }) => ({ operation, rule })),
    ...(seconds !== undefined && { expiresInSecondsMax: seconds }),
    partsOnly: !isWhole,
  }
}
