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

/** Whose signature goes under a policy, and of which day. */
export type PolicySigner = Pick<PresignRequest, 'credential' | 'region' | 'signedAtMs'>

/**
 * Signs; pure CPU, no I/O. Drivers are byte-identical. One that has its hashes at once answers at
 * once: 10,000 parts need no 10,000 promises.
 */
export interface Presigner {
  presign(request: PresignRequest): SignedUrl | Promise<SignedUrl>
  /** The signature of a POST policy, given as the base64 text that is sent; lower-case hex. */
  signPolicy(policy: string, signer: PolicySigner): string | Promise<string>
}
