import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Listening } from '../../src/runtime/listen.ts'
import { listenNode } from '../../src/runtime/listen-node.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { rawPath } from '../support/grants.ts'
import { sendRaw } from '../support/raw-http.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const INVALID_KEY = { status: 400, code: 'InvalidKey' } as const
const DENIED = { status: 403, code: 'AccessDenied' } as const
const STORE = 'http://127.0.0.1:9'

let gateway: WatchedGateway
let listening: Listening

beforeEach(async () => {
  gateway = await openWatchedGateway()
  const { server } = gateway.context.config
  listening = await listenNode(gateway.app.fetch, { host: '127.0.0.1', port: 0 }, server)
})
afterEach(async () => {
  await listening.stop(0)
  await gateway.close()
})

interface RawRequest {
  readonly method?: string
  /** Sent byte for byte; characters up to U+00FF stand for one byte each. */
  readonly target: string
  /** Lines of the header block instead of one `Host`. */
  readonly hosts?: readonly string[]
  readonly headers?: readonly string[]
  readonly body?: string
}

function send({ method = 'GET', target, hosts, headers = [], body }: RawRequest) {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...(hosts ?? ['Host: gateway.example']),
    `Authorization: Bearer ${gateway.key()}`,
    'Connection: close',
    ...(body === undefined
      ? []
      : ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`]),
    ...headers,
    '',
    body ?? '',
  ]
  return sendRaw(listening.address.port, Buffer.from(lines.join('\r\n'), 'latin1'))
}

/** Where a GET redirects to: the path on the store, as it is on the wire. */
async function redirectOf(request: RawRequest): Promise<string> {
  const response = await send(request)
  expect([request.target, response.status]).toEqual([request.target, 307])
  const url = response.headers.get('location') ?? ''
  expect(url.startsWith(`${STORE}/media-prod/`)).toBe(true)
  return rawPath({ url })
}

describe('who the request says it is for', () => {
  const upload = JSON.stringify(uploadBody())
  const EVIL: readonly (readonly [what: string, how: Omit<RawRequest, 'target'>])[] = [
    ['Host', { hosts: ['Host: evil.example'] }],
    ['X-Forwarded-Host', { headers: ['X-Forwarded-Host: evil.example'] }],
    ['X-Forwarded-Server', { headers: ['X-Forwarded-Server: evil.example'] }],
    ['Forwarded', { headers: ['Forwarded: host=evil.example;proto=gopher'] }],
    ['X-Original-URL', { headers: ['X-Original-URL: http://evil.example/'] }],
    ['X-Forwarded-Prefix', { headers: ['X-Forwarded-Prefix: //evil.example'] }],
  ]

  it.each(EVIL)('K19 201: %s changes no URL that the gateway hands out', async (_, how) => {
    const created = await send({ method: 'POST', target: '/v1/uploads', body: upload, ...how })
    expect(created.status).toBe(201)
    expect(created.headers.get('location')).toMatch(/^\/v1\/uploads\/up_/)
    const text = await created.text()
    expect(JSON.parse(text).request.url.startsWith(`${STORE}/media-prod/acme/alice/`)).toBe(true)
    const redirect = await send({ target: '/v1/objects/media/acme/alice/cat.jpg', ...how })
    expect(redirect.headers.get('location')?.startsWith(`${STORE}/media-prod/`)).toBe(true)
    const document = await (await send({ target: '/openapi.json', ...how })).text()
    const docs = await (await send({ target: '/docs', ...how })).text()
    for (const said of [text, document, docs, ...gateway.log]) expect(said).not.toContain('evil')
  })

  it('K19 201: the authority of an absolute-form target is ignored', async () => {
    const target = 'http://evil.example/v1/uploads'
    const created = await send({ method: 'POST', target, body: upload })
    expect(created.status).toBe(201)
    expect(created.headers.get('location')).toMatch(/^\/v1\/uploads\/up_/)
    expect(await created.text()).not.toContain('evil')
    const path = '/v1/objects/media/acme/alice/cat.jpg'
    expect(await redirectOf({ target: `http://evil.example${path}` })).toBe(
      '/media-prod/acme/alice/cat.jpg',
    )
    const climbing = 'http://evil.example/v1/objects/media/acme/alice/../bob/x'
    await gateway.refused(() => send({ target: climbing }), INVALID_KEY)
  })

  it('K19 400: two Host headers, alike or not; none; a malformed one', async () => {
    for (const hosts of [
      ['Host: gateway.example', 'Host: evil.example'],
      ['Host: gateway.example', 'host: gateway.example'],
      ['Host: gateway.example, evil.example'],
      [],
    ]) {
      const audited = gateway.audited.length
      const response = await send({ method: 'POST', target: '/v1/uploads', body: upload, hosts })
      expect([hosts, response.status]).toEqual([hosts, 400])
      expect(await response.text()).not.toMatch(/evil|X-Amz/)
      expect(gateway.audited).toHaveLength(audited)
    }
  })

  it('K19 400 InvalidRequest: two Host headers that the server lets through', async () => {
    const headers = { host: 'gateway.example, evil.example' }
    const response = await gateway.call('POST', '/v1/uploads', uploadBody(), { headers })
    await expectRefused(response, { status: 400, code: 'InvalidRequest' }, { gateway })
  })
})

