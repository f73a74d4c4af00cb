import type { Context } from 'hono'
import type * as z from 'zod/mini'
import type { AdminIdentity } from '../auth/identity.ts'
import type { Principal } from '../auth/principal.ts'
import type { ErrorCode } from '../errors.ts'
import type { AppContext } from './app-context.ts'

/** Body caps, in bytes: what a stranger may make us read is little, and always bounded. */
export const BODY_CAPS = {
  default: 16_384,
  parts: 65_536,
  complete: 1_048_576,
  items: 2_097_152,
  events: 1_048_576,
}

/** Variables that middleware leaves for handlers. */
export interface Variables {
  requestId: string
  principal: Principal
  /** An answer that has the frame's headers already. */
  framed?: Response
}

export type HttpContext = Context<{ Variables: Variables; Bindings: object }>

/** What every handler receives beside the request: all of it parsed and validated. */
export interface Call {
  readonly context: AppContext
  readonly http: HttpContext
  readonly requestId: string
  readonly body: unknown
  readonly query: Readonly<Record<string, unknown>>
}

/** A call of the public API: `principal` is who asks. */
export interface RouteCall extends Call {
  readonly principal: Principal
}

/** A call of the admin API: `admin` is who administers. */
export interface AdminCall extends Call {
  readonly admin: AdminIdentity
}

/** One answer of a route, for the OpenAPI document. */
export interface RouteResponse {
  readonly description: string
  readonly schema?: z.ZodMiniType
  readonly headers?: Readonly<Record<string, string>>
}

/** One path and method: served, validated and documented from this one description. */
export interface Route<C extends Call = RouteCall> {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Hono's form, `:name` and a trailing `*` for an object key. */
  readonly path: string
  readonly operationId: string
  readonly summary: string
  readonly body?: z.ZodMiniType
  /**
   * Other forms of the body, by a member that tells each: the first that is there decides, so that what is
   * wrong is told of one form and by its members.
   */
  readonly alternativeBodies?: Readonly<Record<string, z.ZodMiniType>>
  /** Strict schema of the query; absent: no parameter is known. */
  readonly query?: z.ZodMiniObject
  /** Request headers that mean something to this route, with what they mean. */
  readonly headers?: Readonly<Record<string, string>>
  /** In bytes. Default 16 KiB. */
  readonly maxBodyBytes?: number
  readonly responses: Readonly<Record<number, RouteResponse>>
  /** Codes beside those that every route can answer. */
  readonly errors: readonly ErrorCode[]
  readonly handle: (call: C) => Promise<Response>
}

/** What is documented of a route. */
export type RouteDescription = Omit<Route, 'handle'> & {
  /** It is for others than callers: what opens it instead of an API key, and what its body is. */
  readonly foreign?: { readonly proof: string; readonly body: string }
}

/** Freezes the type of a route; it does nothing else. */
export function route<C extends Call = RouteCall>(description: Route<C>): Route<C> {
  return description
}
