import type { PresignRequest } from '../../signing/presigner.ts'
import type { WhichEndpoint } from '../../stores/object-url.ts'
import type { StoreCredential } from '../../stores/store.ts'
import type { Patience } from './sender.ts'

/** The bytes that a probe writes, and others of the same length. */
export const FIVE = 'hello'
export const OTHER_FIVE = 'jello'
/** What an attack tries to copy; its length tells it from everything else that a probe writes. */
export const MARKER = 'what nobody may copy'

/** When a URL begins, how long it lives, for whom and for where it is signed. */
export interface SignedFor {
  /** Default: `write` for a PUT, else `read`. */
  readonly credential?: StoreCredential
  /** Default: the store's. */
  readonly region?: string
  /** Default: `endpoint`; whether clients reach the public one is no matter to the other steps. */
  readonly which?: WhichEndpoint
  /** Default: now, backdated as all grants are. */
  readonly signedAtMs?: number
  /** Default: 60 s from now. */
  readonly expiresInSeconds?: number
}

/** One request to be signed. */
export interface ProbeRequest extends SignedFor {
  readonly method: PresignRequest['method']
  /** Default: none, which names the bucket. */
  readonly key?: string
  /** Headers that are signed and sent. */
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: ReadonlyMap<string, string>
}

/** What is done to a request after it was signed. */
export interface Changed extends Patience {
  readonly method?: string
  /** Headers that are sent and not signed. */
  readonly unsigned?: Readonly<Record<string, string>>
  /** Signed headers that are not sent, lower-case. */
  readonly omitted?: readonly string[]
  readonly body?: () => RequestInit['body']
  readonly url?: (signed: string) => string
}

/** A PUT by a URL of ours: what is signed, and what is sent. */
export interface Attempt extends SignedFor, Patience {
  /** Default: a new key. */
  readonly key?: string
  /** Body whose length is signed. Default: `FIVE`. */
  readonly signed?: string
  /** Default: what was signed. */
  readonly sent?: string
  /** Without a length. Default false. */
  readonly chunked?: boolean
  /** Default `text/plain`. */
  readonly signedType?: string
  /** Default: what was signed. `none` sends no type at all. */
  readonly sentType?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly unsigned?: Readonly<Record<string, string>>
  /** Signed headers that are not sent, lower-case. Default: none. */
  readonly omitted?: readonly string[]
  readonly url?: (signed: string) => string
}

/** A request as `fetch` takes it. */
export function initOf(
  method: string,
  headers: Readonly<Record<string, string>>,
  body: RequestInit['body'],
): RequestInit {
  if (body === undefined) return { method, headers: { ...headers } }
  // The Fetch standard asks for it with a body that streams; not every library of types knows it.
  const streams: object = body instanceof ReadableStream ? { duplex: 'half' } : {}
  return { method, headers: { ...headers }, body, ...streams }
}

/** A body of unknown length, which goes out in chunks. */
export function streamOf(text: string): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text))
      controller.close()
    },
  })
}
