import type { Hono, MiddlewareHandler } from 'hono'
import { HonoBase } from 'hono/hono-base'
import type { H, RouterRoute } from 'hono/types'
import { GatewayError } from '../errors.ts'
import { newUuid } from '../gateway/ids.ts'
import { createRareLog } from '../rare-log.ts'
import type { AppContext } from './app-context.ts'
import { frameHeaders } from './json-answer.ts'
import { OUTAGE_LOG_MS, type ProblemContext, problemResponse } from './problem.ts'
import type { HttpContext, Variables } from './route.ts'
import { StaticPathRouter } from './static-path-router.ts'

/** They are answered under any load: whoever asks decides whether the process lives. */
const HEALTH_PATHS: ReadonlySet<string> = new Set(['/healthz', '/readyz'])
/** Methods that metrics name; a runtime may let any token through, and each would be a time series. */
const METHODS: ReadonlySet<string> = new Set([
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
  'OPTIONS',
])
const REQUEST_ID = /^[A-Za-z0-9._-]{8,64}$/

/**
 * An application with nothing but the frame: ids, problems for errors, 404 for unknown routes.
 * `toldAs`: what its callers are told of an error. Default: what it says itself.
 */
export function framedApp(
  context: AppContext,
  toldAs: (error: Error) => Error = (error) => error,
): Hono<{ Variables: Variables; Bindings: object }> {
  const router = new StaticPathRouter<[H, RouterRoute]>()
  // `Hono` itself would bring its own routers along.
  const app = new HonoBase<{ Variables: Variables; Bindings: object }>({ strict: true, router })
  const { clock, log } = context
  const problems: ProblemContext = { log, outageLog: createRareLog(clock, OUTAGE_LOG_MS) }
  app.onError((error, http) => {
    dropAnswer(http)
    return problemResponse(problems, toldAs(error), http.get('requestId'))
  })
  app.notFound((http) =>
    problemResponse(
      problems,
      new GatewayError('NoSuchRoute', 'Cannot find the route: no such path and method'),
      http.get('requestId'),
    ),
  )
  app.use(requestFrame(context, problems))
  return app
}

/**
 * What surrounds every request: an id, a bound on how many are under way, the headers that every
 * answer has, and one event when it is done.
 */
function requestFrame(
  context: AppContext,
  problems: ProblemContext,
): MiddlewareHandler<{ Variables: Variables; Bindings: object }> {
  let underWay = 0
  return async function frame(http, next) {
    const startedMs = context.clock.nowMs()
    const given = http.req.raw.headers.get('x-request-id') ?? ''
    http.set('requestId', REQUEST_ID.test(given) ? given : newUuid(context.random))
    underWay += 1
    try {
      if ((http.req.raw.headers.get('host') ?? '').includes(',')) {
        throw new GatewayError(
          'InvalidRequest',
          'Cannot accept the request: it has two Host headers',
        )
      }
      if (
        underWay > context.config.server.maxConcurrentRequests &&
        !HEALTH_PATHS.has(http.req.path)
      ) {
        throw new GatewayError('Overloaded', 'Cannot take the request: too many are under way')
      }
      await next()
    } catch (thrown) {
      // Hono asks `onError` about instances of Error only; whatever else is thrown comes to here, and
      // what the frame itself refuses.
      http.res = problemResponse(problems, thrown, http.get('requestId'))
    } finally {
      underWay -= 1
      finish(http, context.lifecycle.state === 'draining')
      context.telemetry.requestServed({
        route: http.req.routePath,
        method: METHODS.has(http.req.method) ? http.req.method : '_OTHER',
        status: http.res.status,
        durationMs: context.clock.nowMs() - startedMs,
      })
    }
  }
}

/**
 * Takes back an answer after which something has failed: Hono would give its headers to the problem, and
 * the `Location` of a redirect is a grant.
 */
function dropAnswer(http: HttpContext): void {
  if (http.finalized) http.res = undefined
}

function finish(http: HttpContext, draining: boolean): void {
  const { res } = http
  if (res !== http.get('framed')) {
    for (const [name, value] of Object.entries(frameHeaders(http.get('requestId')))) {
      if (name !== 'cache-control' || !res.headers.has(name)) res.headers.set(name, value)
    }
  }
  // A connection that stays busy is otherwise served on and on after the server has closed.
  if (draining) res.headers.set('connection', 'close')
}
