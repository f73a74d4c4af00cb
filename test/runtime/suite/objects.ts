import { describe, expect, it } from 'vitest'
import { expectRefused } from '../../support/expect-refused.ts'
import { type GatewayUnderTest, put, uploadBody } from './gateway-under-test.ts'

interface Download {
  readonly request: { readonly method: string; readonly url: string }
}

/** Keys whose path in a URL has several spellings, and the one that a client sends. */
const ODD_NAMES = ['a b+c', '100%', 'ä/ö 漢字', "it's (1)*!~", 'a%2Fb', 'q?x=1&y#z', 'x;v=1,2@:$']

/** What holds of objects that are there: downloads, redirects, HEAD, lists, deletion. */
export function describeObjects(suite: () => GatewayUnderTest): void {
  const who = 'acme/bob'
  const asBob = { who }
  const noSuchKey = { status: 404, code: 'NoSuchKey' } as const
  const objectPath = (key: string) =>
    `/v1/objects/media/${key.split('/').map(encodeURIComponent).join('/')}`

  describe('objects', () => {
    it('200: a download brings back the bytes, as an attachment with its name', async () => {
      const { call, create } = suite()
      const upload = await create('down', { sizeBytes: 5 })
      expect(await put(upload, 'hello')).toBe(200)
      const wanted = { bucket: 'media', key: upload.key, filename: 'my cat.jpg' }
      const answer = await call('POST', '/v1/downloads', wanted)
      expect([answer.status, answer.headers.get('cache-control')]).toEqual([200, 'no-store'])
      const { request } = (await answer.json()) as Download
      const got = await fetch(request.url, { method: request.method })
      expect([got.status, await got.text()]).toEqual([200, 'hello'])
      expect(got.headers.get('content-disposition')).toBe('attachment; filename="my cat.jpg"')
    })

    it('200: many downloads come in the order of the request; 403: with a foreign one, none', async () => {
      const { call, uploaded } = suite()
      const keys = []
      for (const name of ['m1', 'm2', 'm3']) keys.push((await uploaded(name)).key)
      const items = keys.map((key) => ({ bucket: 'media', key }))
      const answer = await call('POST', '/v1/downloads', { items })
      const { items: grants } = (await answer.json()) as { items: Download[] }
      expect(answer.status).toBe(200)
      expect(grants.map(({ request }) => new URL(request.url).pathname.split('/').at(-1))).toEqual([
        'm1',
        'm2',
        'm3',
      ])
      const got = await Promise.all(grants.map(({ request }) => fetch(request.url)))
      expect(await Promise.all(got.map(async (each) => (await each.bytes()).length))).toEqual([
        1_000, 1_000, 1_000,
      ])
      const foreign = { bucket: 'media', key: 'acme/bob/x' }
      const refused = await call('POST', '/v1/downloads', { items: [...items, foreign] })
      const problem = await expectRefused(refused, { status: 403, code: 'AccessDenied' })
      expect(Object.hasOwn(problem, 'items')).toBe(false)
    })

    it('307: opening an object redirects to the store, and nobody keeps the address', async () => {
      const { call, uploaded } = suite()
      const { key } = await uploaded('opened')
      const answer = await call('GET', objectPath(key))
      expect(answer.status).toBe(307)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
      const got = await fetch(answer.headers.get('location') ?? '')
      expect([got.status, (await got.bytes()).length]).toEqual([200, 1_000])
    })

    it('200: HEAD tells size, type and ETag; 404: of what is not there', async () => {
      const { call, uploaded } = suite()
      const { key } = await uploaded('head')
      const head = await call('HEAD', objectPath(key))
      expect(head.status).toBe(200)
      expect(head.headers.get('content-length')).toBe('1000')
      expect(head.headers.get('content-type')).toBe('image/jpeg')
      expect(head.headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/)
      expect((await call('HEAD', objectPath('acme/alice/none'))).status).toBe(404)
    })

    it('307, 200, 204: a key is the same key in a body and in a path, however odd', async () => {
      const { call, create } = suite()
      for (const name of ODD_NAMES) {
        const upload = await create(`odd/${name}`, { sizeBytes: 3 }, asBob)
        expect([name, await put(upload, 'odd')]).toEqual([name, 200])
        const path = objectPath(upload.key)
        const head = await call('HEAD', path, undefined, asBob)
        expect([name, head.status, head.headers.get('content-length')]).toEqual([name, 200, '3'])
        const opened = await call('GET', path, undefined, asBob)
        const got = await fetch(opened.headers.get('location') ?? '')
        expect([name, got.status, await got.text()]).toEqual([name, 200, 'odd'])
        const gone = await call('DELETE', path, undefined, asBob)
        expect([name, gone.status]).toEqual([name, 204])
        expect((await call('HEAD', path, undefined, asBob)).status).toBe(404)
      }
    })

    it('200: a list is in the order of keys, page after page, within what the caller may read', async () => {
      const { call, uploaded } = suite()
      const names = ['list/a', 'list/b', 'list/c', 'list/ü']
      for (const name of names) await uploaded(name, {}, asBob)
      const seen: string[] = []
      let cursor = ''
      for (let pages = 0; pages < 5; pages += 1) {
        const path = `/v1/objects/media?prefix=acme/bob/list/&limit=3${cursor}`
        const answer = await call('GET', path, undefined, asBob)
        expect(answer.status).toBe(200)
        const page = (await answer.json()) as {
          objects: { key: string; sizeBytes: number }[]
          nextCursor?: string
        }
        for (const { key, sizeBytes } of page.objects) seen.push(`${key} ${sizeBytes}`)
        if (page.nextCursor === undefined) break
        cursor = `&cursor=${encodeURIComponent(page.nextCursor)}`
      }
      expect(seen).toEqual(names.map((name) => `acme/bob/${name} 1000`))
      const foreign = await call('GET', '/v1/objects/media?prefix=acme/alice/', undefined, asBob)
      await expectRefused(foreign, { status: 403, code: 'AccessDenied' })
    })

    it('204: a deleted object is gone, and deleting it again changes nothing; 403: a foreign one', async () => {
      const { call, uploaded } = suite()
      const { key } = await uploaded('deleted')
      const remove = (options = {}) => call('DELETE', objectPath(key), undefined, options)
      await expectRefused(await remove(asBob), { status: 403, code: 'AccessDenied' })
      expect([(await remove()).status, (await remove()).status]).toEqual([204, 204])
      const download = await call('POST', '/v1/downloads', { bucket: 'media', key })
      const { request } = (await download.json()) as Download
      expect((await fetch(request.url)).status).toBe(noSuchKey.status)
    })

    it('403: who may only download neither uploads, lists nor deletes', async () => {
      const { call } = suite()
      const reader = { who: 'acme/reader' }
      const key = 'acme/reader/x'
      const denied = { status: 403, code: 'AccessDenied' } as const
      const wanted = { bucket: 'media', key }
      expect((await call('POST', '/v1/downloads', wanted, reader)).status).toBe(200)
      for (const [method, path, body] of [
        ['POST', '/v1/uploads', uploadBody(key)],
        ['GET', '/v1/objects/media', undefined],
        ['DELETE', objectPath(key), undefined],
      ] as const) {
        await expectRefused(await call(method, path, body, reader), denied)
      }
    })
  })
}
