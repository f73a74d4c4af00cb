import type { TestGateway } from '../support/test-gateway.ts'

/** One path and method of an application, filled in. */
export interface Operation {
  readonly app: TestGateway['app']
  readonly method: string
  /** As it is registered. */
  readonly route: string
  /** One request target of the route. */
  readonly path: string
}

// What `app.use` registers: it answers nothing by itself but preflights.
const MIDDLEWARE: ReadonlySet<string> = new Set(['/*', '/v1/*'])
const EVERY_METHOD = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']

/** Every operation that the two applications serve, asked of the router itself. */
export function operations(gateway: TestGateway): Operation[] {
  return [gateway.app, gateway.admin].flatMap((app) =>
    app.routes.flatMap(({ method, path: route }) => {
      if (method === 'ALL' && MIDDLEWARE.has(route)) return []
      const path = route
        .replace(':bucket', 'media')
        .replace('/*', '/acme/alice/cat.jpg')
        .replaceAll(/:\w+/g, 'up_0000000000000000000000000000')
      const methods = method === 'ALL' ? EVERY_METHOD : [method]
      return methods.map((each) => ({ app, method: each, route, path }))
    }),
  )
}

/** Those of them that answer strangers, by listener. Each name is argued for in the threat model. */
export const OPEN_TO_ALL = {
  app: ['/healthz', '/readyz', '/openapi.json', '/docs'],
  admin: ['/healthz', '/metrics', '/openapi.json'],
} as const

/** The same of both listeners. */
export const OPEN_ROUTES: ReadonlySet<string> = new Set(Object.values(OPEN_TO_ALL).flat())
