import { afterEach, describe, expect, it } from 'vitest'
import {
  describeOnCeph,
  type StoreUnderTest,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { type GatewayOnStore, UNTIL_RELEASED_MS } from './gateway-on-store.ts'
import { type Case, formsOnStores, type Held, hold, SIZE } from './holder-fixture.ts'
import { gatewayForParts } from './multipart-fixture.ts'

const KEY = 'acme/alice/bound.jpg'
const TAGS = { team: 'a b+c', 'cost:unit': '\u00fc/7' }

const BOUND = {
  cacheControl: 'private, max-age=60',
  contentEncoding: 'x-own',
  disposition: 'attachment',
  filename: 'caf\u00e9 "1".jpg',
  storageClass: 'STANDARD',
  metadata: { album: '7', 'a-b': 'x, y; "z"' },
}
const DISPOSITION = `attachment; filename="caf_ \\"1\\".jpg"; filename*=UTF-8''caf%C3%A9%20%221%22.jpg`

/** The headers of `BOUND` as they are sent. */
const SENT = {
  'cache-control': BOUND.cacheControl,
  'content-encoding': BOUND.contentEncoding,
  'content-disposition': DISPOSITION,
  'x-amz-meta-album': '7',
  'x-amz-meta-a-b': 'x, y; "z"',
} as const

let gateway: GatewayOnStore
afterEach(() => gateway.close())

function hasTags({ kind }: StoreUnderTest): boolean {
  return kind === 'ceph'
}

async function open({ store }: Case): Promise<void> {
  const tagKeys = hasTags(store) ? { tagKeys: Object.keys(TAGS) } : {}
  const upload = { storageClasses: ['STANDARD'], ...tagKeys }
  gateway = await gatewayForParts(store, { bucket: { upload } })
}

/** All that may be asked for in this form on this store. */
function askable(each: Case): Readonly<Record<string, unknown>> {
  const { metadata, storageClass } = BOUND
  // Ceph drops what else a form says of these, and the tags of an upload of parts.
  const asked = each.form === 'post' ? { metadata, storageClass } : BOUND
  return { ...asked, ...(keepsTags(each) && { tags: TAGS }) }
}

function keepsTags({ store, form }: Case): boolean {
  return hasTags(store) && form !== 'multipart'
}

function bound(each: Case): Promise<Held> {
  return hold(gateway, each.form, KEY, askable(each))
}

async function atStore(query = ''): Promise<Response> {
  const { store, storeBucket } = gateway
  const headers = { 'accept-encoding': 'identity' }
  return storeClient(store).fetch(`${store.endpoint}/${storeBucket}/${KEY}${query}`, { headers })
}

describe.each(formsOnStores())('what a $form binds on $kind', (each) => {
  it('is there afterwards, byte for byte, for the store and for whoever downloads it', async () => {
    await open(each)
    const upload = await bound(each)
    expect([200, 201]).toContain(await upload.send())
    expect((await gateway.complete(upload.id)).status).toBe(200)
    const got = await atStore()
    expect((await got.bytes()).length).toBe(SIZE)
    expect(got.headers.get('content-type')).toBe('image/jpeg')
    for (const [name, value] of Object.entries(SENT)) {
      if (each.form === 'post' && name.startsWith('c')) continue
      expect([name, got.headers.get(name)]).toEqual([name, value])
    }
    const wanted = { bucket: 'media', key: KEY }
    const { request } = await (await gateway.call('POST', '/v1/downloads', wanted)).json()
    const down = await fetch(request.url)
    await down.bytes()
    expect(down.headers.get('content-disposition')).toBe('attachment')
    if (!keepsTags(each)) return
    const xml = await (await atStore('?tagging')).text()
    const tags = [...xml.matchAll(/<Key>(.*?)<\/Key><Value>(.*?)<\/Value>/g)]
    expect(Object.fromEntries(tags.map(([, key, value]) => [key, value]))).toEqual(TAGS)
  })
})

describe.each(formsOnStores().filter(({ form }) => form !== 'multipart'))(
  'what a $form binds on $kind, changed',
  (each) => {
    it('403: each of it changed or left out; nothing is stored, and nothing charged', async () => {
      await open(each)
      const upload = await bound(each)
      const ofForm = ['content-type', 'x-amz-acl', 'x-amz-tagging', 'x-amz-meta-album']
      const names = upload.request === undefined ? ofForm : Object.keys(upload.request.headers)
      expect(names.length).toBeGreaterThanOrEqual(ofForm.length)
      for (const name of names) {
        if (name === 'x-amz-tagging' && !hasTags(each.store)) continue
        for (const value of [undefined, 'changed', 'x']) {
          const status = await upload.send({ headers: { [name]: value } })
          expect([name, value, status]).toEqual([name, value, expect.toBeOneOf([400, 403])])
        }
      }
      expect(await gateway.sizeAtStore(KEY)).toBeUndefined()
      gateway.clock.advance(UNTIL_RELEASED_MS)
      await gateway.sweepAll()
      expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 0 })
    })
  },
)

describeOnCeph('what Ceph drops', (ceph) => {
  const upload = { tagKeys: ['team'] }
  const wanted = { bucket: 'media', key: KEY, sizeBytes: SIZE, contentType: 'image/jpeg' }

  it.each([
    ['multipartTagging', { mode: 'multipart', tags: { team: 'a' } }],
    ['formHeaders', { mode: 'post', cacheControl: 'no-store' }],
    ['formHeaders', { mode: 'post', contentEncoding: 'gzip' }],
    ['formHeaders', { mode: 'post', disposition: 'attachment' }],
  ])('422 %s: is not signed: %j', async (capability, asked) => {
    gateway = await gatewayForParts(ceph, { bucket: { upload } })
    const answer = await gateway.call('POST', '/v1/uploads', { ...wanted, ...asked })
    expect([answer.status, (await answer.json()).capability]).toEqual([422, capability])
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 0 })
  })

  it('201: with tags, mode "auto" is one PUT above the threshold too', async () => {
    const rules = { ...upload, writeOnce: false, multipartThresholdBytes: 5 * 2 ** 20 }
    gateway = await gatewayForParts(ceph, { bucket: { upload: rules } })
    const large = { ...wanted, sizeBytes: 5 * 2 ** 20 + 1 }
    for (const [tags, form] of [
      [{ team: 'a' }, 'put'],
      [{}, 'multipart'],
    ]) {
      const path = '/v1/uploads?dryRun=true'
      const answer = await gateway.call('POST', path, { ...large, tags })
      expect([answer.status, (await answer.json()).form]).toEqual([200, form])
    }
  })
})
