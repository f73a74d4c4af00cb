import { afterEach, describe, expect, it } from 'vitest'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { operations } from './operations.ts'

const ALLOWED = 'https://app.example'
const ORIGINS = [undefined, ALLOWED, 'https://evil.example', 'null']

let gateway: TestGateway
afterEach(() => gateway.close())

describe('every answer', () => {
  it('is nosniff, no-store and has an id; it never says what serves it', async () => {
    gateway = await openTestGateway({ server: { cors: { origins: [ALLOWED] } } })
    for (const { app, method, route, path } of operations(gateway)) {
      const isAdmin = app === gateway.admin
      const token = isAdmin ? TEST_ADMIN_TOKEN : gateway.key()
      for (const origin of ORIGINS) {
        for (const authorization of [undefined, `Bearer ${token}`]) {
          const answer = await app.request(path, {
            method,
            headers: {
              ...(origin !== undefined && { origin }),
              ...(authorization !== undefined && { authorization }),
            },
          })
          const { headers } = answer
          const where = `${method} ${route} ${answer.status} ${origin}`
          expect([where, headers.get('x-content-type-options')]).toEqual([where, 'nosniff'])
          expect([where, headers.get('cache-control')]).toEqual([where, 'no-store'])
          expect([where, headers.get('x-request-id')]).toEqual([
            where,
            expect.stringMatching(/^[\w.-]{8,64}$/),
          ])
          for (const name of [
            'server',
            'x-powered-by',
            'set-cookie',
            'access-control-allow-credentials',
          ]) {
            expect([where, name, headers.has(name)]).toEqual([where, name, false])
          }
          // Events come from stores, and from no page.
          const isForPages = path.startsWith('/v1/') && !path.startsWith('/v1/events/')
          const named = origin === ALLOWED && isForPages ? ALLOWED : null
          expect([where, headers.get('access-control-allow-origin')]).toEqual([where, named])
        }
      }
    }
  })

  it('keeps a request id that is one, and makes one where it is none', async () => {
    gateway = await openTestGateway()
    const idFor = async (id: string) => {
      const headers = { 'x-request-id': id }
      return (await gateway.call('GET', '/v1/usage', undefined, { headers })).headers.get(
        'x-request-id',
      )
    }
    for (const id of ['12345678', 'a.B_c-9'.padEnd(64, 'x')]) expect(await idFor(id)).toBe(id)
    const made = new Set<string | null>()
    const wrong = [
      '1234567',
      'x'.repeat(65),
      'a b c d e',
      'aaaa, bbbb',
      '<script>',
      'ümlaut-is-it',
      '',
    ]
    for (const id of wrong) {
      const answered = await idFor(id)
      expect([id, answered]).toEqual([id, expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f-]{27}$/)])
      made.add(answered)
    }
    expect(made.size).toBe(wrong.length)
  })

  it('tells the log and the audit the id that the caller got', async () => {
    gateway = await openTestGateway()
    const headers = { 'x-request-id': 'caller-knows-it' }
    await gateway.call('POST', '/v1/uploads', uploadBody(), { headers })
    await gateway.call('POST', '/v1/uploads', '{', { headers })
    const ids = gateway.audited.map(({ event, requestId }) => [event, requestId])
    expect(ids).toEqual([
      ['upload.granted', 'caller-knows-it'],
      ['request.refused', 'caller-knows-it'],
    ])
    await gateway.call('HEAD', '/v1/objects/media/acme/alice/x', undefined, { headers })
    expect(gateway.log.join('')).toContain('caller-knows-it')
  })
})

describe('readiness', () => {
  it('follows the lifecycle; health does not, and neither asks who wants to know', async () => {
    gateway = await openTestGateway()
    const { lifecycle } = gateway.context
    for (const [state, status] of [
      ['starting', 503],
      ['ready', 200],
      ['draining', 503],
    ] as const) {
      lifecycle.state = state
      const ready = await gateway.app.request('/readyz')
      expect([ready.status, await ready.json()]).toEqual([status, { status: state }])
      expect(ready.headers.has('retry-after')).toBe(status === 503)
      expect((await gateway.app.request('/healthz')).status).toBe(200)
    }
    const answer = await gateway.call('GET', '/v1/usage')
    expect([answer.status, answer.headers.get('connection')]).toEqual([200, 'close'])
  })
})
