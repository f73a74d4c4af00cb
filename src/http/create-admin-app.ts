import type { Hono } from 'hono'
import type { AdminIdentity } from '../auth/identity.ts'
import { GatewayError } from '../errors.ts'
import { auditAdminRefusal } from '../gateway/audit-events.ts'
import { ADMIN_ROUTES } from './admin-routes.ts'
import { registerDescription } from './api-description.ts'
import type { AppContext } from './app-context.ts'
import { guardedAuthentication } from './guarded-authentication.ts'
import { registerRoutes } from './register-routes.ts'
import { framedApp } from './request-frame.ts'
import type { Variables } from './route.ts'

/** Paths of the admin listener that answer without a credential: they hold no secret and no name. */
export const OPEN_ADMIN_PATHS = ['/healthz', '/metrics', '/openapi.json'] as const

/** The admin application: a listener of its own, loopback by default. No CORS at all. */
export function createAdminApp(
  context: AppContext,
): Hono<{ Variables: Variables; Bindings: object }> {
  const app = framedApp(context, withReason)
  const authenticate = guardedAuthentication(context, (presented) =>
    context.authenticateAdmin(presented),
  )
  app.get('/healthz', (http) => http.json({ status: 'ok' }))
  app.get('/metrics', async (http) =>
    http.text((await context.readMetrics?.()) ?? '', 200, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    }),
  )
  registerDescription(app, ADMIN_ROUTES)
  registerRoutes(app, context, {
    routes: ADMIN_ROUTES,
    admit: (http) => {
      const admin = authenticate(http)
      return admin instanceof Promise ? admin.then((known) => ({ admin: known })) : { admin }
    },
    check: (_, { admin }, { method }) => assertMay(admin, method),
    onRefusal: (http, { admin }, { route, error }) => {
      const { operationId: action, method } = route
      // Looking changes nothing, and whoever is known may look.
      if (isLook(method)) return
      auditAdminRefusal(
        context,
        { admin: admin.name, action, requestId: http.get('requestId') },
        error,
      )
    },
  })
  return app
}

/** A viewer may look, and change nothing. Throws `AccessDenied`. */
function assertMay({ role }: AdminIdentity, method: string): void {
  if (role === 'operator' || isLook(method)) return
  throw new GatewayError('AccessDenied', 'Cannot change anything: a viewer may only look')
}

function isLook(method: string): boolean {
  return method === 'GET' || method === 'HEAD'
}

/** Operators are told why the ledger does not answer, and what heals it; callers are not. */
function withReason(error: Error): Error {
  if (!(error instanceof GatewayError) || error.code !== 'LedgerUnavailable') return error
  const why = error.details.facts?.why
  if (typeof why !== 'string') return error
  return new GatewayError(error.code, `${error.message}: ${why}`, error.details)
}
