import type * as z from 'zod/mini'
import type { AdminRequest } from '../gateway/directory-admin/admin-request.ts'
import { readPrecondition } from './entity-tag.ts'
import { validate } from './read-body.ts'
import type { AdminCall } from './route.ts'

/** Who changes something by this call, and over which version. Throws `InvalidRequest`. */
export function adminRequest({ admin, requestId, http }: AdminCall): AdminRequest {
  return { admin: admin.name, requestId, precondition: readPrecondition(http.req.raw.headers) }
}

/** Names in the path of a call, as they are: of what is not there there is nothing to find. */
export function pathOf<Shape extends z.core.$ZodLooseShape>(
  { http }: Pick<AdminCall, 'http'>,
  schema: z.ZodMiniObject<Shape>,
): z.output<z.ZodMiniObject<Shape>> {
  const names = Object.keys(schema.shape)
  return Object.fromEntries(names.map((name) => [name, http.req.param(name) ?? ''])) as z.output<
    z.ZodMiniObject<Shape>
  >
}

/** The same, of what is to be made. Throws `InvalidRequest` for names that nothing can have. */
export function newPathOf<Shape extends z.core.$ZodLooseShape>(
  call: Pick<AdminCall, 'http'>,
  schema: z.ZodMiniObject<Shape>,
): z.output<z.ZodMiniObject<Shape>> {
  return validate(schema, pathOf(call, schema), 'path') as z.output<z.ZodMiniObject<Shape>>
}

/** Members that lists of tenants and users can be filtered by; absent: any. */
export interface EntityFilter {
  readonly plan?: string | undefined
  readonly source?: string | undefined
  readonly suspended?: string | undefined
}

/** Whether an entity is one of those that a list is to show. */
export function fitsFilter(
  view: { readonly plan?: string; readonly source: string; readonly suspended: boolean },
  { plan, source, suspended }: EntityFilter,
): boolean {
  return (
    (plan === undefined || view.plan === plan) &&
    (source === undefined || view.source === source) &&
    (suspended === undefined || String(view.suspended) === suspended)
  )
}
