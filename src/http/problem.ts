import { ERRORS, type ErrorCode, type ErrorEntry, GatewayError } from '../errors.ts'
import type { GatewayContext } from '../gateway/context.ts'
import type { RareLog } from '../rare-log.ts'

/** Media type of RFC 9457. */
export const PROBLEM_TYPE = 'application/problem+json'

/** What an outage or a flood gives to every request: in the log at most once in so long, in ms. */
export const OUTAGE_LOG_MS = 10_000
const OUTAGES: ReadonlySet<ErrorCode> = new Set([
  'AuthUnavailable',
  'LedgerUnavailable',
  'StoreUnavailable',
  'Overloaded',
  'InsufficientStorage',
])

/** Where failures are told. */
export interface ProblemContext extends Pick<GatewayContext, 'log'> {
  /** Told of outages, by code and reason. */
  readonly outageLog: RareLog
}

/**
 * The one place where errors become answers. An error that nobody made for a caller becomes a bare
 * `InternalError`: the request id, and nothing else; the rest goes to the log.
 */
export function problemResponse(
  context: ProblemContext,
  error: unknown,
  requestId: string,
): Response {
  const known = error instanceof GatewayError ? error : undefined
  const code = known?.code ?? 'InternalError'
  const entry: ErrorEntry = ERRORS[code]
  const status = known?.status ?? entry.status
  if (status >= 500) logFailure(context, { requestId, code, error })
  const { fields, violations, capability, rules } = known?.details ?? {}
  const body = {
    type: 'about:blank',
    title: entry.title,
    status,
    code,
    ...(known !== undefined && code !== 'InternalError' && { detail: known.message }),
    requestId,
    ...(fields !== undefined && { fields }),
    ...(violations !== undefined && { violations }),
    ...(capability !== undefined && { capability }),
    ...(rules !== undefined && { rules }),
  }
  const headers = new Headers({
    ...known?.details.headers,
    'content-type': PROBLEM_TYPE,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-request-id': requestId,
  })
  const retryAfter = retryAfterOf(known, entry, status)
  if (retryAfter !== undefined) headers.set('retry-after', String(retryAfter))
  // RFC 6750 section 3: every 401 says which scheme would do.
  if (status === 401) headers.set('www-authenticate', 'Bearer')
  return new Response(JSON.stringify(body), { status, headers })
}

function logFailure(
  { log, outageLog }: ProblemContext,
  failure: { readonly requestId: string; readonly code: ErrorCode; readonly error: unknown },
): void {
  const { code, error } = failure
  if (code === 'InternalError') log.error('request.failed', failure)
  else if (!OUTAGES.has(code)) log.warn('request.failed', failure)
  else {
    const reason = error instanceof Error ? error.message : ''
    outageLog.tell(`${code} ${reason}`, (times) =>
      log.warn('request.failed', { ...failure, times }),
    )
  }
}

function retryAfterOf(
  error: GatewayError | undefined,
  entry: ErrorEntry,
  status: number,
): number | undefined {
  if (status !== 429 && status !== 503 && status !== 507) return undefined
  return error?.details.retryAfterSeconds ?? entry.retryAfterSeconds ?? 1
}
