import type { Hono, MiddlewareHandler } from 'hono'
import { cors } from 'hono/cors'
import type { Principal } from '../auth/principal.ts'
import { auditRefusal } from '../gateway/audit-events.ts'
import { assertMayAct } from '../gateway/may-act.ts'
import { registerDescription } from './api-description.ts'
import type { AppContext } from './app-context.ts'
import { BATCH_ROUTES } from './batch-routes.ts'
import { withWhereabouts } from './client-address.ts'
import { DIAGNOSIS_ROUTES } from './diagnosis-routes.ts'
import { DOWNLOAD_ROUTES } from './download-routes.ts'
import { EVENTS_DESCRIPTION, EVENTS_PATH, registerEventRoutes } from './event-routes.ts'
import { guardedAuthentication } from './guarded-authentication.ts'
import { OBJECT_ROUTES } from './object-routes.ts'
import { registerRoutes } from './register-routes.ts'
import { framedApp } from './request-frame.ts'
import type { Route, Variables } from './route.ts'
import { UPLOAD_ROUTES } from './upload-routes.ts'
import { USAGE_ROUTES } from './usage-routes.ts'

/** Routes of the public API that need a principal: all but health and documentation. */
export const PUBLIC_API: readonly Route[] = [
  ...UPLOAD_ROUTES,
  ...DIAGNOSIS_ROUTES,
  ...BATCH_ROUTES,
  ...DOWNLOAD_ROUTES,
  ...OBJECT_ROUTES,
  ...USAGE_ROUTES,
]

/** Paths of the public listener that answer without a credential. */
export const OPEN_PATHS = ['/healthz', '/readyz', '/openapi.json', '/docs'] as const

/** A preflight may be kept this long, in seconds. */
const PREFLIGHT_MAX_AGE_SECONDS = 600

/** The public application, the same on every runtime. Does no I/O itself. */
export function createApp(context: AppContext): Hono<{ Variables: Variables; Bindings: object }> {
  const app = framedApp(context)
  const authenticate = guardedAuthentication(context, (presented) =>
    context.authenticate(presented),
  )
  app.use('/v1/*', exactCors(context))

  app.get('/healthz', (http) => http.json({ status: 'ok' }))
  app.get('/readyz', (http) => {
    const { state } = context.lifecycle
    if (state === 'ready' && context.tokens.hadKeys) return http.json({ status: state })
    const status = state === 'ready' ? 'starting' : state
    return http.json({ status }, 503, { 'retry-after': '1' })
  })
  registerDescription(app, [...PUBLIC_API, EVENTS_DESCRIPTION], { docs: true })
  registerEventRoutes(app, context)
  registerRoutes(app, context, {
    routes: PUBLIC_API,
    admit: (http) => {
      const known = (principal: Principal) => ({
        principal: withWhereabouts(context, http, principal),
      })
      const principal = authenticate(http)
      return principal instanceof Promise ? principal.then(known) : known(principal)
    },
    check: ({ config, keyUses }, { principal }) => {
      if (principal.keyId !== undefined) keyUses.note(principal.keyId)
      assertMayAct(config, principal)
    },
    onRefusal: (http, { principal }, { error }) => {
      const requestId = http.get('requestId')
      auditRefusal(context, 'request.refused', { principal, requestId }, error)
    },
  })
  return app
}

/**
 * CORS for the origins that are listed now, matched exactly; no credentials, nothing for any other. Stores
 * send their events from no page.
 */
function exactCors(context: AppContext): MiddlewareHandler {
  const answer = cors({
    origin: (origin) => (context.config.server.cors.origins.has(origin) ? origin : null),
    allowMethods: ['GET', 'HEAD', 'POST', 'DELETE'],
    allowHeaders: ['authorization', 'content-type', 'idempotency-key'],
    exposeHeaders: ['location', 'ratelimit', 'ratelimit-policy', 'retry-after', 'x-request-id'],
    maxAge: PREFLIGHT_MAX_AGE_SECONDS,
  })
  const forStores = EVENTS_PATH.replace(':store', '')
  return (http, next) => {
    const offered = context.config.server.cors.origins.size > 0
    return offered && !http.req.path.startsWith(forStores) ? answer(http, next) : next()
  }
}
