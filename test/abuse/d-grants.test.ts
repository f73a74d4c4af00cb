import { afterEach, describe, expect, it } from 'vitest'
import { gatewayOnStore } from '../gateway/gateway-on-store.ts'
import { type GrantView, received } from '../support/grants.ts'
import { isRightlySigned } from '../support/sigv4-verifier.ts'
import { realStores } from '../support/stores/stores-under-test.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway } from '../support/watched-gateway.ts'

const KEY = 'acme/alice/cat.jpg'
const PATH = `/v1/objects/media/${KEY}`
const DENIED = { status: 403, code: 'AccessDenied' } as const
const INVALID = { status: 400, code: 'InvalidRequest' } as const

let gateway: TestGateway
afterEach(() => gateway.close())

async function sign(changes: Readonly<Record<string, unknown>> = {}): Promise<GrantView> {
  const wanted = { bucket: 'media', key: KEY, ...changes }
  const response = await gateway.call('POST', '/v1/downloads', wanted)
  expect(response.status).toBe(200)
  return (await response.json()).request
}

/** Names that any store takes, and names that need `filename*`, with what a reader must see. */
const PLAIN = ['my cat.jpg', '100%.txt', 'a+b&c=d#e?.txt', '~$@,[]{}.txt']
const ENCODED: readonly (readonly [name: string, ascii: string])[] = [
  ['a";b.txt', 'a\\";b.txt'],
  ['5 \u20ac f\u00fcr dich.txt', '5 _ f_r dich.txt'],
  ['a%41.txt', 'a_41.txt'],
]

describe('requests for more than a bucket gives', () => {
  it('D01 403, D01 400: not by the redirect either, and nothing is charged or signed', async () => {
    const watched = await openWatchedGateway()
    gateway = watched
    await watched.refuse('GET', `${PATH}?disposition=inline`, undefined, DENIED)
    for (const query of [
      'disposition=other',
      'disposition=',
      'response-content-type=text/html',
      'response-content-disposition=inline',
      'contentType=text/html',
      'disposition=attachment&disposition=inline',
      'versionId=1&versionId=2',
      'versionId=',
    ]) {
      await watched.refuse('GET', `${PATH}?${query}`, undefined, INVALID)
    }
    // P05: a name that is known here, and needs the permission of its own.
    await watched.refuse('GET', `${PATH}?versionId=1`, undefined, DENIED)
    const wanted = { bucket: 'media', key: KEY }
    await watched.refuse('POST', '/v1/downloads', { ...wanted, disposition: 'inline' }, DENIED)
    const many = [wanted, { ...wanted, disposition: 'inline' }]
    await watched.refuse('POST', '/v1/downloads', { items: many }, DENIED)
    expect((await watched.call('GET', `${PATH}?disposition=attachment`)).status).toBe(307)
  })

  it('D02 400: what cannot name a file, before anything is charged or signed', async () => {
    const watched = await openWatchedGateway()
    gateway = watched
    for (const filename of [
      'a\r\nSet-Cookie: x',
      'a\0',
      'a\x7f',
      'a\x85',
      'a\u2028',
      '../../x',
      'a/b',
      'a\\b',
      '.',
      '..',
      '',
      'x'.repeat(256),
      'x'.repeat(10_241),
    ]) {
      const wanted = { bucket: 'media', key: KEY, filename }
      await watched.refuse('POST', '/v1/downloads', wanted, INVALID)
      await watched.refuse('POST', '/v1/downloads', { items: [wanted] }, INVALID)
    }
  })
})

