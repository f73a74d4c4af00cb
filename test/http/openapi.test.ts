import { afterEach, describe, expect, it } from 'vitest'
import { ERRORS } from '../../src/errors.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'
import { OPEN_ROUTES, operations } from './operations.ts'

let gateway: TestGateway
afterEach(() => gateway.close())

type Json = { readonly [member: string]: unknown }

async function served(): Promise<Json> {
  gateway = await openTestGateway()
  const answer = await gateway.app.request('/openapi.json')
  expect(answer.headers.get('content-type')).toMatch(/^application\/json/)
  return answer.json()
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null
}

/** Every object inside a document, itself first. */
function objectsIn(value: unknown): Json[] {
  if (!isObject(value)) return []
  return [value, ...Object.values(value).flatMap(objectsIn)]
}

/** What a reference like `#/components/schemas/Upload` names. */
function resolve(document: Json, reference: string): unknown {
  let found: unknown = document
  for (const part of reference.slice(2).split('/'))
    found = isObject(found) ? found[part] : undefined
  return found
}

interface Described {
  readonly name: string
  readonly operation: Json
}

function operationsOf(document: Json): Described[] {
  return Object.entries(document.paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods as Json).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation: operation as Json,
    })),
  )
}

/** The router's paths in the document's form. */
function routesOf(app: TestGateway['app']): string[] {
  const registered = operations(gateway).filter((each) => each.app === app)
  return registered
    .filter(({ route }) => !OPEN_ROUTES.has(route))
    .map(
      ({ method, route }) =>
        `${method} ${route.replace('/*', '/{key}').replace(/:(\w+)/g, '{$1}')}`,
    )
    .sort((a, b) => (a < b ? -1 : 1))
}

const sorted = (names: readonly string[]) => [...names].sort((a, b) => (a < b ? -1 : 1))

