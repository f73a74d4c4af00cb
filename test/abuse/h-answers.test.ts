import { afterEach, describe, expect, it } from 'vitest'
import {
  CLOSE,
  HOST,
  type ListeningGateway,
  openListeningGateway,
  replace,
  requestOf,
} from '../http/listening-gateway.ts'
import { OPEN_ROUTES, operations } from '../http/operations.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { sendRaw } from '../support/raw-http.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { openTestGateway, uploadBody } from '../support/test-gateway.ts'

const ALLOWED = 'https://app.example'
const OTHERS = [
  'null',
  'https://app.example.evil',
  'https://app.example:8443',
  'http://app.example',
  'https://APP.example',
  'https://sub.app.example',
  'https://app.example/',
  'https://evil',
  '*',
]
const INTERNAL = { status: 500, code: 'InternalError' } as const
const NO_ROUTE = { status: 404, code: 'NoSuchRoute' } as const

let gateway: ListeningGateway
afterEach(() => gateway.close())

const corsOf = (answer: Response) =>
  [...answer.headers.keys()].filter((name) => name.startsWith('access-control-allow-'))

describe('other origins', () => {
  it('H04 the allowed origin alone is named, never with credentials, on refusals too', async () => {
    gateway = await openListeningGateway({ server: { cors: { origins: [ALLOWED] } } })
    const bodies = [uploadBody(), uploadBody({ key: 'acme/bob/x' }), '{']
    for (const [index, status] of [201, 403, 400].entries()) {
      const body = bodies[index]
      const answer = await gateway.call('POST', '/v1/uploads', body, {
        headers: { origin: ALLOWED },
      })
      expect([answer.status, corsOf(answer)]).toEqual([status, ['access-control-allow-origin']])
      expect(answer.headers.get('access-control-allow-origin')).toBe(ALLOWED)
      expect(answer.headers.get('access-control-expose-headers')).toContain('retry-after')
      expect(answer.headers.get('vary')).toMatch(/\bOrigin\b/)
    }
    const stranger = await gateway.app.request('/v1/usage', { headers: { origin: ALLOWED } })
    expect([stranger.status, corsOf(stranger)]).toEqual([401, ['access-control-allow-origin']])
    for (const origin of OTHERS) {
      const answer = await gateway.call('GET', '/v1/usage', undefined, { headers: { origin } })
      expect([origin, answer.status, corsOf(answer)]).toEqual([origin, 200, []])
      expect(answer.headers.get('vary')).toMatch(/\bOrigin\b/)
    }
  })

  it('H04 a preflight opens nothing to another origin, and asks for no credential', async () => {
    gateway = await openListeningGateway({ server: { cors: { origins: [ALLOWED] } } })
    const preflight = (origin: string, path = '/v1/uploads') =>
      gateway.app.request(path, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'POST', cookie: 'session=1' },
      })
    const allowed = await preflight(ALLOWED)
    expect([allowed.status, allowed.headers.get('access-control-allow-origin')]).toEqual([
      204,
      ALLOWED,
    ])
    expect(allowed.headers.has('access-control-allow-credentials')).toBe(false)
    for (const origin of OTHERS) {
      const answer = await preflight(origin)
      // Without this header a browser sends nothing, whatever else the answer says.
      expect([origin, answer.headers.has('access-control-allow-origin')]).toEqual([origin, false])
      expect(answer.headers.has('access-control-allow-credentials')).toBe(false)
    }
    await expectRefused(await preflight(ALLOWED, '/healthz'), NO_ROUTE, { gateway })
  })

  it('H04 no CORS at all without a list, and on the admin listener with one', async () => {
    gateway = await openListeningGateway()
    const headers = { origin: ALLOWED }
    expect(corsOf(await gateway.call('GET', '/v1/usage', undefined, { headers }))).toEqual([])
    await gateway.close()
    gateway = await openListeningGateway({ server: { cors: { origins: [ALLOWED] } } })
    for (const { app, method, path } of operations(gateway)) {
      if (app !== gateway.admin) continue
      for (const asked of [method, 'OPTIONS']) {
        const authorization = `Bearer ${TEST_ADMIN_TOKEN}`
        const answer = await app.request(path, {
          method: asked,
          headers: { ...headers, authorization },
        })
        const names = [...answer.headers.keys()]
        expect(names.filter((name) => name.startsWith('access-control'))).toEqual([])
        if (asked === 'OPTIONS') await expectRefused(answer, NO_ROUTE, { gateway })
      }
    }
  })

  it.each(['null', '*', 'app.example', 'https://*.example', 'https://app.example/x'])(
    'H04 the start fails: %s in the list of origins',
    async (origin) => {
      gateway = await openListeningGateway()
      const server = { cors: { origins: [origin] } }
      await expect(openTestGateway({ server })).rejects.toThrow('server.cors.origins')
    },
  )
})

