import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { describe, expect, it } from 'vitest'
import type { StoreCredential } from './store-script.ts'
import {
  APP_ORIGIN,
  createTestBucket,
  describeOnCeph,
  describeOnSwift,
  embeddedStore,
  realStores,
  type StoreUnderTest,
  storeClient,
} from './stores-under-test.ts'

describe.each(realStores())('on $kind', (store) => {
  it('200: a signed PUT comes back byte for byte', async () => {
    const url = `${store.endpoint}/${await createTestBucket(store)}/folder/object`
    const bytes = randomBytes(100_000)
    const put = await storeClient(store).fetch(url, { method: 'PUT', body: bytes })
    const got = await storeClient(store).fetch(url)
    expect([put.status, got.status]).toEqual([200, 200])
    expect(bytes.equals(await got.bytes())).toBe(true)
  })

  it('200: a presigned PUT and a presigned GET need nothing but their URLs', async () => {
    const bucket = await createTestBucket(store)
    const put = await fetch(await presign(store, 'PUT', `${bucket}/object`), {
      method: 'PUT',
      body: 'hello',
    })
    const got = await fetch(await presign(store, 'GET', `${bucket}/object`))
    expect([put.status, got.status, await got.text()]).toEqual([200, 200, 'hello'])
  })

  it('refuses an anonymous PUT, GET or LIST', async () => {
    const bucketUrl = `${store.endpoint}/${await createTestBucket(store)}`
    await storeClient(store).fetch(`${bucketUrl}/object`, { method: 'PUT', body: 'secret' })
    const put = await fetch(`${bucketUrl}/object`, { method: 'PUT', body: 'changed' })
    const got = await fetch(`${bucketUrl}/object`)
    const listed = await fetch(`${bucketUrl}?list-type=2`)
    // What is not signed Swift takes for its own API, where these paths mean nothing.
    const refused = store.kind === 'swift' ? [400, 400, 412] : [403, 403, 403]
    expect([put.status, got.status, listed.status]).toEqual(refused)
    expect(await got.text()).not.toContain('secret')
    const kept = await storeClient(store).fetch(`${bucketUrl}/object`)
    expect(await kept.text()).toBe('secret')
  })
})

describe('on the guarded embedded store', () => {
  const store = embeddedStore()

  it.each([
    ['x-amz-copy-source', '/media/secret'],
    ['x-amz-acl', 'public-read'],
  ])('403: an unsigned %s on a presigned PUT, and nothing is stored', async (name, value) => {
    await storeClient(store).fetch(`${store.endpoint}/media/secret`, { method: 'PUT', body: 's' })
    const bucket = await createTestBucket(store)
    const url = await presign(store, 'PUT', `${bucket}/object`)
    const put = await fetch(url, { method: 'PUT', headers: { [name]: value } })
    const head = await storeClient(store).fetch(`${store.endpoint}/${bucket}/object`, {
      method: 'HEAD',
    })
    expect([put.status, head.status]).toEqual([403, 404])
  })

  it('403: a form, whose signature nobody would check', async () => {
    const form = new FormData()
    form.set('key', 'object')
    form.set('file', 'hello')
    const posted = await fetch(`${store.endpoint}/media`, { method: 'POST', body: form })
    expect(posted.status).toBe(403)
  })

  const claim = 'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-SignedHeaders=host'
  it.each([
    ['hides its claim to be signed behind a fragment', `/media/secret#?${claim}`],
    ['would leave the folder', `/media/%2e%2e%2fsecret?${claim}`],
  ])('403: a raw request whose target %s', async (_, target) => {
    const sent = request(store.endpoint, { path: target, agent: false }).end()
    const [response]: IncomingMessage[] = await once(sent, 'response')
    response?.resume()
    expect(response?.statusCode).toBe(403)
  })

  it('200: a preflight, which is never signed', async () => {
    const preflight = await fetch(`${store.endpoint}/media/object`, {
      method: 'OPTIONS',
      headers: { origin: 'http://app.example', 'access-control-request-method': 'PUT' },
    })
    expect(preflight.status).toBe(200)
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
  })
})

describeOnCeph('on Ceph', (ceph) => {
  it('403: the write-only key cannot read what it has put', async () => {
    expect(await statuses(ceph, ceph.credentials.write)).toEqual({ put: 200, get: 403, head: 403 })
  })

  it('403: the read-only key cannot put', async () => {
    expect(await statuses(ceph, ceph.credentials.read)).toEqual({ put: 403, get: 200, head: 200 })
  })
})

describeOnSwift('on Swift', (swift) => {
  it('400: a signature for another region', async () => {
    const url = `${swift.endpoint}/${await createTestBucket(swift)}/object`
    const elsewhere = { ...swift, region: 'eu-central-1' }
    const put = await storeClient(elsewhere).fetch(url, { method: 'PUT', body: 'hello' })
    expect(put.status).toBe(400)
    expect(await put.text()).toContain('<Region>us-east-1</Region>')
  })

  it.each([
    [200, APP_ORIGIN],
    [401, 'http://other.example'],
  ])('%i: a preflight from %s', async (status, origin) => {
    const preflight = await fetch(await presign(swift, 'PUT', 'bucket/object'), {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'PUT' },
    })
    expect(preflight.status).toBe(status)
  })
})

async function statuses(store: StoreUnderTest, credential: StoreCredential) {
  const url = `${store.endpoint}/${await createTestBucket(store)}/object`
  await storeClient(store).fetch(url, { method: 'PUT', body: 'before' })
  const client = storeClient(store, credential)
  const put = await client.fetch(url, { method: 'PUT', body: 'after' })
  const get = await client.fetch(url)
  const head = await client.fetch(url, { method: 'HEAD' })
  return { put: put.status, get: get.status, head: head.status }
}

async function presign(store: StoreUnderTest, method: string, path: string): Promise<string> {
  const signed = await storeClient(store).sign(
    new Request(`${store.endpoint}/${path}?X-Amz-Expires=300`, { method }),
    { aws: { signQuery: true } },
  )
  return signed.url
}
