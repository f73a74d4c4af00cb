import type { Bucket } from './bucket.ts'
import type { Capabilities } from './capabilities.ts'

/** How an object travels: one signed PUT, a browser form with a POST policy, or signed parts. */
export type GrantForm = 'put' | 'post' | 'multipart'

/** What a caller asks for, as far as it decides between the forms. */
export interface FormRequest {
  readonly mode: 'auto' | GrantForm
  readonly sizeBytes: number
  /** Whether an existing object may be replaced. */
  readonly overwrite: boolean
  /** Base64 of the SHA-256 of the whole object. */
  readonly sha256?: string | undefined
  /** Base64 of the MD5 of the whole object. */
  readonly md5?: string | undefined
  /** Tags of the object. */
  readonly tags?: ReadonlyMap<string, string> | undefined
}

/**
 * The form that is to be signed: the mode that was asked for, and for `auto` a PUT, unless another
 * form promises as much and does better. Parts are that above the bucket's threshold, and where the
 * bucket demands write-once of a store that keeps it for parts alone (Swift); above what the store takes
 * in one PUT there is nothing else; a form is where a PUT cannot bind the size and
 * nothing was asked for that a form cannot carry. Whether the store keeps what was asked in the
 * chosen form, `assertUploadEnforceable` decides.
 */
export function chooseForm(
  { upload }: Pick<Bucket, 'upload'>,
  capabilities: Capabilities,
  { mode, sizeBytes, overwrite, sha256, md5, tags }: FormRequest,
): GrantForm {
  if (mode !== 'auto') return mode
  if (sizeBytes > capabilities.maxPutBytes) return 'multipart'
  const { signedLength, writeOnce, writeOnceMultipart, multipart, postPolicy } = capabilities
  const bindsWhole = sha256 !== undefined || md5 !== undefined
  const demanded = upload.writeOnce === true && !overwrite
  if (signedLength !== 'yes') {
    return postPolicy === 'yes' && !demanded && !bindsWhole ? 'post' : 'put'
  }
  const putIsOnce = upload.writeOnce !== false && !overwrite && writeOnce === 'if-none-match'
  const losesTags = tags !== undefined && tags.size > 0 && capabilities.multipartTagging !== 'yes'
  const partsAreOnce = writeOnceMultipart === 'yes'
  const partsPromiseAsMuch =
    multipart === 'yes' && !bindsWhole && !losesTags && (!putIsOnce || partsAreOnce)
  const onlyPartsAreOnce = demanded && !putIsOnce && partsAreOnce
  const wanted = sizeBytes > upload.multipartThresholdBytes || onlyPartsAreOnce
  return wanted && partsPromiseAsMuch ? 'multipart' : 'put'
}
