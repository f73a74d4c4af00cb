import { afterEach, describe, expect, it } from 'vitest'
import { ADMIN_ROUTES } from '../../src/http/admin-routes.ts'
import { PUBLIC_API } from '../../src/http/create-app.ts'
import { EVENTS_DESCRIPTION } from '../../src/http/event-routes.ts'
import { createOpenApi } from '../../src/http/openapi.ts'
import { gatewayForEvents } from '../gateway/gateway-for-events.ts'
import { type GatewayOnStore, GRANT_MS, gatewayOnStore } from '../gateway/gateway-on-store.ts'
import { callAdmin, postAdmin } from '../support/admin-call.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { ADMIN_ANSWERS } from './admin-answers.ts'
import { type JsonSchema, schemaProblems } from './json-schema.ts'

let gateway: GatewayOnStore
afterEach(() => gateway.close())

const DOCUMENTS: readonly JsonSchema[] = [[...PUBLIC_API, EVENTS_DESCRIPTION], ADMIN_ROUTES].map(
  (routes) => ({
    ...createOpenApi(routes),
  }),
)

interface Operation {
  readonly operationId: string
  readonly responses: Readonly<Record<string, { content?: Record<string, { schema: JsonSchema }> }>>
}

function described(operationId: string): { root: JsonSchema; operation: Operation } {
  for (const root of DOCUMENTS) {
    const paths = root.paths as Readonly<Record<string, Readonly<Record<string, Operation>>>>
    for (const operation of Object.values(paths).flatMap(Object.values<Operation>)) {
      if (operation.operationId === operationId) return { root, operation }
    }
  }
  throw new Error(`Nothing is described as ${operationId}`)
}

const shown = new Set<string>()

/** An answer is what its operation describes: status, media type, every member. Returns its body. */
async function expectDescribed(operationId: string, answer: Response | Promise<Response>) {
  const response = await answer
  const text = await response.text()
  const { root, operation } = described(operationId)
  const where = `${operationId} ${response.status}`
  shown.add(where)
  const known = operation.responses[String(response.status)]
  expect([where, known]).toEqual([where, expect.any(Object)])
  const [type = ''] = (response.headers.get('content-type') ?? '').split(';')
  const schema = known?.content?.[type]?.schema
  if (schema === undefined) {
    expect([where, text]).toEqual([where, ''])
    return {}
  }
  const body = JSON.parse(text)
  expect([where, schemaProblems(root, schema, body)]).toEqual([where, []])
  return body
}

const admin = (path: string, method = 'GET') =>
  gateway.admin.request(`/admin/v1/${path}`, {
    method,
    headers: { authorization: `Bearer ${TEST_ADMIN_TOKEN}` },
  })

