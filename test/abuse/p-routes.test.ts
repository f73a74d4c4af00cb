import { afterEach, describe, expect, it } from 'vitest'
import {
  CLOSE,
  HOST,
  type ListeningGateway,
  openListeningGateway,
} from '../http/listening-gateway.ts'
import { OPEN_ROUTES, OPEN_TO_ALL, operations } from '../http/operations.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { sendRaw } from '../support/raw-http.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import type { TestGateway } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const NO_ROUTE = { status: 404, code: 'NoSuchRoute' } as const
const UNAUTHENTICATED = { status: 401, code: 'Unauthenticated' } as const

let gateway: WatchedGateway
afterEach(() => gateway.close())

describe('routes', () => {
  const SPELLINGS = [
    '/admin%2Fv1/stores',
    '//admin/v1/stores',
    '/%61dmin/v1/stores',
    '/v1/..%2fadmin/v1/stores',
    '/v1/../admin/v1/stores',
    '/admin/v1/stores/',
    '/admin/v1/stores;x',
    '/ADMIN/v1/stores',
    '/v1//uploads',
    '/V1/uploads',
    '/v1/uploads;x',
    '/v1/uploads/',
    '/v1/%75ploads',
    '/./v1/uploads',
    '/healthz/../v1/uploads',
    '/healthz%2f..%2fv1/uploads',
  ]

  it('P09 401 or 404, and nothing else: other spellings of a path, without a credential', async () => {
    const listening: ListeningGateway = await openListeningGateway()
    gateway = listening
    const before = stateOf(gateway)
    const { port, adminPort } = listening
    for (const target of SPELLINGS) {
      for (const each of [port, adminPort]) {
        for (const method of ['GET', 'POST']) {
          const answer = await sendRaw(
            each,
            `${method} ${target} HTTP/1.1\r\n${HOST}\r\n${CLOSE}\r\n\r\n`,
          )
          const refusal = answer.status === 401 ? UNAUTHENTICATED : NO_ROUTE
          await expectRefused(answer, refusal, { gateway, before })
        }
      }
    }
    expect(gateway.audited).toEqual([])
  })

  it('P09 no spelling brings a caller to the admin API, nor an API key past its own check', async () => {
    const listening: ListeningGateway = await openListeningGateway()
    gateway = listening
    for (const target of SPELLINGS) {
      const answer = await listening.send([
        `GET ${target} HTTP/1.1`,
        HOST,
        CLOSE,
        listening.authorization,
      ])
      const text = await answer.text()
      expect([target, text]).not.toEqual([target, expect.stringContaining('"stores"')])
      const lists = ['/v1/%75ploads', '/./v1/uploads', '/healthz/../v1/uploads'].includes(target)
      expect([target, answer.status]).toEqual([target, lists ? 200 : 404])
    }
  })

  const open = (): [TestGateway['app'], readonly string[]][] => [
    [gateway.app, OPEN_TO_ALL.app],
    [gateway.admin, OPEN_TO_ALL.admin],
  ]
  const isOpen = (app: unknown, route: string) =>
    open().some(([each, routes]) => each === app && routes.includes(route))

  it('P10 401 for strangers: every route of both listeners but the open ones', async () => {
    gateway = await openWatchedGateway()
    const closed = operations(gateway).filter(({ app, route }) => !isOpen(app, route))
    expect(closed.length).toBeGreaterThan(15)
    const before = stateOf(gateway)
    for (const { app, method, path } of closed) {
      const ofOther = app === gateway.admin ? gateway.key() : TEST_ADMIN_TOKEN
      for (const token of [undefined, 'nonsense', 'a.b.c', ofOther]) {
        const headers = new Headers(
          token === undefined ? [] : [['authorization', `Bearer ${token}`]],
        )
        const answer = await app.request(path, { method, headers })
        await expectRefused(answer, UNAUTHENTICATED, { gateway, before })
      }
    }
    expect(gateway.audited).toEqual([])
  })

  it('P10 200 for strangers: the open routes, at most six names, and they tell of nobody', async () => {
    gateway = await openWatchedGateway()
    expect(OPEN_ROUTES.size).toBeLessThanOrEqual(6)
    const named = ['acme', 'alice', 'globex', 'media', 'main']
    for (const [app, routes] of open()) {
      const served = operations(gateway).filter((each) => each.app === app)
      for (const route of routes) {
        const methods = served.filter((each) => each.route === route).map(({ method }) => method)
        expect([route, methods]).toEqual([route, ['GET']])
        const answer = await app.request(route)
        const text = await answer.text()
        expect([route, answer.status]).toEqual([route, 200])
        const told = named.filter((name) => new RegExp(`"${name}"`).test(text))
        expect([route, told]).toEqual([route, []])
      }
    }
  })

  it('P10 401 or 404 for strangers: whatever no route is registered for, by any method', async () => {
    gateway = await openWatchedGateway()
    const all = operations(gateway)
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PURGE']
    for (const [app] of open()) {
      const served = all.filter((each) => each.app === app)
      const paths = new Set(served.map(({ path }) => path))
      const beside = ['/', '/x', '/v1', '/v1/x', '/v1/x/y', '/admin', '/admin/v1', '/admin/v1/x']
      for (const path of [...paths, ...beside, '/console', '/console/x']) {
        for (const method of methods) {
          // A GET route answers HEAD.
          const asked = method === 'HEAD' ? 'GET' : method
          const registered = served.some((each) => each.method === asked && each.path === path)
          const { status } = await app.request(path, { method })
          if (registered) continue
          // A path can be one of another route as well, and that one is closed.
          const allowed = beside.includes(path) ? [404] : [401, 404]
          expect([method, path, allowed.includes(status) ? 'refused' : status]).toEqual([
            ...[method, path, 'refused'],
          ])
        }
      }
    }
  })

  it('P10 fails for a route that forgets it, on either listener', async () => {
    gateway = await openWatchedGateway()
    for (const app of [gateway.app, gateway.admin]) {
      app.all('/v1/forgotten', (http) => http.text('hello'))
      const strangers = []
      for (const { method, route, path, app: own } of operations(gateway)) {
        if (own !== app || isOpen(app, route)) continue
        if ((await app.request(path, { method })).status !== 401) strangers.push(route)
      }
      expect(new Set(strangers)).toEqual(new Set(['/v1/forgotten']))
    }
  })
})
