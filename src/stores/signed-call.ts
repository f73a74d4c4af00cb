import type { Clock } from '../clock.ts'
import { GatewayError } from '../errors.ts'
import { lazily } from '../lazily.ts'
import { encodeSegment } from '../object-key.ts'
import { readCapped } from '../read-capped.ts'
import { toAmzDate } from './amz-date.ts'
import { storeTime } from './head-answer.ts'
import type { StoreLocation } from './object-url.ts'
import { serverName } from './server-name.ts'
import { createSigningKeys, type SigningKeysOf } from './signing-keys.ts'
import type { Store } from './store.ts'
import type { StoreHealth } from './store-health.ts'
import { watchedBody } from './watched-body.ts'

/** Sends one request; the global `fetch` fits. */
export type SendRequest = (url: string, init: RequestInit) => Promise<Response>

/** One call of the gateway to a store, and which answers it can use. */
export interface StoreCall {
  readonly store: Store
  /** For messages: "Cannot <verb>: …". */
  readonly verb: string
  readonly method: 'HEAD' | 'GET' | 'DELETE' | 'POST' | 'PUT'
  readonly location: StoreLocation
  readonly query: ReadonlyMap<string, string>
  /** More headers, lower-case: signed and sent. Default: none. */
  readonly headers?: ReadonlyMap<string, string>
  readonly body?: string
  /** How long this call may take, in milliseconds. Default: the store's own `timeoutMs`. */
  readonly timeoutMs?: number
  /** Nobody waits for it: it leaves room for calls that somebody waits for. Default false. */
  readonly background?: true | undefined
  /** It looks whether the store answers: also while it does not, when other calls fail at once. */
  readonly isCheck?: boolean | undefined
  /**
   * It is about an object that a caller may have named: 500 can be about that name alone, and shows nothing of the
   * store. Default false.
   */
  readonly isOfName?: true
  /** Ends it early; then it shows nothing of the store. */
  readonly signal?: AbortSignal | undefined
  readonly accepts: (response: Response) => boolean
}

/** Sends a call and answers an accepted response. Its body must still be read, or cancelled. */
export type SignedCall = (call: StoreCall) => Promise<Response>

const aws4fetch = lazily(() => import('aws4fetch'))

const MAX_ERROR_BYTES = 64 * 1024
/** Usually some tenths of one; how long it takes says nothing of the store. */
const MAX_SIGNING_MS = 2_000

/** What calls need of the world. */
export interface SignedCallOptions {
  readonly send: SendRequest
  /** Dates the signatures. */
  readonly clock: Clock
  /** Sees every call, and says which ones may be made. */
  readonly health?: StoreHealth | undefined
}

/**
 * Calls to stores, signed in headers by aws4fetch with the `manage` credential, for `endpoint`. One
 * attempt each, within its `timeoutMs` including the wait for its turn and the body; redirects are not
 * followed. The call throws `StoreUnavailable` for a timeout, a refused connection and every answer
 * that is not accepted, with its status and S3 code in `facts` and never the URL; and what `health`
 * throws.
 */
export function createSignedCall({ send, clock, health }: SignedCallOptions): SignedCall {
  const signingKeysOf = createSigningKeys()
  return async function callStore(call) {
    const url = urlOf(call)
    const { store, method, background = false, isCheck = false } = call
    const signing = signedHeaders(url, call, toAmzDate(clock.nowMs()), signingKeysOf)
    const headers = await inTime(signing, call)
    const timeoutMs = call.timeoutMs ?? store.timeoutMs
    const tooLong = AbortSignal.timeout(timeoutMs)
    const signal = call.signal === undefined ? tooLong : AbortSignal.any([tooLong, call.signal])
    // Half of its time is left to every call that is made, so that one which fails tells of the store.
    const visit = await health?.visit(store, { background, patienceMs: timeoutMs / 2, isCheck })
    const sentAtMs = clock.nowMs()
    let response: Response
    try {
      response = await send(url, {
        method,
        headers,
        redirect: 'manual',
        ...(call.body !== undefined && { body: call.body }),
        signal,
      })
    } catch (cause) {
      visit?.ended(call.signal?.aborted === true ? {} : { failed: true })
      throw unavailable(call, { reason: reasonOf(cause) })
    }
    const { storeNowMs: dateMs } = storeTime(response.headers)
    if (dateMs !== undefined) visit?.dated({ dateMs, sentAtMs, receivedAtMs: clock.nowMs() })
    const isAway = saysAway(response)
    const { status } = response
    const isUnclear = status === 500 && call.isOfName === true
    const onEnd = (broke: boolean) =>
      visit?.ended(isUnclear ? {} : { failed: isAway || broke, status })
    // Nobody reads what comes after the head of a HEAD, whatever it is.
    const body = watchedBody(method === 'HEAD' ? null : response.body, { signal, onEnd })
    if (call.accepts(response)) {
      visit?.named(serverName(response.headers) ?? '')
      return withBody(response, body)
    }
    throw unavailable(call, {
      status: response.status,
      code: await errorCodeOf({ body }),
      ...clockFact(health?.clockOffsetMs(store.name)),
    })
  }
}

