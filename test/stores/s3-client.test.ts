import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/secret.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { SendRequest } from '../../src/stores/signed-call.ts'
import {
  describeOnCeph,
  keepVersions,
  realStores,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { newPlacement } from './real-store.ts'
import { examplePlacement, exampleStore, placeOf } from './store-fixture.ts'

const client = createStoreClient({ fetch })

describe.each(realStores())('the store client on $kind', (real) => {
  it('sees an object as the store has it, with the store\u2019s own time', async () => {
    const placement = await newPlacement(real, 'eu/')
    const beforeMs = Date.now()
    await storeClient(real).fetch(`${real.endpoint}/${placement.bucket}/eu/a%20b`, {
      method: 'PUT',
      headers: { 'content-type': 'text/plain', 'x-amz-meta-Album': '7' },
      body: 'hello',
    })
    const head = await client.head(placeOf('a b', placement))
    expect(head).toEqual({
      found: true,
      sizeBytes: 5,
      contentType: 'text/plain',
      etag: '"5d41402abc4b2a76b9719d911017c592"',
      lastModified: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      metadata: new Map([['album', '7']]),
      storeNowMs: expect.any(Number),
    })
    expect(Math.abs((head.storeNowMs ?? 0) - beforeMs)).toBeLessThan(10_000)
  })

  it('sees that an object is not there, and since when', async () => {
    const head = await client.head(placeOf('nothing', await newPlacement(real)))
    expect(head).toEqual({ found: false, storeNowMs: expect.any(Number) })
  })

  it('removes an object, and one that is gone already', async () => {
    const placement = await newPlacement(real)
    const url = `${real.endpoint}/${placement.bucket}/k`
    await storeClient(real).fetch(url, { method: 'PUT', body: 'hello' })
    await client.remove(placeOf('k', placement))
    expect((await client.head(placeOf('k', placement))).found).toBe(false)
    await expect(client.remove(placeOf('k', placement))).resolves.toBeUndefined()
  })

  it('lists page by page below a prefix, and what lies beside it never', async () => {
    const placement = await newPlacement(real, 'eu/')
    const put = (path: string) =>
      storeClient(real).fetch(`${real.endpoint}/${placement.bucket}/${path}`, {
        method: 'PUT',
        body: 'hello',
      })
    for (const path of ['eu/x/1', 'eu/x/2', 'eu/x/3', 'eu/y', 'eux', 'us/x/1']) await put(path)
    const first = await client.list(placement, { prefix: 'x/', limit: 2 })
    expect(first.objects.map(({ key }) => key)).toEqual(['x/1', 'x/2'])
    expect(first.objects[0]).toEqual({
      key: 'x/1',
      sizeBytes: 5,
      etag: '"5d41402abc4b2a76b9719d911017c592"',
      lastModified: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    })
    const second = await client.list(placement, { prefix: 'x/', limit: 2, after: first.next ?? '' })
    expect(second.objects.map(({ key }) => key)).toEqual(['x/3'])
    expect(second.next).toBeUndefined()
    const all = await client.list(placement, { prefix: '', limit: 1000 })
    expect(all.objects.map(({ key }) => key)).toEqual(['x/1', 'x/2', 'x/3', 'y'])
    const later = await client.list(placement, { prefix: 'x/', limit: 1, startAfter: 'x/1' })
    expect([later.objects.map(({ key }) => key), later.next === undefined]).toEqual([
      ['x/2'],
      false,
    ])
    const none = await client.list(placement, { prefix: '', limit: 1, startAfter: 'y' })
    expect(none).toEqual({ objects: [] })
  })

  it('503: a wrong secret, with the store\u2019s code for the log', async () => {
    const placement = await newPlacement(real)
    const manage = { ...placement.store.credentials.manage, secretAccessKey: new Secret('wrong') }
    const store = { ...placement.store, credentials: { ...placement.store.credentials, manage } }
    const list = client.list({ ...placement, store }, { prefix: '', limit: 1 })
    await expect(list).rejects.toMatchObject({
      code: 'StoreUnavailable',
      details: { facts: { store: real.kind, status: 403, code: 'SignatureDoesNotMatch' } },
    })
    const head = client.head(placeOf('k', { ...placement, store }))
    await expect(head).rejects.toMatchObject({ details: { facts: { status: 403 } } })
    const remove = client.remove(placeOf('k', { ...placement, store }))
    await expect(remove).rejects.toMatchObject({ details: { facts: { status: 403 } } })
  })
})

describeOnCeph('the store client on Ceph', (ceph) => {
  it('sees each version of an object, and that a deleted one is not there', async () => {
    const placement = await newPlacement(ceph)
    await keepVersions(ceph, placement.bucket)
    const url = `${ceph.endpoint}/${placement.bucket}/k`
    await storeClient(ceph).fetch(url, { method: 'PUT', body: 'hello' })
    const head = await client.head(placeOf('k', placement))
    const versionId = head.found ? (head.versionId ?? '') : ''
    expect(versionId).not.toBe('')
    await client.remove(placeOf('k', placement))
    expect((await client.head(placeOf('k', placement))).found).toBe(false)
    expect(await client.head(placeOf('k', placement), versionId)).toMatchObject({
      found: true,
      versionId,
    })
  })

  it('503: the read-only key cannot remove', async () => {
    const placement = await newPlacement(ceph)
    const { credentials } = placement.store
    const store = { ...placement.store, credentials: { ...credentials, manage: credentials.read } }
    await expect(client.remove(placeOf('k', { ...placement, store }))).rejects.toMatchObject({
      code: 'StoreUnavailable',
    })
  })
})

describe('a store that gives no usable answer', () => {
  const found = { 'content-length': '5', etag: '"x"' }

  it.each<[string, number, Record<string, string>]>([
    ['a 500', 500, {}],
    ['a 503', 503, {}],
    ['a 403', 403, {}],
    ['a 400', 400, {}],
    ['a redirect, which is not followed', 301, { location: 'http://169.254.169.254/' }],
    ['a 307', 307, { location: 'http://169.254.169.254/' }],
    ['a 206', 206, found],
    ['a 200 without a size', 200, { etag: '"x"' }],
    ['a 200 with a size in words', 200, { ...found, 'content-length': 'five' }],
    ['a 200 with a negative size', 200, { ...found, 'content-length': '-5' }],
    ['a 200 without an ETag', 200, { 'content-length': '5' }],
    ['a 405 that is no delete marker', 405, {}],
  ])('503: %s', async (_, status, headers) => {
    let calls = 0
    const answering = answered(() => {
      calls += 1
      return new Response(null, { status, headers })
    })
    await expect(answering.head(placeOf('k'))).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(calls).toBe(1)
  })

  it('503: silence, within the time that the store is given, in the body as well', async () => {
    const server = createServer((request, response) => {
      if (request.method === 'GET') response.writeHead(200).write('<ListBucketResult>')
    }).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const store = exampleStore({ endpoint: `http://127.0.0.1:${port}`, timeoutMs: 50 })
    try {
      await expect(client.head(placeOf('k', { store }))).rejects.toMatchObject({
        code: 'StoreUnavailable',
        details: { facts: { reason: 'TimeoutError' } },
      })
      const list = client.list(examplePlacement({ store }), { prefix: '', limit: 1 })
      await expect(list).rejects.toMatchObject({ code: 'StoreUnavailable' })
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  it('503: nobody listens; the log learns why, and never the URL', async () => {
    const store = exampleStore({ endpoint: 'http://127.0.0.1:1' })
    const error: unknown = await client.head(placeOf('secret-key', { store })).catch((e) => e)
    expect(error).toMatchObject({ details: { facts: { reason: expect.any(String) } } })
    expect(JSON.stringify(error) + String(error)).not.toMatch(/127\.0\.0\.1|secret-key/)
  })

  it('503: a listing without an end', async () => {
    const chunk = new TextEncoder().encode(' '.repeat(1024 * 1024))
    let chunks = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        chunks += 1
        controller.enqueue(chunk)
      },
    })
    const answering = answered(() => new Response(endless))
    const list = answering.list(examplePlacement(), { prefix: '', limit: 1 })
    await expect(list).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(chunks).toBeLessThan(20)
  })

  it('503: a listing that is none', async () => {
    const answering = answered(() => new Response('<html>Welcome</html>'))
    const list = answering.list(examplePlacement(), { prefix: '', limit: 1 })
    await expect(list).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })

  it('is not one that says 404, to a HEAD or to a DELETE', async () => {
    const answering = answered(() => new Response(null, { status: 404 }))
    expect(await answering.head(placeOf('k'))).toEqual({ found: false })
    await expect(answering.remove(placeOf('k'))).resolves.toBeUndefined()
  })
})

describe('a call to a store', () => {
  it.each<[string | undefined, string | undefined]>([
    ['v1', 'v1'],
    // Of a bucket that keeps no versions, or no longer does.
    ['null', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('takes the version %o for %o', async (told, versionId) => {
    const headers = { etag: '"e"', 'content-length': '5' }
    const version = told === undefined ? {} : { 'x-amz-version-id': told }
    const answering = answered(() => new Response(null, { headers: { ...headers, ...version } }))
    const head = await answering.head(placeOf('k'))
    expect(head.found && head.versionId).toBe(versionId)
  })

  it('goes to our own endpoint, signed by the manage credential at the clock\u2019s time', async () => {
    const sent: { url: string; init: RequestInit }[] = []
    const manage = {
      accessKeyId: 'MANAGE',
      secretAccessKey: new Secret('m'),
      sessionToken: new Secret('token'),
    }
    const store = exampleStore({
      endpoint: 'http://ceph:7480',
      publicEndpoint: 'https://s3.example.org',
      credentials: { ...exampleStore().credentials, manage },
    })
    const observed = createStoreClient({
      fetch: (url, init) => {
        sent.push({ url, init })
        return Promise.resolve(new Response(null, { status: 404 }))
      },
      clock: { nowMs: () => Date.UTC(2013, 4, 24) },
    })
    await observed.head(placeOf("a b+(1)'*!", { store, prefix: 'eu/' }), 'v 1')
    const [call] = sent
    expect(call?.url).toBe('http://ceph:7480/bkt/eu/a%20b%2B%281%29%27%2A%21?versionId=v%201')
    const headers = new Headers(call?.init.headers)
    expect(headers.get('authorization')).toMatch(
      /^AWS4-HMAC-SHA256 Credential=MANAGE\/20130524\/us-east-1\/s3\/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date;x-amz-security-token, /,
    )
    expect(headers.get('x-amz-content-sha256')).toBe('UNSIGNED-PAYLOAD')
    expect(call?.init.redirect).toBe('manual')
    expect(call?.init.method).toBe('HEAD')
  })
})

function answered(answer: () => Response) {
  const send: SendRequest = () => Promise.resolve(answer())
  return createStoreClient({ fetch: send })
}

describeOnCeph('access rules', (ceph) => {
  it('are private until somebody else is let in, and unknown of what is not there', async () => {
    const placement = await newPlacement(ceph)
    const put = (headers: Record<string, string>) =>
      storeClient(ceph).fetch(`${ceph.endpoint}/${placement.bucket}/k`, {
        method: 'PUT',
        headers,
        body: 'hello',
      })
    const place = placeOf('k', placement)
    expect(await client.acl(place)).toBe('unknown')
    await put({})
    expect(await client.acl(place)).toBe('private')
    for (const acl of ['public-read', 'authenticated-read']) {
      await put({ 'x-amz-acl': acl })
      expect(await client.acl(place)).toBe('shared')
    }
  })
})
