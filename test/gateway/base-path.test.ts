import { expect, it } from 'vitest'
import { startSignedPathStore } from '../support/signed-path-store.ts'
import { TestClock } from '../support/test-clock.ts'
import { TEST_STORE_SECRET } from '../support/test-config.ts'
import { openTestGateway } from '../support/test-gateway.ts'
import { type CreatedForm, sendForm } from './form-fixture.ts'

const BASE = '/storage/v1/s3'

/** A gateway on a store of Supabase's kind: a path before the bucket, which is signed. */
async function openOnPath(path = BASE) {
  const store = await startSignedPathStore(path, 'media-prod', TEST_STORE_SECRET)
  const gateway = await openTestGateway({
    clock: new TestClock(Date.now()),
    store: {
      provider: 'supabase',
      endpoint: `${store.origin}${BASE}`,
      credentials: { accessKeyId: 'AKIATEST', secretAccessKey: TEST_STORE_SECRET },
      capabilities: { unsignedCopySource: 'closed', responseOverrides: 'yes' },
    },
  })
  return { store, gateway }
}

const WANTED = {
  bucket: 'media',
  key: 'acme/alice/a b.txt',
  sizeBytes: 5,
  contentType: 'text/plain',
}

it('serves a store with a path before the bucket: uploads, downloads and its own calls', async () => {
  const { store, gateway } = await openOnPath()
  await using _ = store
  const created = await gateway.call('POST', '/v1/uploads', WANTED)
  const { id, request } = (await created.json()) as {
    id: string
    request: { url: string; headers: Record<string, string> }
  }
  expect(request.url.startsWith(`${store.origin}${BASE}/media-prod/acme/alice/a%20b.txt?`)).toBe(
    true,
  )
  const put = { method: 'PUT', headers: request.headers, body: 'hello' }
  expect((await fetch(request.url, put)).status).toBe(200)
  expect((await gateway.call('POST', `/v1/uploads/${id}/complete`, {})).status).toBe(200)
  const object = '/v1/objects/media/acme/alice/a%20b.txt'
  const location = (await gateway.call('GET', object)).headers.get('location') ?? ''
  expect(await (await fetch(location)).text()).toBe('hello')
  const listed = await gateway.call('GET', '/v1/objects/media?prefix=acme/alice/')
  expect(await listed.json()).toMatchObject({ objects: [{ key: 'acme/alice/a b.txt' }] })
  expect((await gateway.call('DELETE', object)).status).toBe(204)
  const parts = { ...WANTED, mode: 'multipart' }
  const inParts = await (await gateway.call('POST', '/v1/uploads', parts)).json()
  const [part] = (inParts as { multipart: { parts: { request: { url: string } }[] } }).multipart
    .parts
  const partPut = await fetch(part?.request.url ?? '', { method: 'PUT', body: 'hello' })
  expect(partPut.status).toBe(200)
  const key = `${BASE}/media-prod/acme/alice/a%20b.txt`
  expect(store.served).toEqual([
    `PUT ${key}: 200`,
    `HEAD ${key}: 200`,
    // Who has access to it: such a store takes unsigned headers.
    `GET ${key}: 200`,
    `GET ${key}: 200`,
    `GET ${BASE}/media-prod: 200`,
    `HEAD ${key}: 200`,
    `DELETE ${key}: 204`,
    `POST ${key}: 200`,
    `PUT ${key}: 200`,
  ])
  await gateway.close()
})

it('serves it with forms, whose address is that of the bucket below the path', async () => {
  const { store, gateway } = await openOnPath()
  await using _ = store
  const wanted = { ...WANTED, sizeBytes: undefined, mode: 'post', maxSizeBytes: 10 }
  const answer = await gateway.call('POST', '/v1/uploads', wanted)
  const upload = (await answer.json()) as CreatedForm
  expect(upload.form.url).toBe(`${store.origin}${BASE}/media-prod`)
  expect(await sendForm(upload, 5)).toBe(201)
  expect((await gateway.call('POST', `/v1/uploads/${upload.id}/complete`, {})).status).toBe(200)
  expect(store.served.at(-1)).toBe(`HEAD ${BASE}/media-prod/acme/alice/a%20b.txt: 200`)
  await gateway.close()
})

it('shows where a store has another path: no request is right there', async () => {
  const { store, gateway } = await openOnPath('/s3')
  await using _ = store
  const created = await gateway.call('POST', '/v1/uploads', WANTED)
  const { request } = (await created.json()) as {
    request: { url: string; headers: Record<string, string> }
  }
  const put = { method: 'PUT', headers: request.headers, body: 'hello' }
  expect((await fetch(request.url, put)).status).toBe(404)
  const moved = request.url.replace(BASE, '/s3')
  expect((await fetch(moved, put)).status).toBe(403)
  await gateway.close()
})
