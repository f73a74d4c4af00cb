import { afterEach, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { operations } from '../http/operations.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { TestClock } from '../support/test-clock.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const DENIED = { status: 403, code: 'AccessDenied' } as const
const INVALID = { status: 400, code: 'InvalidRequest' } as const
const NO_ROUTE = { status: 404, code: 'NoSuchRoute' } as const
const NO_UPLOAD = { status: 404, code: 'NoSuchUpload' } as const
const UNKNOWN_ID = `up_${'0'.repeat(26)}`

let gateway: WatchedGateway
afterEach(() => gateway.close())

async function create(who = 'acme/alice', key = `${who}/cat.jpg`): Promise<string> {
  const answer = await gateway.call('POST', '/v1/uploads', uploadBody({ key }), { who })
  expect(answer.status).toBe(201)
  return (await answer.json()).id
}

/** Every call that names an upload. */
const ON_AN_UPLOAD = [
  ['GET', '', undefined],
  ['DELETE', '', undefined],
  ['POST', '/complete', {}],
  ['POST', '/complete', { parts: [{ partNumber: 1, etag: '"x"' }] }],
  ['POST', '/parts', { partNumbers: [1] }],
] as const

describe('uploads of others', () => {
  it('P04 404: another’s upload id looks like an unknown one, to every call', async () => {
    gateway = await openWatchedGateway()
    const foreign = [await create('acme/bob'), await create('globex/carol')]
    for (const [method, path, body] of ON_AN_UPLOAD) {
      const shown = new Set<string>()
      for (const id of [...foreign, UNKNOWN_ID, 'up_x', 'x', '%2e%2e%2fusage']) {
        const problem = await gateway.refuse(method, `/v1/uploads/${id}${path}`, body, NO_UPLOAD)
        shown.add(JSON.stringify({ ...problem, requestId: undefined }))
      }
      expect([method, path, shown.size]).toEqual([method, path, 1])
    }
    const hers = { who: 'globex/carol' }
    const seen = await gateway.call('GET', `/v1/uploads/${foreign[1]}`, undefined, hers)
    expect(await seen.json()).toMatchObject({ status: 'pending' })
  })

  it('P04 403: one’s own upload, after the permission for its key was withdrawn', async () => {
    const clock = new TestClock()
    const overrides = { ledger: openMemoryLedger({ clock }) }
    gateway = await openWatchedGateway({ clock, overrides })
    const id = await create()
    await gateway.close()
    const allow = { 'acme/alice': [{ prefix: 'acme/alice/other/' }] }
    gateway = await openWatchedGateway({ clock, overrides, allow })
    for (const [method, path, body] of ON_AN_UPLOAD) {
      await gateway.refuse(method, `/v1/uploads/${id}${path}`, body, DENIED)
    }
    await gateway.close()
    gateway = await openWatchedGateway({ clock, overrides })
    expect((await gateway.call('DELETE', `/v1/uploads/${id}`)).status).toBe(204)
  })
})

describe('what a caller may ask for', () => {
  it('P06 400: metadata that would become another header, or is reserved', async () => {
    gateway = await openWatchedGateway()
    const names = [
      '../acl',
      'x-amz-acl',
      'x-amz-copy-source',
      'X-Album',
      'a:b',
      'a b',
      'a\r\nx-amz-acl',
      'signet',
      'Signet',
      '-',
      '',
      'a'.repeat(65),
    ]
    for (const name of names) {
      const body = uploadBody({ metadata: { [name]: 'x' } })
      await gateway.refuse('POST', '/v1/uploads', body, INVALID)
    }
    const metadata = { album: '7', ['a'.repeat(64)]: 'x' }
    const allowed = await gateway.call('POST', '/v1/uploads', uploadBody({ metadata }))
    const { request } = await allowed.json()
    expect(request.headers).toMatchObject({ 'x-amz-meta-album': '7' })
  })

  it('P06 400: no member asks for an ACL, a copy, a website, an encryption key or a lock', async () => {
    gateway = await openWatchedGateway()
    const members = [
      'acl',
      'x-amz-acl',
      'copySource',
      'x-amz-copy-source',
      'websiteRedirectLocation',
      'x-amz-server-side-encryption-customer-key',
      'x-amz-object-lock-mode',
      'x-minio-extract',
      'x-amz-meta-snowball-auto-extract',
      'tagging',
    ]
    for (const member of members) {
      const body = uploadBody({ [member]: 'public-read' })
      const { fields } = await gateway.refuse('POST', '/v1/uploads', body, INVALID)
      expect(fields).toEqual([{ path: member, message: 'is not a known member' }])
    }
    const names = Object.fromEntries(members.map((member) => [member, 'public-read']))
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody(), { headers: names })
    const { request } = await answer.json()
    const sent = new Set(Object.keys(request.headers))
    expect(sent).toEqual(new Set(['content-type', 'if-none-match', 'x-amz-meta-signet']))
  })

  it('P07 404: admin paths, metrics and the console on the public listener', async () => {
    gateway = await openWatchedGateway()
    const admin = operations(gateway).filter(({ app }) => app === gateway.admin)
    const paths = ['/metrics', '/console', '/console/', '/admin', '/admin/v1', '/debug', '/config']
    const asked = [
      // Both listeners have these of their own.
      ...admin.filter(({ route }) => !['/healthz', '/openapi.json'].includes(route)),
      ...paths.map((path) => ({ method: 'GET', path })),
    ]
    for (const token of [gateway.key(), TEST_ADMIN_TOKEN]) {
      const headers = { authorization: `Bearer ${token}` }
      for (const { method, path } of asked) {
        const answer = await gateway.app.request(path, { method, headers })
        await expectRefused(answer, NO_ROUTE, { gateway, before: stateOf(gateway) })
      }
    }
  })

  it('P07 400: members and parameters of the admin API that are not listed', async () => {
    gateway = await openWatchedGateway()
    const admin = async (method: string, path: string, body?: unknown) =>
      gateway.admin.request(path, {
        method,
        headers: {
          authorization: `Bearer ${TEST_ADMIN_TOKEN}`,
          'content-type': 'application/json',
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      })
    const usage = '/admin/v1/usage?tenant=acme&user=alice'
    await expectRefused(await admin('GET', `${usage}&role=admin`), INVALID, { gateway })
    await expectRefused(await admin('GET', '/admin/v1/stores?used=0'), INVALID, { gateway })
    for (const member of ['role', 'tenantId', 'used']) {
      const before = stateOf(gateway)
      const refused = await admin('POST', '/admin/v1/sweep', { [member]: 'x' })
      const { fields } = await expectRefused(refused, INVALID, { gateway, before })
      expect(fields).toEqual([{ path: member, message: 'is not a known member' }])
    }
    await expectRefused(await admin('PATCH', usage, { used: 0 }), NO_ROUTE, { gateway })
    expect((await admin('GET', usage)).status).toBe(200)
    expect((await admin('POST', '/admin/v1/sweep', {})).status).toBe(200)
  })

  it('P11 the caller is who the key says, whatever headers say; 400 in a body', async () => {
    gateway = await openWatchedGateway()
    const claims = ['x-user', 'x-tenant', 'x-forwarded-user', 'x-remote-user', 'remote-user']
    for (const header of claims) {
      const answer = await gateway.call('GET', '/v1/usage', undefined, {
        headers: { [header]: 'globex/carol', 'x-forwarded-email': 'carol' },
      })
      expect(await answer.json()).toMatchObject({ tenant: 'acme', user: 'alice' })
    }
    for (const member of ['tenant', 'user', 'principal', 'keyId']) {
      const body = uploadBody({ [member]: 'carol' })
      const { fields } = await gateway.refuse('POST', '/v1/uploads', body, INVALID)
      expect(fields).toEqual([{ path: member, message: 'is not a known member' }])
    }
    await gateway.refuse('GET', '/v1/usage?user=carol', undefined, INVALID)
  })
})

describe('cursors', () => {
  const LIST = '/v1/uploads?limit=1'

  it('P12 400: forged, edited, foreign, and of another query', async () => {
    gateway = await openWatchedGateway()
    for (const key of ['a', 'b']) {
      await create('acme/alice', `acme/alice/${key}`)
      // Ids of one millisecond have no order.
      gateway.clock.advance(1)
    }
    const { nextCursor } = await (await gateway.call('GET', LIST)).json()
    const edited = `${nextCursor.startsWith('A') ? 'B' : 'A'}${nextCursor.slice(1)}`
    const refused = [
      ...['x', edited, `${nextCursor}A`, nextCursor.slice(0, -1), '../x', '{}', 'a'.repeat(4097)],
      ...[Buffer.from('{"after":"up_0"}').toString('base64url'), ''],
    ]
    for (const cursor of refused) {
      const path = `${LIST}&cursor=${encodeURIComponent(cursor)}`
      await gateway.refuse('GET', path, undefined, INVALID)
    }
    const other = `/v1/uploads?limit=1&status=aborted&cursor=${nextCursor}`
    await gateway.refuse('GET', other, undefined, INVALID)
    await gateway.refuse('GET', `/v1/objects/media?cursor=${nextCursor}`, undefined, INVALID)
    const asBob = { who: 'acme/bob' }
    await gateway.refuse('GET', `${LIST}&cursor=${nextCursor}`, undefined, INVALID, asBob)
    const next = await gateway.call('GET', `${LIST}&cursor=${nextCursor}`)
    expect((await next.json()).uploads).toMatchObject([{ key: 'acme/alice/b' }])
  })

  it('P12 400: a limit that is none, or above 1,000; 1 and 1,000 are fine', async () => {
    gateway = await openWatchedGateway()
    for (const limit of ['0', '-1', '1e9', '1abc', '1001', '01', '1.0', '', ' 1', '0x10']) {
      for (const path of ['/v1/uploads', '/v1/objects/media']) {
        const query = `?limit=${encodeURIComponent(limit)}`
        await gateway.refuse('GET', path + query, undefined, INVALID)
      }
    }
    await gateway.refuse('GET', '/v1/uploads?limit=1&limit=2', undefined, INVALID)
    for (const limit of [1, 1_000]) {
      expect((await gateway.call('GET', `/v1/uploads?limit=${limit}`)).status).toBe(200)
    }
  })
})
