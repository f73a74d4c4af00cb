import { afterEach, describe, expect, it } from 'vitest'
import { type GatewayOnStore, gatewayOnStore } from '../gateway/gateway-on-store.ts'
import { createParts, gatewayForParts } from '../gateway/multipart-fixture.ts'
import { type GrantView, queryNames, SIGNATURE_NAMES } from '../support/grants.ts'
import {
  describeOnCeph,
  describeOnSwift,
  keepVersions,
  realStores,
  type StoreUnderTest,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'

const KEY = 'acme/alice/cat.jpg'
const VERSIONS = { 'acme/alice': [{ operations: ['upload', 'download', 'versions'] }] }

let gateway: TestGateway
afterEach(() => gateway.close())

/** What tells a store to do something else than to hand out or take the object. */
const ADDED = [
  'acl',
  'acl=',
  'tagging',
  'uploadId=x',
  'uploadId=x&partNumber=1',
  'partNumber=1',
  'uploads',
  'versionId=null',
  'versionId=1',
  'versions',
  'retention',
  'legal-hold',
  'torrent',
  'attributes',
  'restore',
  'select&select-type=2',
  'policy',
  'list-type=2',
  'append',
  'multipart-manifest=get',
  'x-amz-acl=public-read',
  'response-content-type=text%2Fhtml',
]

/** Swift answers some of these before it looks at the signature: 405, 501. */
const REFUSED = [400, 403, 405, 501]

async function downloadOf(members: Readonly<Record<string, unknown>> = {}): Promise<GrantView> {
  const wanted = { bucket: 'media', key: KEY, ...members }
  const answer = await gateway.call('POST', '/v1/downloads', wanted)
  expect(answer.status).toBe(200)
  return (await answer.json()).request
}

/** The URL with a query in front of the signed one, and behind it. */
function withQuery(url: string, added: string): string[] {
  return [url.replace('?', `?${added}&`), `${url}&${added}`]
}

describe('the query of a grant', () => {
  it('P03: holds the names of its operation and no others, whatever was asked for', async () => {
    gateway = await openTestGateway({ allow: VERSIONS })
    const names = (...more: string[]) => [...SIGNATURE_NAMES, ...more]
    const disposition = 'response-content-disposition'
    expect(queryNames(await downloadOf())).toEqual(names(disposition))
    const asked = { filename: 'x?acl&tagging', expiresInSeconds: 60, stableForSeconds: 30 }
    expect(queryNames(await downloadOf(asked))).toEqual(names(disposition))
    const version = { versionId: 'v1&acl=&uploadId=2?tagging#' }
    expect(queryNames(await downloadOf(version))).toEqual(names(disposition, 'versionId'))
    const url = new URL((await downloadOf(version)).url)
    expect(url.searchParams.getAll('versionId')).toEqual([version.versionId])
  })

  it.each(realStores())('P03: the same of a PUT and of parts on $kind', async (store) => {
    const onStore = await gatewayForParts(store)
    gateway = onStore
    const put = await onStore.create()
    expect(queryNames({ url: put.request?.url ?? '' })).toEqual(SIGNATURE_NAMES)
    const { multipart } = await createParts(onStore)
    for (const { request } of multipart.parts) {
      expect(queryNames(request)).toEqual([...SIGNATURE_NAMES, 'partNumber', 'uploadId'])
    }
  })
})

describe.each(realStores())('a grant with another query on $kind', (store) => {
  it('P03 403: a download bent to anything else, which shows neither ACL nor tags nor parts', async () => {
    const onStore = await gatewayOnStore(store)
    gateway = onStore
    await onStore.putDirectly(KEY, 10)
    const { url } = await downloadOf()
    for (const added of ADDED) {
      for (const bent of withQuery(url, added)) {
        const got = await fetch(bent)
        const text = await got.text()
        if (REFUSED.includes(got.status)) continue
        // Swift says that there are no tags before it looks at any key, to everybody and of anything.
        const forged = bent
          .replace('?', '-none?')
          .replace(/Signature=\w+/, `Signature=${'0'.repeat(64)}`)
        const stranger = await fetch(forged)
        expect([added, got.status, text]).toEqual([added, stranger.status, await stranger.text()])
      }
    }
    const got = await fetch(url)
    expect([got.status, (await got.bytes()).length]).toEqual([200, 10])
  })

  it('P03 403: an upload bent to set an ACL, tags or a part; nothing is stored or changed', async () => {
    const onStore = await gatewayOnStore(store)
    gateway = onStore
    const { request, key } = await onStore.create()
    const { url = '', headers = {} } = request ?? {}
    for (const added of ADDED) {
      for (const bent of withQuery(url, added)) {
        const sent = await fetch(bent, { method: 'PUT', headers, body: new Uint8Array(1_000) })
        await sent.bytes()
        expect([added, sent.status]).toEqual([added, expect.toBeOneOf(REFUSED)])
      }
    }
    expect(await onStore.sizeAtStore(key)).toBeUndefined()
    const sent = await fetch(url, { method: 'PUT', headers, body: new Uint8Array(1_000) })
    expect(sent.status).toBe(200)
  })

  it('P03 403: the part of another upload, or of another number', async () => {
    const onStore = await gatewayForParts(store)
    gateway = onStore
    const one = await createParts(onStore)
    const other = await createParts(onStore, { key: 'acme/alice/other' })
    const [first, second] = one.multipart.parts
    const [foreign] = other.multipart.parts
    const idOf = (url = '') => new URL(url).searchParams.get('uploadId') ?? ''
    const encoded = (url?: string) => encodeURIComponent(idOf(url))
    const url = first?.request.url ?? ''
    for (const bent of [
      url.replace(encoded(url), encoded(foreign?.request.url)),
      url.replace('partNumber=1', 'partNumber=2'),
      url.replace(/&?partNumber=1/, ''),
      url.replace(/&?uploadId=[^&]*/, ''),
    ]) {
      expect(bent).not.toBe(url)
      const body = new Uint8Array(first?.sizeBytes ?? 0)
      const sent = await fetch(bent, { method: 'PUT', headers: first?.request.headers ?? {}, body })
      await sent.bytes()
      expect(REFUSED).toContain(sent.status)
    }
    expect(second?.partNumber).toBe(2)
    expect(await onStore.sizeAtStore(one.key)).toBeUndefined()
  })
})

/** Two versions, and a redirect to the older one. */
function versions(store: StoreUnderTest): void {
  async function open(allow?: typeof VERSIONS): Promise<{ onStore: GatewayOnStore; old: string }> {
    const onStore = await gatewayOnStore(store, allow === undefined ? {} : { allow })
    gateway = onStore
    await keepVersions(store, onStore.storeBucket)
    await onStore.putDirectly(KEY, 10)
    const url = `${store.endpoint}/${onStore.storeBucket}/${KEY}`
    const head = await storeClient(store).fetch(url, { method: 'HEAD' })
    await onStore.putDirectly(KEY, 20)
    return { onStore, old: head.headers.get('x-amz-version-id') ?? '' }
  }
  const path = (old: string) => `/v1/objects/media/${KEY}?versionId=${encodeURIComponent(old)}`

  it('P05 307: to the version that was asked for, with the permission for versions', async () => {
    const { old } = await open(VERSIONS)
    const answer = await gateway.call('GET', path(old))
    expect(answer.status).toBe(307)
    const got = await fetch(answer.headers.get('location') ?? '')
    expect([got.status, (await got.bytes()).length]).toEqual([200, 10])
    const latest = await gateway.call('GET', `/v1/objects/media/${KEY}`)
    const now = await fetch(latest.headers.get('location') ?? '')
    expect((await now.bytes()).length).toBe(20)
  })

  it('P05 403: a version added to a grant of none, by hand; and asked for without permission', async () => {
    const { old } = await open()
    expect((await gateway.call('GET', path(old))).status).toBe(403)
    const { url } = await downloadOf()
    for (const bent of withQuery(url, `versionId=${encodeURIComponent(old)}`)) {
      expect((await fetch(bent)).status).toBe(403)
    }
  })

  it('P05: HEAD of a version is refused without the permission, and never answered by another', async () => {
    const { old } = await open()
    expect((await gateway.call('HEAD', path(old))).status).toBe(403)
    await gateway.close()
    const allowed = await open(VERSIONS)
    const answer = await gateway.call('HEAD', path(allowed.old))
    expect([answer.status, answer.headers.get('content-length')]).toEqual([200, '10'])
    const latest = await gateway.call('HEAD', `/v1/objects/media/${KEY}`)
    expect(latest.headers.get('content-length')).toBe('20')
  })
}

describeOnCeph('versions on Ceph', versions)
describeOnSwift('versions on Swift', versions)
