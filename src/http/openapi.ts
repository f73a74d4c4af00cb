import * as z from 'zod/mini'
import { ERRORS, type ErrorCode, type ErrorEntry } from '../errors.ts'
import { PROBLEM_TYPE } from './problem.ts'
import type { RouteDescription, RouteResponse } from './route.ts'
import { problemSchema } from './schemas.ts'

/** An OpenAPI 3.1 document, as far as the gateway looks into it. */
export interface OpenApi {
  readonly openapi: '3.1.0'
  readonly info: { readonly title: string; readonly version: string; readonly description: string }
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiOperation>>>>
  readonly components: Readonly<Record<string, unknown>>
  readonly security: readonly unknown[]
}

export interface OpenApiOperation {
  readonly operationId: string
  readonly summary: string
  readonly responses: Readonly<Record<string, { readonly description: string }>>
  readonly [member: string]: unknown
}

type JsonSchema = Record<string, unknown>
type Named = Record<string, JsonSchema>

/** Codes that every route with a principal can answer. */
const COMMON_ERRORS: readonly ErrorCode[] = [
  'InvalidRequest',
  'AmbiguousCredentials',
  'Unauthenticated',
  'RequestTooLarge',
  'UnsupportedMediaType',
  'SlowDown',
  'InternalError',
  'AuthUnavailable',
  'Overloaded',
]

/** Builds the document from the descriptions that also serve and validate the routes. */
export function createOpenApi(routes: readonly RouteDescription[]): OpenApi {
  const paths: Record<string, Record<string, OpenApiOperation>> = {}
  const schemas: Named = {}
  jsonSchema(problemSchema, 'output', schemas)
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}').replace('/*', '/{key}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, path, schemas) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Signet',
      version: '1',
      description:
        'Quota-aware pre-signed requests for S3-compatible stores. A key in a path may hold "/".',
    },
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        ...proofsOf(routes),
      },
      schemas,
    },
    security: [{ bearer: [] }],
  }
}

function operation(route: RouteDescription, path: string, named: Named): OpenApiOperation {
  const parameters = [
    ...pathParameters(path),
    ...queryParameters(route, named),
    ...headerParameters(route),
  ]
  const bodies = new Set([route.body, ...Object.values(route.alternativeBodies ?? {})])
  const schemas = [...bodies]
    .flatMap((schema) => schema ?? [])
    .map((schema) => jsonSchema(schema, 'input', named))
  return {
    operationId: route.operationId,
    summary: route.summary,
    ...(parameters.length > 0 && { parameters }),
    ...(schemas.length > 0 && {
      requestBody: {
        content: {
          'application/json': { schema: schemas.length > 1 ? { anyOf: schemas } : schemas[0] },
        },
      },
    }),
    ...(route.foreign !== undefined && {
      requestBody: { description: route.foreign.body, content: {} },
      // Not every provider sends its proof in a header.
      security: [{ [proofName(route)]: [] }, {}],
    }),
    responses: { ...successes(route, named), ...failures(route) },
  }
}

function proofName({ operationId }: RouteDescription): string {
  return `${operationId}Proof`
}

function proofsOf(routes: readonly RouteDescription[]): Record<string, unknown> {
  const foreign = routes.flatMap((route) => {
    if (route.foreign === undefined) return []
    const { proof: description } = route.foreign
    return [[proofName(route), { type: 'http', scheme: 'bearer', description }] as const]
  })
  return Object.fromEntries(foreign)
}

function pathParameters(path: string) {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }))
}

function queryParameters(route: RouteDescription, named: Named) {
  if (route.query === undefined) return []
  const { properties = {} } = jsonSchema(route.query, 'input', named) as {
    properties?: Record<string, unknown>
  }
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', schema }))
}

function headerParameters({ headers = {} }: RouteDescription) {
  return Object.entries(headers).map(([name, description]) => ({
    name,
    in: 'header',
    description,
    schema: { type: 'string' },
  }))
}

function successes(route: RouteDescription, named: Named): Record<string, { description: string }> {
  return Object.fromEntries(
    Object.entries(route.responses).map(([status, response]) => [status, success(response, named)]),
  )
}

function success({ description, schema, headers }: RouteResponse, named: Named) {
  return {
    description,
    ...(headers !== undefined && {
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, text]) => [
          name,
          { description: text, schema: { type: 'string' } },
        ]),
      ),
    }),
    ...(schema !== undefined && {
      content: { 'application/json': { schema: jsonSchema(schema, 'output', named) } },
    }),
  }
}

/** Errors by status, each naming its codes. */
function failures(route: RouteDescription): Record<string, { description: string }> {
  const byStatus = new Map<number, ErrorCode[]>()
  const common = route.foreign === undefined ? COMMON_ERRORS : []
  for (const code of new Set([...common, ...route.errors])) {
    const entry: ErrorEntry = ERRORS[code]
    for (const status of [entry.status, entry.statusIfWaitingHeals]) {
      if (status === undefined) continue
      byStatus.set(status, [...(byStatus.get(status) ?? []), code])
    }
  }
  const problem = { [PROBLEM_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } }
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, codes]) => [status, { description: codes.join(', '), content: problem }]),
  )
}

/** JSON Schema of one body; schemas with an id are named once, under the document's components. */
function jsonSchema(schema: z.ZodMiniType, io: 'input' | 'output', named: Named): JsonSchema {
  const text = JSON.stringify(
    z.toJSONSchema(schema, { io, target: 'draft-2020-12', unrepresentable: 'any' }),
  ).replaceAll('#/$defs/', '#/components/schemas/')
  const { $schema: _, $defs, id, ...rest } = JSON.parse(text) as JsonSchema
  for (const [name, definition] of Object.entries(($defs ?? {}) as Named)) {
    const { id: _id, ...body } = definition
    named[name] = body
  }
  if (typeof id !== 'string') return rest
  named[id] = rest
  return { $ref: `#/components/schemas/${id}` }
}
