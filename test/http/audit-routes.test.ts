import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createJsonLinesAudit } from '../../src/audit/json-lines.ts'
import type { AuditEvent } from '../../src/audit/port.ts'
import { openSqliteAudit } from '../../src/audit/sqlite.ts'
import type { AdminIdentity } from '../../src/auth/identity.ts'
import type { Principal } from '../../src/auth/principal.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { TestClock } from '../support/test-clock.ts'
import { CAPABLE_STORE, TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const SIGNATURE = /X-Amz-Signature|x-amz-signature/
const clock = new TestClock()

const capabilities = { ...CAPABLE_STORE.capabilities, postPolicy: 'yes', multipart: 'yes' }
const MIB = 2 ** 20

let gateway: TestGateway
let database: DatabaseSync
let admin: AdminIdentity = { name: 'token', role: 'operator' }

beforeAll(async () => {
  database = new DatabaseSync(':memory:')
  const schedule = (run: () => void) => void setImmediate(run)
  const audit = openSqliteAudit({ database, clock, schedule })
  gateway = await openTestGateway({
    clock,
    store: { capabilities },
    bucket: { upload: { writeOnce: false } },
    allow: { 'acme/alice': [{ operations: ['list'] }, { name: 'own-files' }, {}] },
    overrides: { audit, authenticateAdmin: () => admin },
  })
  const storeClient = { ...gateway.context.storeClient, createMultipart: async () => 'an-id' }
  Object.assign(gateway.context, { storeClient })
})
beforeEach(async () => {
  // Nobody waits for the record of a refusal: it is there in the next turn.
  await gateway.context.audit.query({ limit: 1 })
  database.exec('DELETE FROM audit_event')
  admin = { name: 'token', role: 'operator' }
})
afterAll(() => gateway.close())

function ask(query = '', on = gateway): Promise<Response> {
  const headers = { authorization: `Bearer ${TEST_ADMIN_TOKEN}` }
  return Promise.resolve(on.admin.request(`/admin/v1/audit${query}`, { headers }))
}

interface Page {
  readonly events: readonly AuditEvent[]
  readonly nextCursor?: string
}

async function find(query = ''): Promise<Page> {
  const answer = await ask(query)
  expect(answer.status).toBe(200)
  return answer.json()
}

/** The only event of its kind. */
async function one(event: AuditEvent['event']): Promise<AuditEvent> {
  const { events } = await find(`?event=${event}`)
  expect(events).toHaveLength(1)
  return events[0] as AuditEvent
}

/** What an operator who found a link would compute. */
function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

async function created(body: Readonly<Record<string, unknown>>) {
  const answer = await gateway.call('POST', '/v1/uploads', uploadBody(body))
  expect(answer.status).toBe(201)
  return answer.json()
}

describe('the audit log, asked by an operator', () => {
  it('finds who was granted what, by a hash that only who has the grant can make', async () => {
    const { id, request } = await created({})
    const granted = await one('upload.granted')
    expect(granted).toMatchObject({ tenant: 'acme', user: 'alice', keyId: 'acmealice' })
    expect(granted).toMatchObject({ uploadId: id, bucket: 'media', sizeBytes: 1_000 })
    expect(granted.rule).toBe('own-files')
    expect(granted.requestId).toMatch(/^[A-Za-z0-9._-]{8,64}$/)
    expect(granted.grantHash).toBe(hashOf(request.url))

    const wanted = { bucket: 'media', key: 'acme/alice/cat.jpg' }
    const download = await (await gateway.call('POST', '/v1/downloads', wanted)).json()
    const grantHash = hashOf(download.request.url)
    expect(await one('download.granted')).toMatchObject({ grantHash, rule: 'own-files' })

    // Who has found a link asks by its hash, and then for all of its upload, request or key.
    const kinds = async (query: string) => (await find(query)).events.map(({ event }) => event)
    expect(await kinds(`?grantHash=${grantHash}`)).toEqual(['download.granted'])
    expect(await kinds(`?grantHash=${granted.grantHash}`)).toEqual(['upload.granted'])
    expect(await kinds(`?uploadId=${id}`)).toEqual(['upload.granted'])
    expect(await kinds(`?requestId=${granted.requestId}`)).toEqual(['upload.granted'])
    expect(await kinds('?keyId=acmealice')).toEqual(['download.granted', 'upload.granted'])
    expect(await kinds('?keyId=globexcarol')).toEqual([])
    const { nextCursor } = await find('?keyId=acmealice&limit=1')
    const other = await ask(`?keyId=globexcarol&limit=1&cursor=${nextCursor}`)
    await expectRefused(other, { status: 400, code: 'InvalidRequest' })
  })

  it('finds what a token was good for, by its issuer', async () => {
    const { authenticate } = gateway.context
    const permissions = gateway.context.config.keys.get('globexcarol')?.permissions ?? []
    const principal: Principal = { tenant: 'globex', user: 'carol', issuer: 'corp', permissions }
    Object.assign(gateway.context, { authenticate: () => principal })
    await created({ key: 'globex/carol/x' })
    const refused = await gateway.call('POST', '/v1/uploads', uploadBody())
    Object.assign(gateway.context, { authenticate })
    expect(refused.status).toBe(403)
    const { events } = await find('?tenant=globex')
    const who = { tenant: 'globex', user: 'carol', issuer: 'corp' }
    expect(events).toMatchObject([
      { event: 'upload.refused', ...who },
      { event: 'upload.granted', ...who, rule: 'allow[0]' },
    ])
    for (const event of events) expect(event).not.toHaveProperty('keyId')
  })

  it('finds a form by its policy, and parts by their signatures in order', async () => {
    const { form } = await created({ mode: 'post', key: 'acme/alice/form' })
    expect((await one('upload.granted')).grantHash).toBe(hashOf(form.fields.policy))
    database.exec('DELETE FROM audit_event')
    const body = { mode: 'multipart', key: 'acme/alice/parts', sizeBytes: 20 * MIB }
    const { id, multipart } = await created(body)
    const signatures = (parts: readonly { request: { url: string } }[]) =>
      parts.map(({ request }) => new URL(request.url).searchParams.get('X-Amz-Signature')).join('')
    expect(multipart.parts.length).toBeGreaterThan(1)
    expect((await one('upload.granted')).grantHash).toBe(hashOf(signatures(multipart.parts)))
    const wanted = { partNumbers: [2, 1] }
    const { parts } = await (await gateway.call('POST', `/v1/uploads/${id}/parts`, wanted)).json()
    const grantHash = hashOf(signatures(parts))
    expect(await one('upload.parts_granted')).toMatchObject({ grantHash, rule: 'own-files' })
  })

  it('finds refusals of known callers, with code and limits, and none of strangers', async () => {
    const foreign = uploadBody({ key: 'globex/carol/x' })
    expect((await gateway.call('POST', '/v1/uploads', foreign)).status).toBe(403)
    const headers = { authorization: 'Bearer nobody' }
    expect((await gateway.call('POST', '/v1/uploads', foreign, { headers })).status).toBe(401)
    const { events } = await find()
    expect(events).toMatchObject([
      { event: 'upload.refused', tenant: 'acme', user: 'alice', code: 'AccessDenied' },
    ])
    expect(events[0]).not.toHaveProperty('grantHash')
  })

  it('finds by tenant, user, bucket and time', async () => {
    const atMs = clock.nowMs()
    await created({})
    clock.advance(10_000)
    const who = 'globex/carol'
    const body = uploadBody({ key: 'globex/carol/x' })
    expect((await gateway.call('POST', '/v1/uploads', body, { who })).status).toBe(201)
    const tenants = async (query: string) => (await find(query)).events.map(({ tenant }) => tenant)
    const time = (ms: number) => new Date(atMs + ms).toISOString()
    expect(await tenants('')).toEqual(['globex', 'acme'])
    expect(await tenants('?tenant=globex&user=carol&bucket=media')).toEqual(['globex'])
    expect(await tenants('?tenant=globex&user=alice')).toEqual([])
    expect(await tenants('?bucket=other')).toEqual([])
    expect(await tenants(`?since=${time(10_000)}`)).toEqual(['globex'])
    expect(await tenants(`?until=${time(10_000)}`)).toEqual(['acme'])
    expect(await tenants(`?since=${time(10_001)}`)).toEqual([])
  })

  it('L04 never shows a grant', async () => {
    await created({})
    await created({ mode: 'post', key: 'acme/alice/form' })
    await gateway.call('POST', '/v1/downloads', { bucket: 'media', key: 'acme/alice/cat.jpg' })
    const text = await (await ask()).text()
    expect(text).toContain('grantHash')
    expect(text).not.toMatch(SIGNATURE)
    expect(text).not.toContain('https://')
  })

  it('pages with a cursor that belongs to one query', async () => {
    for (let index = 0; index < 3; index += 1) await created({ key: `acme/alice/${index}` })
    const first = await find('?tenant=acme&limit=2')
    expect(first.events).toHaveLength(2)
    const rest = await find(`?tenant=acme&limit=2&cursor=${first.nextCursor}`)
    expect(rest.events).toHaveLength(1)
    expect(rest).not.toHaveProperty('nextCursor')
    const all = [...first.events, ...rest.events].map(({ uploadId }) => uploadId)
    expect(new Set(all).size).toBe(3)
    for (const query of [`?tenant=acm&cursor=${first.nextCursor}`, `?cursor=${first.nextCursor}`]) {
      await expectRefused(await ask(query), { status: 400, code: 'InvalidRequest' })
    }
  })

  it('400: refuses what is no query', async () => {
    const queries = [
      '?limit=0',
      '?limit=1001',
      '?limit=1abc',
      '?event=upload',
      '?since=yesterday',
      '?since=2026-01-15T12:00:00%2B01:00',
      '?until=1768478400000',
      '?tenant=',
      '?cursor=x',
      '?grantHash=0123456789abcde',
      '?grantHash=0123456789ABCDEF',
      '?requestId=',
      '?key=cat.jpg',
      '?tenant=a&tenant=b',
    ]
    for (const query of queries) {
      await expectRefused(await ask(query), { status: 400, code: 'InvalidRequest' })
    }
  })

  it('400: says of an event that is none so, and not what all are called', async () => {
    const refused = await ask('?event=nonsense')
    const { fields } = await expectRefused(refused, { status: 400, code: 'InvalidRequest' })
    const message = 'must be an event of the API description, like upload.granted'
    expect(fields).toEqual([{ path: 'event', message }])
  })

  it('finds which operator has changed what, and what was refused to one, or to a viewer', async () => {
    const post = (path: string, body: unknown) =>
      gateway.admin.request(path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const credit = { id: 'a1', tenant: 'acme', policy: 'tenant-stored', delta: 5, reason: 'found' }
    admin = { name: 'corp:ada', role: 'operator' }
    const posted = await post('/admin/v1/adjustments', credit)
    expect(posted.status).toBe(201)
    const by = { admin: 'corp:ada', requestId: posted.headers.get('x-request-id') }
    expect(await one('usage.adjustment_requested')).toMatchObject(by)
    expect(await one('usage.adjusted')).toMatchObject({ ...by, delta: 5, reason: 'found' })

    expect((await post('/admin/v1/adjustments', {})).status).toBe(400)
    expect(await one('admin.refused')).toMatchObject({
      admin: 'corp:ada',
      action: 'adjustUsage',
      code: 'InvalidRequest',
    })
    admin = { name: 'corp:eve', role: 'viewer' }
    expect((await post('/admin/v1/sweep', {})).status).toBe(403)
    const { events } = await find('?event=admin.refused')
    expect(events).toMatchObject([
      { admin: 'corp:eve', action: 'sweep', code: 'AccessDenied' },
      { admin: 'corp:ada' },
    ])
  })

  it('records no look at itself, whether it was answered or not', async () => {
    expect((await ask('?limit=0')).status).toBe(400)
    expect((await ask()).status).toBe(200)
    expect((await find()).events).toEqual([])
  })

  it('503: says when the log does not answer, and not why', async () => {
    database.exec('ALTER TABLE audit_event RENAME TO away')
    const problem = await expectRefused(await ask(), { status: 503, code: 'AuditUnavailable' })
    expect(problem.detail).toBe('Cannot query the audit log: no answer')
    database.exec('ALTER TABLE away RENAME TO audit_event')
    expect((await ask()).status).toBe(200)
  })

  it('404: says of a log that is not kept where it goes', async () => {
    const audit = createJsonLinesAudit({ write: async () => {}, lines: 'standard output' })
    const bare = await openTestGateway({ overrides: { audit } })
    const problem = await expectRefused(await ask('', bare), { status: 404, code: 'NoSuchRoute' })
    expect(problem.detail).toBe('Cannot query the audit log: it goes to standard output')
    await bare.close()
  })
})
