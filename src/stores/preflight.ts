import type { SendRequest } from './signed-call.ts'

/** A request that a page wants to send to another origin. */
export interface PreflightRequest {
  /** Of the page: scheme, host, port unless it is the scheme's default. */
  readonly origin: string
  /** Of the request that would follow. */
  readonly method: string
  /** Names of its headers, as `preflightedHeaders` tells them. */
  readonly headers: readonly string[]
  /** How long the answer may take, in milliseconds. */
  readonly timeoutMs: number
}

/**
 * Why a browser would not send the request. `unreachable`: no answer; `status`: not 200 to 299, whatever
 * the headers say; else what the answer does not let in.
 */
export type PreflightRefusal = 'unreachable' | 'status' | 'origin' | 'method' | 'headers'

/** What a browser would make of an answer to a preflight. */
export interface PreflightAnswer {
  /** The browser would send the request. */
  readonly allowed: boolean
  /** Absent when allowed. */
  readonly why?: PreflightRefusal
  /** Of the answer; absent when there was none. */
  readonly status?: number
  /** Lower-case names that were asked for and not let in; only for `headers`. */
  readonly refusedHeaders: readonly string[]
  /** Whether this answer exposes `ETag`. Some stores say so on the answer to the request alone. */
  readonly exposesEtag: boolean
  /** The answer in a few words: `403, no access-control-allow-origin`. No URL. */
  readonly seen: string
}

/** What `Access-Control-Allow-Methods` need not name (Fetch, CORS-safelisted method). */
const SAFE_METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST'])
/** Set by browsers alone, and in no preflight (Fetch, forbidden request-header). */
const NOT_THE_SCRIPTS: ReadonlySet<string> = new Set(['content-length', 'host', 'accept-encoding'])
/** Longest text of an answer's header that is shown. */
const MAX_SHOWN = 200

/**
 * Asks a store what a browser would ask before a page's request, and reads the answer as the Fetch
 * standard has it (CORS-preflight fetch), for requests without cookies. One attempt, no signature, no
 * redirect. Never throws: no answer is one as well. `url` is not shown in the result.
 */
export async function preflight(
  send: SendRequest,
  url: string,
  { origin, method, headers, timeoutMs }: PreflightRequest,
): Promise<PreflightAnswer> {
  let response: Response
  try {
    response = await send(url, {
      method: 'OPTIONS',
      redirect: 'manual',
      headers: {
        origin,
        'access-control-request-method': method,
        ...(headers.length > 0 && { 'access-control-request-headers': headers.join(',') }),
      },
      signal: AbortSignal.timeout(timeoutMs),
    })
    await response.body?.cancel()
  } catch {
    // The cause is dropped: runtimes put the URL in it.
    const seen = 'no answer'
    return { allowed: false, why: 'unreachable', refusedHeaders: [], exposesEtag: false, seen }
  }
  return readPreflight(response, { origin, method, headers })
}

/** What a browser lets a page see of an answer. */
export interface ShownAnswer {
  /** The script sees it; else it sees a network error, whatever has happened. */
  readonly shown: boolean
  readonly exposesEtag: boolean
  /** The answer in a few words. No URL. */
  readonly seen: string
}

/**
 * Sends a HEAD as a page does and tells whether a script could read the answer, for some stores let
 * preflights in by another setting than answers (Swift). Undefined unless the answer is 200: errors
 * mostly say nothing of origins. Never throws.
 */
export async function answerToPage(
  send: SendRequest,
  url: string,
  { origin, timeoutMs }: Pick<PreflightRequest, 'origin' | 'timeoutMs'>,
): Promise<ShownAnswer | undefined> {
  let response: Response
  try {
    response = await send(url, {
      method: 'HEAD',
      redirect: 'manual',
      headers: { origin },
      signal: AbortSignal.timeout(timeoutMs),
    })
    await response.body?.cancel()
  } catch {
    return undefined
  }
  if (response.status !== 200) return undefined
  const allowedOrigin = response.headers.get('access-control-allow-origin')
  return {
    shown: letsIn(allowedOrigin, origin),
    exposesEtag: exposesEtag(response.headers),
    seen: `200, ${shown('access-control-allow-origin', allowedOrigin)}`,
  }
}

/**
 * Names that a browser asks for before it sends these headers, sorted, lower-case: without those that
 * scripts cannot set. Of safelisted headers only a content type of forms is left out.
 */
export function preflightedHeaders(headers: Iterable<readonly [string, string]>): string[] {
  const names = new Set<string>()
  for (const [name, value] of headers) {
    const lower = name.toLowerCase()
    if (NOT_THE_SCRIPTS.has(lower) || (lower === 'content-type' && isOfForms(value))) continue
    names.add(lower)
  }
  return [...names].sort((a, b) => (a < b ? -1 : 1))
}

function readPreflight(
  { status, headers: answered }: Response,
  { origin, method, headers }: Omit<PreflightRequest, 'timeoutMs'>,
): PreflightAnswer {
  const allowedOrigin = answered.get('access-control-allow-origin')
  const methods = namesOf(answered.get('access-control-allow-methods'))
  const allowed = namesOf(answered.get('access-control-allow-headers'), toLowerCase)
  const refusedHeaders = headers.filter((name) => !letsHeaderIn(allowed, name))
  const why = firstOf({
    status: status < 200 || status > 299,
    origin: !letsIn(allowedOrigin, origin),
    method: !methods.has(method) && !methods.has('*') && !SAFE_METHODS.has(method),
    headers: refusedHeaders.length > 0,
  })
  return {
    allowed: why === undefined,
    ...(why !== undefined && { why }),
    status,
    refusedHeaders: why === 'headers' ? refusedHeaders : [],
    exposesEtag: exposesEtag(answered),
    seen: `${status}, ${shown('access-control-allow-origin', allowedOrigin)}`,
  }
}

/** Without cookies (Fetch, CORS check). */
function letsIn(allowedOrigin: string | null, origin: string): boolean {
  return allowedOrigin === '*' || allowedOrigin === origin
}

/** Whether scripts of a page may read the ETag of an answer (Fetch, CORS-safelisted response-header). */
export function exposesEtag(headers: Headers): boolean {
  const exposed = namesOf(headers.get('access-control-expose-headers'), toLowerCase)
  return exposed.has('etag') || exposed.has('*')
}

function firstOf(found: Readonly<Record<Exclude<PreflightRefusal, 'unreachable'>, boolean>>) {
  // Answers that are no 2xx say nothing of the rest, whatever their headers.
  const order = ['status', 'origin', 'method', 'headers'] as const
  return order.find((why) => found[why])
}

/** `*` lets in all but `authorization` (Fetch, CORS non-wildcard request-header name). */
function letsHeaderIn(allowed: ReadonlySet<string>, name: string): boolean {
  return allowed.has(name) || (allowed.has('*') && name !== 'authorization')
}

function namesOf(list: string | null, spelt = (name: string) => name): ReadonlySet<string> {
  return new Set((list ?? '').split(',').map((name) => spelt(name.trim())))
}

function toLowerCase(text: string): string {
  return text.toLowerCase()
}

function shown(name: string, value: string | null): string {
  if (value === null) return `no ${name}`
  return `${name}: ${value.replace(/\p{C}/gu, '?').slice(0, MAX_SHOWN)}`
}

/** Fetch, CORS-safelisted request-header. */
function isOfForms(contentType: string): boolean {
  const [essence = ''] = contentType.split(';')
  return ['application/x-www-form-urlencoded', 'multipart/form-data', 'text/plain'].includes(
    essence.trim().toLowerCase(),
  )
}