describe('answers', () => {
  it('200, 201, 204, 307: hold what the document describes and nothing else', async () => {
    const taking = await gatewayForEvents(embeddedStore(), {
      plan: {
        rates: [{ policy: 'r', per: 'user', requests: 1_000, windowSeconds: 1, burst: 1_000 }],
        quotas: [
          { policy: 'day', per: 'user', unit: 'bytes', limit: 2 ** 40, window: 'day' },
          { policy: 'stored', per: 'tenant', unit: 'stored-bytes', limit: 2 ** 40 },
        ],
      },
    })
    gateway = taking
    await expectDescribed('takeEvents', taking.deliver({ Records: [] }))
    const headers = { 'idempotency-key': 'k' }
    const post = (path: string, body: unknown, sent = {}) =>
      gateway.call('POST', path, body, { headers: sent })
    const object = '/v1/objects/media/acme/alice/cat.jpg'
    const download = { bucket: 'media', key: 'acme/alice/cat.jpg' }

    const upload = await expectDescribed('createUpload', post('/v1/uploads', uploadBody(), headers))
    await expectDescribed('createUpload', post('/v1/uploads', uploadBody(), headers))
    await expectDescribed('createUpload', post('/v1/uploads?dryRun=true', uploadBody()))
    const tooMuch = uploadBody({ sizeBytes: 2 ** 41 })
    await expectDescribed('createUpload', post('/v1/uploads?dryRun=true', tooMuch))
    await expectDescribed('getUpload', gateway.call('GET', `/v1/uploads/${upload.id}`))
    const diagnosis = `/v1/uploads/${upload.id}/diagnosis?origin=https://app.example`
    await expectDescribed('diagnoseUpload', gateway.call('GET', diagnosis))
    await expectDescribed('listUploads', gateway.call('GET', '/v1/uploads?limit=1'))
    expect(await gateway.put(upload)).toBe(200)
    await expectDescribed('completeUpload', post(`/v1/uploads/${upload.id}/complete`, {}))
    await expectDescribed('createUpload', post('/v1/uploads', uploadBody(), headers))
    await expectDescribed('listUploads', gateway.call('GET', '/v1/uploads?status=completed'))
    await expectDescribed('signDownload', post('/v1/downloads', download))
    await expectDescribed('signDownload', post('/v1/downloads', { items: [download, download] }))
    await expectDescribed('openObject', gateway.call('GET', object))
    await expectDescribed('openObject', gateway.call('HEAD', object))
    const page = await expectDescribed('listObjects', gateway.call('GET', '/v1/objects/media'))
    expect(page.objects).toHaveLength(1)
    await expectDescribed('getUsage', gateway.call('GET', '/v1/usage'))
    await expectDescribed('deleteObject', gateway.call('DELETE', object))
    const batch = { items: ['a', 'b'].map((name) => uploadBody({ key: `acme/alice/${name}` })) }
    const once = { 'idempotency-key': 'b' }
    await expectDescribed('createUploads', post('/v1/uploads/batch', batch, once))
    const inParts = uploadBody({ key: 'acme/alice/parts', mode: 'multipart' })
    const parts = await expectDescribed('createUpload', post('/v1/uploads', inParts))
    const more = post(`/v1/uploads/${parts.id}/parts`, { from: 1, to: 1 })
    await expectDescribed('signParts', more)
    gateway.clock.advance(GRANT_MS)
    await expectDescribed('createUploads', post('/v1/uploads/batch', batch, once))
    const other = await gateway.create({ key: 'acme/alice/other' })
    await expectDescribed('abortUpload', gateway.call('DELETE', `/v1/uploads/${other.id}`))

    await expectDescribed('probeStore', admin('stores/main/probe', 'POST'))
    for (const [id, path] of [
      ['listStores', 'stores'],
      ['listBuckets', 'buckets'],
      ['getUsageOf', 'usage?tenant=acme&user=alice'],
    ] as const) {
      await expectDescribed(id, admin(path))
    }
    for (const [id, method, path, body] of ADMIN_ANSWERS) {
      await expectDescribed(id, callAdmin(gateway, method, path, { body }))
    }
    await expectDescribed('sweep', admin('sweep', 'POST'))
    const credit = { id: 'a', tenant: 'acme', policy: 'stored', delta: 5, reason: 'moved in' }
    for (const body of [credit, credit]) {
      await expectDescribed('adjustUsage', postAdmin(gateway, '/admin/v1/adjustments', body))
    }
    const asked = { stored: true }
    const report = await expectDescribed(
      'auditLedger',
      postAdmin(gateway, '/admin/v1/ledger/audit', asked),
    )
    expect(report).toMatchObject({ clean: false, stored: [{ tenant: 'acme', policy: 'stored' }] })
    await expectDescribed('auditLedger', admin('ledger/audit', 'POST'))
    const { run } = await expectDescribed('reconcile', admin('reconcile', 'POST'))
    const end = await expectDescribed(
      'reconcile',
      postAdmin(gateway, '/admin/v1/reconcile', { run }),
    )
    expect(end).toMatchObject({ done: true, findings: [{ kind: 'total', policy: 'stored' }] })
    for (const apply of [false, true]) {
      const asked = { origins: ['https://app.example'], apply }
      await expectDescribed(
        'checkStoreCors',
        postAdmin(gateway, '/admin/v1/stores/main/cors', asked),
      )
    }

    const promised = DOCUMENTS.flatMap(({ paths }) =>
      Object.values(paths as Record<string, Record<string, Operation>>)
        .flatMap(Object.values<Operation>)
        .flatMap(({ operationId, responses }) =>
          Object.keys(responses)
            .filter((status) => Number(status) < 400)
            .map((status) => `${operationId} ${status}`),
        ),
    )
    expect(new Set([...shown].filter((each) => !/ [45]/.test(each)))).toEqual(new Set(promised))
  })

  it('4xx and 5xx: are problems with nothing that the document does not describe', async () => {
    gateway = await gatewayOnStore(embeddedStore(), {
      plan: { quotas: [{ policy: 'q', per: 'user', unit: 'bytes', limit: 1_000, window: 'day' }] },
    })
    const post = (body: unknown, path = '/v1/uploads') => gateway.call('POST', path, body)
    const bodies = [
      uploadBody({ x: 1 }),
      uploadBody({ key: '..' }),
      uploadBody({ key: 'acme/bob/x' }),
      uploadBody({ sizeBytes: 1_001 }),
      uploadBody({ mode: 'post' }),
      uploadBody({ contentType: 'text/html' }),
      uploadBody({ sizeBytes: 2 ** 50 }),
      ' '.repeat(20_000),
    ]
    for (const body of bodies) await expectDescribed('createUpload', post(body))
    await expectDescribed('createUpload', gateway.app.request('/v1/uploads', { method: 'POST' }))
    await gateway.create()
    const full = await expectDescribed('createUpload', post(uploadBody({ sizeBytes: 1 })))
    expect(full).toMatchObject({ code: 'QuotaExceeded', violations: [{ policy: 'q' }] })
    await expectDescribed('getUpload', gateway.call('GET', '/v1/uploads/up_x'))
    const missing = gateway.call('GET', '/v1/objects/media/acme/bob/x')
    await expectDescribed('openObject', missing)
    await expectDescribed('signParts', post({ partNumbers: [1] }, '/v1/uploads/x/parts'))
    await expectDescribed('getUsageOf', admin('usage?tenant=x&user=y'))
  })
})
