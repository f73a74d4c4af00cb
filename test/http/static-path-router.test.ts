import { TrieRouter } from 'hono/router/trie-router'
import { expect, it } from 'vitest'
import { StaticPathRouter } from '../../src/http/static-path-router.ts'

const ROUTES = [
  ['ALL', '*'],
  ['ALL', '/v1/*'],
  ['GET', '/v1/uploads'],
  ['POST', '/v1/uploads'],
  ['GET', '/v1/uploads/:id'],
  ['POST', '/v1/uploads/batch'],
  ['POST', '/v1/uploads/:id/parts'],
] as const
const PATHS = [
  '/',
  '/v1/uploads',
  '/v1/uploads/',
  '/v1/uploads/batch',
  '/v1/uploads/a',
  '/v1/uploads/a/parts',
]

function withRoutes<R extends { add(method: string, path: string, handler: string): void }>(
  router: R,
): R {
  for (const [method, path] of ROUTES) router.add(method, path, `${method} ${path}`)
  return router
}

it('finds what the router behind it finds, the first time and every time after it', () => {
  const [all, router] = [new TrieRouter<string>(), new StaticPathRouter<string>()].map(withRoutes)
  for (const path of [...PATHS, ...PATHS]) {
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS', 'ANY']) {
      expect(router?.match(method, path), `${method} ${path}`).toEqual(all?.match(method, path))
    }
  }
})

it('keeps the parameters of two requests apart', () => {
  const router = withRoutes(new StaticPathRouter<string>())
  const idOf = (path: string) => router.match('GET', path)[0].at(-1)?.[1]
  expect(idOf('/v1/uploads/a')).toEqual({ id: 'a' })
  expect(idOf('/v1/uploads/b')).toEqual({ id: 'b' })
})

it('sees a route that is added after a path was asked for', () => {
  const router = withRoutes(new StaticPathRouter<string>())
  const before = router.match('POST', '/v1/uploads')[0].length
  router.add('ALL', '/v1/uploads', 'late')
  expect(router.match('POST', '/v1/uploads')[0]).toHaveLength(before + 1)
})