/** WebCrypto waits for a thread, and there is none while all of them wait for names of hosts. */
async function inTime<T>(signing: Promise<T>, call: StoreCall): Promise<T> {
  const over = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    over.reject(unavailable(call, { reason: 'unsigned in time', sent: false }))
  }, MAX_SIGNING_MS)
  try {
    return await Promise.race([signing, over.promise])
  } finally {
    clearTimeout(timer)
  }
}

function withBody({ status, statusText, headers }: Response, body: Response['body']): Response {
  return new Response(body, { status, statusText, headers })
}

/** It answers for a store that cannot, or has too much to do: 501 says that it never will. */
export function saysAway({ status }: Pick<Response, 'status'>): boolean {
  return status === 429 || (status >= 500 && status !== 501)
}

/** A clock that is off explains many a refusal: S3 takes 15 minutes (`RequestTimeTooSkewed`). */
function clockFact(offsetMs = 0): { clockOffsetSeconds?: number } {
  return Math.abs(offsetMs) > 60_000 ? { clockOffsetSeconds: Math.round(offsetMs / 1000) } : {}
}

/** The error of a call without a usable answer. `facts` are for the log. */
export function unavailable(
  { store, verb }: Pick<StoreCall, 'store' | 'verb'>,
  facts: Readonly<Record<string, string | number | boolean>>,
): GatewayError {
  return new GatewayError('StoreUnavailable', `Cannot ${verb}: the store gave no usable answer`, {
    facts: { store: store.name, ...facts },
  })
}

function urlOf({ location, query }: StoreCall): string {
  const pairs = [...query].map(([name, value]) => `${encodeSegment(name)}=${encodeSegment(value)}`)
  const search = pairs.length === 0 ? '' : `?${pairs.join('&')}`
  return `${location.origin}${location.path}${search}`
}

async function signedHeaders(
  url: string,
  { store, method, location, headers: own }: StoreCall,
  datetime: string,
  signingKeysOf: SigningKeysOf,
): Promise<Headers> {
  const { accessKeyId, secretAccessKey, sessionToken } = store.credentials.manage
  const { AwsV4Signer } = await aws4fetch()
  const signer = new AwsV4Signer({
    method,
    url,
    headers: new Headers([...(own ?? [])]),
    // Without it aws4fetch leaves `content-type` and some others out of the signature.
    allHeaders: true,
    accessKeyId,
    secretAccessKey: secretAccessKey.reveal(),
    ...(sessionToken !== undefined && { sessionToken: sessionToken.reveal() }),
    service: 's3',
    region: store.region,
    datetime,
    cache: signingKeysOf(store.credentials.manage, datetime.slice(0, 8)),
  })
  if (signer.encodedPath !== location.path) {
    throw new GatewayError('InternalError', 'Cannot call the store: the path changed on the way')
  }
  const { headers } = await signer.sign()
  // Unsigned, because proxies rewrite it; asked for, so that sizes are those of the object.
  headers.set('accept-encoding', 'identity')
  return headers
}

/** Why there was no answer, in a word. Never the error's own text: runtimes put the URL in it. */
export function reasonOf(cause: unknown): string {
  if (!(cause instanceof Error)) return 'unknown'
  const inner: unknown = cause.cause
  const code = inner instanceof Error && 'code' in inner ? String(inner.code) : ''
  return /^[A-Z][A-Z0-9_]{1,40}$/.test(code) ? code : cause.name
}

/** S3's code in the body of an error; `none` when it has none, `unreadable` when it cannot be read. */
export async function errorCodeOf(response: Pick<Response, 'body'>): Promise<string> {
  try {
    const text = await readCapped(response, MAX_ERROR_BYTES)
    const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? ''
    return /^[A-Za-z]{1,64}$/.test(code) ? code : 'none'
  } catch {
    return 'unreadable'
  }
}