describe('the OpenAPI document', () => {
  it('describes every route of the public listener and no other', async () => {
    const document = await served()
    expect(sorted(operationsOf(document).map(({ name }) => name))).toEqual(routesOf(gateway.app))
  })

  it('of the admin listener describes every route of it and no other, to whoever asks', async () => {
    gateway = await openTestGateway()
    const answer = await gateway.admin.request('/openapi.json')
    expect(answer.status).toBe(200)
    const described = operationsOf(await answer.json())
    expect(sorted(described.map(({ name }) => name))).toEqual(routesOf(gateway.admin))
  })

  it('is OpenAPI 3.1: an info, an id of its own for each operation, responses for all', async () => {
    const document = await served()
    expect(document).toMatchObject({
      openapi: expect.stringMatching(/^3\.1\.\d$/),
      info: { title: expect.any(String), version: expect.any(String) },
    })
    const all = operationsOf(document)
    const ids = all.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { name, operation } of all) {
      expect([name, operation.operationId]).toEqual([name, expect.stringMatching(/^[a-z]\w+$/)])
      const responses = Object.entries(operation.responses as Json)
      expect([name, responses.length > 0]).toEqual([name, true])
      for (const [status, response] of responses) {
        expect([name, status]).toEqual([name, expect.stringMatching(/^[2-5]\d\d$/)])
        expect([name, response]).toEqual([
          name,
          expect.objectContaining({ description: expect.stringMatching(/\S/) }),
        ])
      }
    }
  })

  it('resolves every reference, and names every path parameter once', async () => {
    const document = await served()
    const references = objectsIn(document).flatMap(({ $ref }) =>
      typeof $ref === 'string' ? [$ref] : [],
    )
    expect(references.length).toBeGreaterThan(20)
    for (const reference of new Set(references)) {
      expect([reference, resolve(document, reference)]).toEqual([reference, expect.any(Object)])
    }
    for (const { name, operation } of operationsOf(document)) {
      const inPath = [...name.matchAll(/\{(\w+)\}/g)].map(([, parameter]) => parameter)
      const parameters = (operation.parameters ?? []) as {
        name: string
        in: string
        required?: boolean
      }[]
      const described = parameters.filter((each) => each.in === 'path')
      expect([name, described.map((each) => each.name)]).toEqual([name, inPath])
      expect(described.every(({ required }) => required)).toBe(true)
      const names = parameters.map((each) => `${each.in} ${each.name}`)
      expect([name, new Set(names).size]).toEqual([name, names.length])
    }
  })

  it('says for each operation what a stranger gets, and lists every code of its statuses', async () => {
    const document = await served()
    for (const { name, operation } of operationsOf(document)) {
      const responses = operation.responses as Readonly<Record<string, { description: string }>>
      for (const status of ['400', '401', '500', '503']) {
        expect([name, Object.keys(responses)]).toEqual([name, expect.arrayContaining([status])])
      }
      for (const [status, { description }] of Object.entries(responses)) {
        if (Number(status) < 400) continue
        for (const code of description.split(', ')) {
          const entry: { status: number; statusIfWaitingHeals?: number } | undefined =
            ERRORS[code as keyof typeof ERRORS]
          const statuses = [entry?.status, entry?.statusIfWaitingHeals]
          expect([name, code, statuses]).toEqual([
            name,
            code,
            expect.arrayContaining([Number(status)]),
          ])
        }
      }
    }
    expect(document.security).toEqual([{ bearer: [] }])
  })

  it('shows each form of a body with the members that it must have', async () => {
    const document = await served()
    const forms = (path: string) => {
      const operation = resolve(document, '#/paths') as Json
      const { requestBody } = (operation[path] as { post: { requestBody: { content: Json } } }).post
      const { schema } = requestBody.content['application/json'] as { schema: Json }
      return ((schema.anyOf ?? [schema]) as Json[]).map(({ $ref }) => {
        const { required } = resolve(document, String($ref)) as Json
        return [$ref, required]
      })
    }
    expect(forms('/v1/uploads/{id}/parts')).toEqual([
      ['#/components/schemas/SignParts', ['partNumbers']],
      ['#/components/schemas/SignPartRange', ['from', 'to']],
      ['#/components/schemas/SignCheckedParts', ['parts']],
    ])
    expect(forms('/v1/downloads')).toHaveLength(2)
  })

  it('offers nothing for an upload of a batch that is refused there', async () => {
    const document = await served()
    const { properties } = resolve(document, '#/components/schemas/CreateUploads') as {
      properties: { items: { items: { $ref: string } } }
    }
    const item = resolve(document, properties.items.items.$ref) as { properties: Json }
    const alone = resolve(document, '#/components/schemas/CreateUpload') as { properties: Json }
    const { partChecksums: _, overwrite, mode, ...shared } = alone.properties
    expect(item.properties).toEqual({
      ...shared,
      mode: { ...(mode as Json), enum: ['auto', 'put', 'post'] },
      overwrite: expect.objectContaining({ const: false }),
    })
    expect(overwrite).not.toHaveProperty('const')
  })

  it('refuses unknown members in every body that it describes', async () => {
    const document = await served()
    for (const { name, operation } of operationsOf(document)) {
      if (operation.requestBody === undefined) continue
      const content = (operation.requestBody as { content: Json }).content
      for (const { schema } of Object.values(content) as { schema: Json }[]) {
        const forms = ((schema.anyOf ?? [schema]) as Json[]).map((form) =>
          typeof form.$ref === 'string' ? (resolve(document, form.$ref) as Json) : form,
        )
        for (const form of forms.flatMap((each) => (each.anyOf ?? [each]) as Json[])) {
          expect([name, form.additionalProperties]).toEqual([name, false])
        }
      }
    }
  })
})

describe('/docs', () => {
  it('loads nothing from anywhere: no script, no other host, and a policy that says so', async () => {
    gateway = await openTestGateway()
    const answer = await gateway.app.request('/docs')
    const page = await answer.text()
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'")
    expect(page).not.toMatch(/<script|<link|<iframe|<img|<object|<embed|@import|url\(|\bon\w+=/i)
    expect(page.match(/(?:href|src|action)="(?!\/openapi\.json")[^"]*"/g)).toBeNull()
    expect(page).not.toMatch(/(?:https?:)?\/\/[a-z0-9.-]+\.[a-z]{2,}/i)
  })

  it('shows every operation', async () => {
    const document = await served()
    const page = await (await gateway.app.request('/docs')).text()
    for (const { name } of operationsOf(document)) {
      expect(page).toContain(`<code>${name.split(' ')[1]}</code>`)
    }
  })
})