describe('raw targets', () => {
  const objects = '/v1/objects/media'

  it.each([
    '/a/../../other/x',
    '/acme/alice/../bob/x',
    '/acme/alice/%2e%2e/b',
    '/acme/alice/.%2E/b',
    '/acme/alice/%2E./b',
    '/acme/alice/./b',
    '/acme/alice/%2e/b',
    '/acme/alice/..',
    '/acme/alice/%2e%2e',
    '/acme/alice/a%2F..%2Fb',
    '/acme/alice/a%2f%2e%2e%2fb',
    '/acme/alice/%zz',
    '/acme/alice/a%ff',
    '/acme/alice/a%',
    '/acme/alice/a%2',
    '/acme/alice/%c3',
    '/acme/alice/%c0%af',
    '/acme/alice/%ed%a0%80',
    '/acme/alice/%00',
    '/acme/alice/a%0d%0ab',
    '/acme/alice/a%7f',
    '/acme/alice/a%5Cb',
    '/%2Fx',
    '//x',
    '/',
  ])('K22 400 InvalidKey: %s, to read and to delete', async (path) => {
    await gateway.refused(() => send({ target: objects + path }), INVALID_KEY)
    await gateway.refused(() => send({ method: 'DELETE', target: objects + path }), INVALID_KEY)
  })

  it.each([
    '/v1/objects/media%2Fx/y',
    '/v1/objects/media%2F/acme/alice/y',
    '/v1/objects/%2Fmedia/acme/alice/y',
    '/v1/objects/media%252Fx/acme/alice/y',
    '/v1/objects/medi%2561/acme/alice/y',
    '/v1/objects/media%00/acme/alice/y',
  ])('K22 403: %s is a bucket that nobody may use', async (target) => {
    await gateway.refused(() => send({ target }), DENIED)
    await gateway.refused(() => send({ method: 'DELETE', target }), DENIED)
  })

  it.each(['/v1/objects/%zz/x', '/v1/objects/a%ff/x', '/v1/objects/a%ff', '/v1/objects/%zz'])(
    'K22 400 InvalidKey: %s is malformed before it is a bucket',
    async (target) => {
      await gateway.refused(() => send({ target }), INVALID_KEY)
    },
  )

  it.each([
    ['a%252Fb', 'a%252Fb'],
    ['%252e%252e/b', '%252e%252e/b'],
    ['a%2Fb', 'a/b'],
    ['a%20b', 'a%20b'],
    ['a+b', 'a%2Bb'],
    ['%E2%82%AC', '%E2%82%AC'],
    ['a%3Facl', 'a%3Facl'],
    ['a%23b', 'a%23b'],
    ['%61', 'a'],
    ["~!$&'()*,;=:@", '~%21%24%26%27%28%29%2A%2C%3B%3D%3A%40'],
    ['a//b', 'a//b'],
    ['a/', 'a/'],
    ['...', '...'],
  ])('K22 307: %s is decoded once and signed as %s', async (path, wire) => {
    const target = `${objects}/acme/alice/${path}`
    expect(await redirectOf({ target })).toBe(`/media-prod/acme/alice/${wire}`)
  })

  it('K22 400: a target with bytes that have to be encoded', async () => {
    for (const path of ['a\xc3\xa9', 'a\xff', 'a\\b', '..\\b', 'a\x7f', 'a\tb']) {
      const audited = gateway.audited.length
      const response = await send({ target: `${objects}/acme/alice/${path}` })
      expect([path, response.status]).toEqual([path, 400])
      expect(gateway.audited.slice(audited)).not.toMatchObject([{ event: 'download.granted' }])
    }
  })

  it('K22: dot segments that the runtime has removed leave the object that remains', async () => {
    const path = (key: string) => `${objects}/${key}`
    // No listener, so nobody knows the raw target.
    await gateway.refuse('GET', path('acme/alice/../bob/x'), undefined, DENIED)
    await gateway.refuse('DELETE', path('acme/alice/%2e%2e/bob/x'), undefined, DENIED)
    const response = await gateway.call('GET', path('acme/bob/../alice/x'))
    expect(response.status).toBe(307)
    const url = response.headers.get('location') ?? ''
    expect(rawPath({ url })).toBe('/media-prod/acme/alice/x')
  })
})
