import { expect, it } from 'vitest'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { type FormGrant, signForm, type WantedForm } from '../../src/signing/form-grant.ts'
import { createNativePresigner } from '../../src/signing/native-presigner.ts'
import { objectLocation, placedKey } from '../../src/stores/object-url.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { ObjectPlace } from '../../src/stores/store-client.ts'
import { ACCEPTED_KEYS } from '../stores/key-table.ts'
import { newPlacement } from '../stores/real-store.ts'
import { placeOf } from '../stores/store-fixture.ts'
import { describeOnCeph, storeClient } from '../support/stores/stores-under-test.ts'

const presigner = createNativePresigner(nodeHashing)
const client = createStoreClient({ fetch })

describeOnCeph('a form on Ceph', (real) => {
  const place = async (key = 'acme/cat.jpg'): Promise<ObjectPlace> =>
    placeOf(key, await newPlacement(real))

  /** The headers of the object, read with the gateway's own key. */
  const headersOf = async (at: ObjectPlace, query = '') => {
    const { origin, path } = objectLocation(
      at.placement.store,
      'endpoint',
      at.placement.bucket,
      placedKey(at),
    )
    return storeClient(real).fetch(`${origin}${path}${query}`)
  }

  it('201: everything that it binds is there; the store knows every field by its name', async () => {
    const at = await place()
    const form = await granted(pinned(at), {
      metadata: new Map([['album', 'caf\u00e9']]),
      bindings: {
        tags: new Map([
          ['a b', '<&>'],
          ['team', 'x+y'],
        ]),
      },
    })
    expect((await send(form, 'hello')).status).toBe(201)
    expect(await client.head(at)).toMatchObject({
      found: true,
      sizeBytes: 5,
      contentType: 'image/jpeg',
      metadata: new Map([
        ['album', 'caf%C3%A9'],
        ['signet', 'st1.abc'],
      ]),
    })
    const { headers } = await headersOf(at)
    expect(headers.get('x-amz-tagging-count')).toBe('2')
    expect(headers.get('x-amz-storage-class')).toBe('STANDARD')
    const tags = await (await headersOf(at, '?tagging')).text()
    expect(tags).toContain('<Key>a b</Key><Value>&lt;&amp;&gt;</Value>')
    expect(tags).toContain('<Key>team</Key><Value>x+y</Value>')
  })

  // Measured on 16.2.15: what a form says of these is checked against the policy, and not stored.
  it('201, and cache-control, content-encoding and content-disposition are dropped', async () => {
    const at = await place()
    const form = await granted(at, {
      bindings: {
        cacheControl: 'max-age=60',
        contentEncoding: 'gzip',
        contentDisposition: 'inline',
      },
    })
    expect((await send(form, 'hello')).status).toBe(201)
    const { headers } = await headersOf(at)
    expect(headers.get('cache-control')).toBeNull()
    expect(headers.get('content-encoding')).toBeNull()
    expect(headers.get('content-disposition')).toBeNull()
  })

  it.each(ACCEPTED_KEYS.filter((key) => key === key.trim()))(
    '201: the object has exactly the name %j',
    async (key) => {
      const at = await place(key)
      expect((await send(await granted(at), 'hello')).status).toBe(201)
      expect(await client.head(at)).toMatchObject({ found: true, sizeBytes: 5 })
    },
  )

  // The store trims fields, so such a form cannot be used: it fails, and names no other object.
  it.each(ACCEPTED_KEYS.filter((key) => key !== key.trim()))('403: %j', async (key) => {
    const at = await place(key)
    expect((await send(await granted(at), 'hello')).status).toBe(403)
    const trimmed = placeOf(key.trim(), at.placement)
    expect((await client.head(trimmed)).found).toBe(false)
  })

  it.each([
    ['the least', 2],
    ['the most', 5],
  ])('201: %s that the range takes', async (_, sizeBytes) => {
    const at = await place()
    const form = await granted(at, { minBytes: 2, maxBytes: 5 })
    expect((await send(form, 'x'.repeat(sizeBytes))).status).toBe(201)
  })

  it.each([
    ['a byte less', 1],
    ['a byte more', 6],
  ])('400: %s than the range takes', async (_, sizeBytes) => {
    const at = await place()
    const form = await granted(at, { minBytes: 2, maxBytes: 5 })
    expect((await send(form, 'x'.repeat(sizeBytes))).status).toBe(400)
    expect((await client.head(at)).found).toBe(false)
  })

  it('403: any field that is changed, left out or added, and nothing is stored', async () => {
    const at = await place()
    const form = await granted(pinned(at))
    const fields = form.fields.reveal()
    for (const name of Object.keys(fields)) {
      const { [name]: value = '', ...without } = fields
      const changed = {
        ...fields,
        [name]: value.replace(/.$/, (last) => (last === '0' ? '1' : '0')),
      }
      expect([name, (await send(form, 'x', changed)).ok]).toEqual([name, false])
      expect([name, (await send(form, 'x', without)).ok]).toEqual([name, false])
    }
    for (const [name, value] of [
      ['acl', 'public-read'],
      ['Cache-Control', 'no-store'],
      ['x-amz-meta-extra', '1'],
      ['x-amz-server-side-encryption', 'AES256'],
      ['x-amz-copy-source', '/bkt/k'],
      ['tagging', '<Tagging><TagSet/></Tagging>'],
      ['success_action_redirect', 'https://evil.example/'],
    ] as const) {
      expect([name, (await send(form, 'x', { ...fields, [name]: value })).status]).toEqual([
        name,
        403,
      ])
    }
    expect((await client.head(at)).found).toBe(false)
  })

  it('403: the form of another bucket', async () => {
    const at = await place()
    const other = await place()
    const form = { ...(await granted(at)), url: (await granted(other)).url }
    expect((await send(form, 'x')).status).toBe(403)
    expect((await client.head(other)).found).toBe(false)
  })
})

/** With the headers that Ceph lets us pin: without, its forms take any storage class that it has. */
function pinned({ placement, key }: ObjectPlace): ObjectPlace {
  const fixedHeaders = { 'x-amz-acl': 'private', 'x-amz-storage-class': 'STANDARD' }
  const { store } = placement
  const capabilities = { ...store.capabilities, fixedHeaders }
  return { key, placement: { ...placement, store: { ...store, capabilities } } }
}

async function granted(at: ObjectPlace, overrides: Partial<WantedForm> = {}): Promise<FormGrant> {
  const nowMs = Date.now()
  return signForm(presigner, {
    place: at,
    minBytes: 0,
    maxBytes: 100,
    contentType: 'image/jpeg',
    metadata: new Map(),
    ticket: 'st1.abc',
    nowMs,
    expiresAtMs: nowMs + 300_000,
    ...overrides,
  })
}

async function send(
  { url, fields, fileField }: FormGrant,
  file: string,
  sent: Record<string, string> = fields.reveal(),
): Promise<Response> {
  const body = new FormData()
  for (const [name, value] of Object.entries(sent)) body.append(name, value)
  body.append(fileField, new Blob([file]), 'cat.jpg')
  return fetch(url, { method: 'POST', body })
}
