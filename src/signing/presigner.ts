import type { SignedUrl } from '../secret.ts'
import type { StoreCredential } from '../stores/store.ts'

/** One request to be signed in its query (AWS Signature Version 4, query parameters). */
export interface PresignRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'DELETE'
  /** Scheme, host and port as the client will send them; default ports left out. */
  readonly origin: string
  /** Absolute path, already percent-encoded once; signed exactly as it is. */
  readonly path: string
  /** Query parameters besides the signature's own, decoded. A map: duplicates cannot exist. */
  readonly query: ReadonlyMap<string, string>
  /** Headers to be signed besides `host`; lower-case names, trimmed printable ASCII values. */
  readonly headers: ReadonlyMap<string, string>
  readonly credential: StoreCredential
  readonly region: string
  /** `X-Amz-Date`, in milliseconds; whole seconds are used. Already backdated. */
  readonly signedAtMs: number
  /** `X-Amz-Expires`, 1 to 604,800. */
  readonly expiresInSeconds: number
}

/** Signs a request; pure CPU, no I/O. Drivers are byte-identical. */
export interface Presigner {
  presign(request: PresignRequest): Promise<SignedUrl>
}
