import type { Hono } from 'hono'
import * as z from 'zod/mini'
import { unauthenticated } from '../auth/bearer.ts'
import { GatewayError } from '../errors.ts'
import { lazily } from '../lazily.ts'
import type { Store } from '../stores/store.ts'
import type { AppContext } from './app-context.ts'
import { createFailureBrake } from './failure-brake.ts'
import { jsonAnswer } from './json-answer.ts'
import { readRaw } from './read-body.ts'
import { readQuery } from './register-routes.ts'
import { BODY_CAPS, type HttpContext, type RouteDescription, type Variables } from './route.ts'

/** Where stores send their events. No API key opens it, and no browser has business there. */
export const EVENTS_PATH = '/v1/events/:store'

const proving = lazily(() => import('../stores/events/proof-in-headers.ts'))
const reading = lazily(() => import('../stores/events/read-events.ts'))

/** Characters of a store's name that the brake for failed proofs tells apart. */
const MAX_NAME = 64

/**
 * `POST /v1/events/{store}`: takes a delivery whole, 202, or nothing of it. A stranger's body is left
 * unread where its headers can tell, and a store that is not known, or sends no events, is told the same
 * as a wrong secret. Who fails too often is slowed down, unless the headers show that it is the store.
 */
export function registerEventRoutes(
  app: Hono<{ Variables: Variables; Bindings: object }>,
  context: AppContext,
): void {
  // Strangers may share a store's network, be it that of a proxy: they must not stop its true events, also
  // where the proof is in the body. Nothing but its length keeps a secret from being guessed.
  const brake = createFailureBrake(context)

  async function answer(http: HttpContext, name: string): Promise<Response> {
    const store = context.config.stores.get(name)
    const { proofInHeaders } = await proving()
    const proof = await proofInHeaders(store?.events, http.req.raw.headers, context.eventPorts)
    if (proof === 'shown' && store !== undefined) {
      // Strangers are not told how much waits.
      if (!context.events.hasRoom(name)) throw full()
      return takeEvents(context, http, store)
    }
    const named = () => name.replaceAll(/[^!-~]/g, '_').slice(0, MAX_NAME)
    return brake({ http, name: named }, async () => {
      if (proof === 'missing' || store === undefined) throw unauthenticated()
      return takeEvents(context, http, store)
    })
  }

  app.post(EVENTS_PATH, (http) =>
    context.telemetry.span('takeEvents', { 'http.route': EVENTS_PATH }, () =>
      answer(http, http.req.param('store')),
    ),
  )
}

async function takeEvents(context: AppContext, http: HttpContext, store: Store): Promise<Response> {
  const raw = await readRaw(http.req.raw, BODY_CAPS.events)
  const delivery = { headers: http.req.raw.headers, raw }
  const { readEvents } = await reading()
  const events = await readEvents(store, delivery, context.eventPorts)
  readQuery(http, undefined)
  context.events.take(store.name, events)
  return jsonAnswer(http, {}, { status: 202 })
}

function full(): GatewayError {
  return new GatewayError('Overloaded', 'Cannot take the events: too many are waiting')
}

/** What the OpenAPI document says of it. */
export const EVENTS_DESCRIPTION: RouteDescription = {
  method: 'POST',
  path: EVENTS_PATH,
  operationId: 'takeEvents',
  summary: 'Events of a store: hints, each checked with the store. For stores, not for callers',
  foreign: {
    proof: 'The event secret of the store, or the proof of its provider. No API key opens it',
    body: 'One delivery of the store, at most 1,000 records and 1 MiB, in the shape of its provider',
  },
  responses: {
    202: { description: 'All of it waits to be looked after', schema: z.strictObject({}) },
  },
  errors: [
    'InvalidRequest',
    'Unauthenticated',
    'RequestTooLarge',
    'UnsupportedMediaType',
    'SlowDown',
    'InternalError',
    'AuthUnavailable',
    'Overloaded',
  ],
}
