import type { Hono } from 'hono'
import { GatewayError } from '../errors.ts'
import { createPinning } from '../gateway/pinned-context.ts'
import type { AppContext } from './app-context.ts'
import { readJson, validate } from './read-body.ts'
import { BODY_CAPS, type Call, type HttpContext, type Route, type Variables } from './route.ts'

type App = Hono<{ Variables: Variables; Bindings: object }>

/** What a handler knows of its caller. */
type Admitted<C extends Call> = Omit<C, keyof Call>

/** What came to nothing, and why. */
interface Refused<C extends Call> {
  readonly route: Route<C>
  readonly error: unknown
}

/**
 * Serves routes. For each request: the credential (`admit` throws), then the body (capped), then the
 * schemas, then the handler; so strangers leave before the body is read.
 */
export function registerRoutes<C extends Call>(
  app: App,
  context: AppContext,
  {
    routes,
    admit,
    check,
    onRefusal,
  }: {
    routes: readonly Route<C>[]
    admit: (http: HttpContext, route: Route<C>) => Admitted<C> | Promise<Admitted<C>>
    /** Throws for a caller that is known and may not do this; asked before the body is read. */
    check?: (context: AppContext, caller: Admitted<C>, route: Route<C>) => void
    /** Told of every error after `admit`, before it is answered. */
    onRefusal?: (http: HttpContext, caller: Admitted<C>, refused: Refused<C>) => void
  },
): void {
  const pinning = createPinning(() => context)
  for (const route of routes) {
    const answer = async (http: HttpContext) => {
      const admitted = admit(http, route)
      const caller = admitted instanceof Promise ? await admitted : admitted
      // One generation of the settings from here on, whatever is replaced meanwhile.
      const pinned = pinning()
      try {
        check?.(pinned, caller, route)
        const call = await readCall(pinned, http, route)
        return await context.telemetry.span(route.operationId, { 'http.route': route.path }, () =>
          route.handle({ ...call, ...caller } as C),
        )
      } catch (error) {
        onRefusal?.(http, caller, { route, error })
        throw error
      }
    }
    // Hono serves HEAD from a GET route and drops the body itself.
    app.on(route.method === 'HEAD' ? 'GET' : route.method, route.path, answer)
  }
}

async function readCall<C extends Call>(
  context: AppContext,
  http: HttpContext,
  route: Route<C>,
): Promise<Call> {
  const { query: querySchema, maxBodyBytes = BODY_CAPS.default } = route
  const raw =
    route.method === 'GET' || route.method === 'HEAD'
      ? undefined
      : await readJson(http.req.raw, maxBodyBytes)
  const bodySchema = bodySchemaOf(route, raw)
  if (bodySchema === undefined && raw !== undefined) {
    throw new GatewayError('InvalidRequest', 'Cannot accept the body: there must be none')
  }
  return {
    context,
    http,
    requestId: http.get('requestId'),
    body: bodySchema === undefined ? undefined : validate(bodySchema, raw, 'body'),
    query: readQuery(http, querySchema),
  }
}

function bodySchemaOf<C extends Call>(
  { body, alternativeBodies }: Route<C>,
  raw: unknown,
): Route['body'] {
  if (alternativeBodies === undefined || typeof raw !== 'object' || raw === null) return body
  const member = Object.keys(alternativeBodies).find((name) => Object.hasOwn(raw, name))
  return member === undefined ? body : alternativeBodies[member]
}

/** What a request brings along as credentials, for the authenticator to judge. */
export function presentedCredentials(http: HttpContext) {
  const { headers } = http.req.raw
  const text = queryOf(http)
  const query = text === '' ? undefined : new URLSearchParams(text)
  return {
    authorization: headers.get('authorization'),
    hasQueryCredential: query !== undefined && (query.has('access_token') || query.has('api_key')),
    hasOtherCredential: headers.has('x-api-key'),
  }
}

/** The query by its schema; without one it has to be empty. Throws `InvalidRequest`. */
export function readQuery(
  http: HttpContext,
  schema: Route['query'],
): Readonly<Record<string, unknown>> {
  const text = queryOf(http)
  if (text === '') return schema === undefined ? {} : emptyQuery(schema)
  const parameters = new URLSearchParams(text)
  const names = [...parameters.keys()]
  const doubled = names.find((name, index) => names.indexOf(name) !== index)
  if (doubled !== undefined) {
    throw new GatewayError('InvalidRequest', 'Cannot accept the query: a parameter comes twice', {
      fields: [{ path: doubled.slice(0, 64), message: 'must be given once' }],
    })
  }
  const values = Object.fromEntries(parameters)
  if (schema === undefined) {
    if (names.length === 0) return {}
    throw new GatewayError('InvalidRequest', 'Cannot accept the query: no parameter is known', {
      fields: names.map((name) => ({ path: name.slice(0, 64), message: 'is not known' })),
    })
  }
  return parsedQuery(schema, values)
}

/** What an absent query means, by schema: it is the same for all requests. */
const emptyQueries = new WeakMap<NonNullable<Route['query']>, Readonly<Record<string, unknown>>>()

function emptyQuery(schema: NonNullable<Route['query']>): Readonly<Record<string, unknown>> {
  const known = emptyQueries.get(schema)
  if (known !== undefined) return known
  const parsed = Object.freeze(parsedQuery(schema, {}))
  emptyQueries.set(schema, parsed)
  return parsed
}

function parsedQuery(
  schema: NonNullable<Route['query']>,
  values: Readonly<Record<string, string>>,
): Readonly<Record<string, unknown>> {
  return validate(schema, values, 'query') as Record<string, unknown>
}

function queryOf(http: HttpContext): string {
  const at = http.req.url.indexOf('?')
  return at < 0 ? '' : http.req.url.slice(at + 1)
}