describe('methods', () => {
  it('H05 404 or 405: TRACE, CONNECT and methods that a path does not have', async () => {
    gateway = await openListeningGateway()
    const before = stateOf(gateway)
    const methods = ['TRACE', 'PUT', 'PATCH', 'OPTIONS', 'PROPFIND', 'QUERY']
    for (const method of methods) {
      const lines = [
        `${method} /v1/uploads HTTP/1.1`,
        HOST,
        CLOSE,
        gateway.authorization,
        'X-Canary: c',
      ]
      const answer = await gateway.send(lines)
      const echoed = await answer.clone().text()
      await expectRefused(answer, NO_ROUTE, { gateway, before })
      expect(echoed).not.toContain('Canary')
    }
    for (const target of ['evil:443', '/v1/uploads']) {
      const { port, authorization } = gateway
      const connect = requestOf([`CONNECT ${target} HTTP/1.1`, HOST, authorization])
      expect((await sendRaw(port, connect)).status).toBe(405)
    }
  })

  it('H05 a header, a parameter or a member that names another method changes nothing', async () => {
    gateway = await openListeningGateway()
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody())
    const { id } = await answer.json()
    for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      const path = `/v1/uploads/${id}`
      const seen = await gateway.call('GET', path, undefined, { headers: { [name]: 'DELETE' } })
      expect(await seen.json()).toMatchObject({ status: 'pending' })
    }
    const invalid = { status: 400, code: 'InvalidRequest' } as const
    await gateway.refuse('GET', `/v1/uploads/${id}?_method=DELETE`, undefined, invalid)
    await gateway.refuse('POST', '/v1/uploads', uploadBody({ _method: 'DELETE' }), invalid)
    const seen = await gateway.call('GET', `/v1/uploads/${id}`)
    expect(await seen.json()).toMatchObject({ status: 'pending' })
  })
})

describe('errors', () => {
  it('H07 404 NoSuchRoute: unknown paths and methods of both listeners', async () => {
    gateway = await openListeningGateway()
    for (const app of [gateway.app, gateway.admin]) {
      for (const path of ['/', '/v1', '/v2/uploads', '/favicon.ico', '/.env', '/v1/objects/']) {
        const before = stateOf(gateway)
        await expectRefused(await app.request(path), NO_ROUTE, { gateway, before })
      }
    }
  })

  it.each([
    ['an error', () => new Error('boom at /etc/passwd')],
    ['an error with a cause', () => new Error('boom', { cause: new Error('deep /etc/passwd') })],
    ['a text', () => 'boom at /etc/passwd'],
    ['nothing', () => undefined],
    ['an object', () => ({ status: 200, message: '/etc/passwd' })],
  ])('H07 500 InternalError and nothing but an id, when a handler throws %s', async (_, thrown) => {
    gateway = await openListeningGateway()
    const boom = () => {
      throw thrown()
    }
    const { ledger } = gateway.context
    replace(gateway, {
      authenticate: gateway.context.authenticate,
      authenticateAdmin: boom,
      readMetrics: boom,
      ledger: { ...ledger, admit: boom, find: boom, list: boom },
    })
    const bare = {
      type: 'about:blank',
      title: 'Internal error',
      status: 500,
      code: 'InternalError',
    }
    const answers = [
      gateway.call('POST', '/v1/uploads', uploadBody()),
      gateway.call('GET', '/v1/uploads'),
      gateway.call('GET', '/v1/usage'),
      gateway.send(['GET /v1/usage HTTP/1.1', HOST, CLOSE, gateway.authorization]),
      gateway.admin.request('/metrics'),
      gateway.admin.request('/admin/v1/stores'),
    ]
    for (const answer of answers) {
      const problem = await expectRefused(await answer, INTERNAL, { gateway })
      expect({ ...problem, requestId: '' }).toEqual({ ...bare, requestId: '' })
      const line = gateway.log.find((text) => text.includes(String(problem.requestId)))
      expect(JSON.parse(line ?? '{}')).toMatchObject({ level: 'error', event: 'request.failed' })
    }
  })

  it('H07 500: a body that was read before, and 400 for one that breaks off', async () => {
    gateway = await openListeningGateway()
    const request = (body: BodyInit) =>
      new Request('http://gateway/v1/uploads', {
        method: 'POST',
        headers: { authorization: `Bearer ${gateway.key()}`, 'content-type': 'application/json' },
        body,
        duplex: 'half',
      } as RequestInit)
    const read = request(JSON.stringify(uploadBody()))
    await read.text()
    await expectRefused(await gateway.app.request(read), INTERNAL, { gateway })
    const broken = new ReadableStream({
      start: (controller) => controller.error(new Error('reset')),
    })
    const invalid = { status: 400, code: 'InvalidRequest' } as const
    await gateway.refused(async () => gateway.app.request(request(broken)), invalid)
  })

  it('H07 no answer says what the gateway runs on, on any route', async () => {
    gateway = await openListeningGateway()
    for (const { method, path, route } of operations(gateway)) {
      const line = `${method} ${path} HTTP/1.1`
      for (const port of [gateway.port, gateway.adminPort]) {
        const answer = await sendRaw(port, requestOf([line, HOST, CLOSE]))
        const names = [...answer.headers.keys()]
        expect([
          route,
          names.filter((name) => ['server', 'x-powered-by', 'via'].includes(name)),
        ]).toEqual([route, []])
        if (OPEN_ROUTES.has(route)) continue
        expect(await answer.text()).not.toMatch(/hono|node_modules|\bat \w/i)
      }
    }
  })
})
