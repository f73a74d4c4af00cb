import { afterEach, describe, expect, it } from 'vitest'
import {
  CLOSE,
  HOST,
  type ListeningGateway,
  openListeningGateway,
} from '../http/listening-gateway.ts'
import { OPEN_ROUTES, operations } from '../http/operations.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { sendRaw } from '../support/raw-http.ts'
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

  it('P10 401 without a credential: every route of both listeners but the open ones', async () => {
    gateway = await openWatchedGateway()
    const all = operations(gateway)
    expect(all.length).toBeGreaterThan(15)
    for (const { app, method, route, path } of all) {
      const answer = await app.request(path, { method })
      if (OPEN_ROUTES.has(route)) expect([route, answer.status]).toEqual([route, 200])
      else await expectRefused(answer, UNAUTHENTICATED, { gateway })
    }
    const open = all.filter(({ route }) => OPEN_ROUTES.has(route)).map(({ route }) => route)
    expect(new Set(open)).toEqual(OPEN_ROUTES)
  })

  it('P10 fails for a route that forgets it', async () => {
    gateway = await openWatchedGateway()
    gateway.app.all('/v1/forgotten', (http) => http.text('hello'))
    const strangers = []
    for (const { app, method, route, path } of operations(gateway)) {
      const { status } = await app.request(path, { method })
      if (status !== 401 && !OPEN_ROUTES.has(route)) strangers.push(`${method} ${route}`)
    }
    expect(strangers).toContain('POST /v1/forgotten')
  })
})
