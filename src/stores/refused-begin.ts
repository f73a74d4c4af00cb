import { GatewayError } from '../errors.ts'
import { errorCodeOf, type StoreCall, unavailable } from './signed-call.ts'

/** Codes of a 400 that are about what was asked, and not about who asks (S3 API, error responses). */
const ABOUT_THE_REQUEST: ReadonlySet<string> = new Set([
  'InvalidArgument',
  'InvalidEncryptionAlgorithmError',
  'InvalidRequest',
  'InvalidStorageClass',
  'InvalidTag',
])

/** What a header asks for, as a capability; the likeliest to be refused comes first. */
const ASKED_BY = [
  ['x-amz-storage-class', 'storageClass'],
  ['x-amz-server-side-encryption', 'encryption'],
  ['x-amz-tagging', 'multipartTagging'],
] as const

/**
 * The error for a CreateMultipartUpload that was answered with 400 or 501: `UnsupportedByStore` with
 * the `capability` where the store will not have what was asked, however often it is asked, else
 * `StoreUnavailable`. What the store's fixed headers say, nobody asked for.
 */
export async function refusedBegin(call: StoreCall, response: Response): Promise<GatewayError> {
  const { status } = response
  const code = await errorCodeOf(response)
  if (status !== 501 && !ABOUT_THE_REQUEST.has(code)) return unavailable(call, { status, code })
  const { store, verb, headers = new Map() } = call
  const { fixedHeaders } = store.capabilities
  const asked = ASKED_BY.find(
    ([name]) => headers.has(name) && headers.get(name) !== fixedHeaders[name],
  )
  const capability = code === 'InvalidStorageClass' ? 'storageClass' : (asked?.[1] ?? 'multipart')
  return new GatewayError('UnsupportedByStore', `Cannot ${verb}: the store refuses it as asked`, {
    capability,
    facts: { store: store.name, status, code },
  })
}