describe.each(realStores())('signed overrides on $kind', (store) => {
  const secret = 'read' in store.credentials ? store.credentials.read : store.credentials.main

  async function open(): Promise<void> {
    const onStore = await gatewayOnStore(store)
    gateway = onStore
    await onStore.putDirectly(KEY, 10, { 'content-type': 'image/jpeg' })
  }

  it('D02 200: the store says the name that was asked for', async () => {
    await open()
    for (const filename of PLAIN) {
      const got = await fetch((await sign({ filename })).url)
      expect([got.status, got.headers.get('content-disposition')]).toEqual([
        200,
        `attachment; filename="${filename}"`,
      ])
    }
    // s3rver refuses its own reading of `'` in a query (stores.md section 6.1).
    for (const [filename, ascii] of store.kind === 'embedded' ? [] : ENCODED) {
      const got = await fetch((await sign({ filename })).url)
      const said = got.headers.get('content-disposition') ?? ''
      expect([got.status, said.split("; filename*=UTF-8''")[0]]).toEqual([
        200,
        `attachment; filename="${ascii}"`,
      ])
      expect(decodeURIComponent(said.split("UTF-8''")[1] ?? '')).toBe(filename)
    }
  })

  it('D03: a parameter put in front or behind is refused, or the signed one wins', async () => {
    await open()
    const grant = await sign({ filename: 'cat.jpg' })
    expect(isRightlySigned(received(grant), secret.secretAccessKey)).toBe(true)
    for (const added of [
      'response-content-type=text%2Fhtml',
      'response-content-disposition=inline',
      'response-cache-control=public',
      'versionId=1',
      'acl=',
      'X-Amz-Expires=604800',
    ]) {
      for (const url of [`${grant.url}&${added}`, grant.url.replace('?', `?${added}&`)]) {
        expect(isRightlySigned(received({ ...grant, url }), secret.secretAccessKey)).toBe(false)
        const got = await fetch(url)
        if (got.status !== 200) {
          // s3rver answers 500 to some doubles (stores.md section 4, step 20): no object either way.
          expect([added, got.status]).toEqual([added, expect.toBeOneOf([400, 403, 500])])
          continue
        }
        expect(url.startsWith(`${grant.url}&`)).toBe(false)
        expect(got.headers.get('content-type')).toBe('image/jpeg')
        expect(got.headers.get('content-disposition')).toBe('attachment; filename="cat.jpg"')
        expect(got.headers.get('cache-control')).toBeNull()
      }
    }
  })
})

describe('redirects', () => {
  it('D06 307: from a page of a listed origin too; both it and the caller vary the answer', async () => {
    const origin = 'https://app.example'
    gateway = await openTestGateway({ server: { cors: { origins: [origin] } } })
    for (const from of [origin, 'https://evil.example', undefined]) {
      const headers = from === undefined ? {} : { origin: from }
      const answer = await gateway.call('GET', PATH, undefined, { headers })
      expect(answer.status).toBe(307)
      const vary = (answer.headers.get('vary') ?? '').split(', ')
      expect(new Set(vary)).toEqual(new Set(['Authorization', 'Origin']))
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('referrer-policy')).toBe('no-referrer')
      expect(answer.headers.get('access-control-allow-origin')).toBe(from === origin ? from : null)
      expect(answer.headers.has('access-control-allow-credentials')).toBe(false)
    }
  })

  it('D06: refusals and grants are kept by no cache either', async () => {
    gateway = await openTestGateway()
    for (const answer of [
      await gateway.call('GET', '/v1/objects/media/acme/bob/x'),
      await gateway.call('GET', PATH, undefined, { headers: { authorization: 'Bearer x' } }),
      await gateway.call('POST', '/v1/downloads', { bucket: 'media', key: KEY }),
      await gateway.call('POST', '/v1/uploads', uploadBody()),
    ]) {
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(answer.headers.get('etag')).toBeNull()
    }
  })

  it('D06: the documentation warns of clients that send the key along to the store', async () => {
    gateway = await openTestGateway()
    const document = await (await gateway.app.request('/openapi.json')).json()
    const { description } = document.paths['/v1/objects/{bucket}/{key}'].get.responses['307']
    expect(description).toContain('without `Authorization`')
  })
})
