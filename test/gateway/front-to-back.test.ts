import { afterEach, describe, expect, it } from 'vitest'
import {
  describeOnCeph,
  describeOnSwift,
  keepVersions,
  realStores,
  type StoreUnderTest,
} from '../support/stores/stores-under-test.ts'
import { type GatewayOnStore, gatewayOnStore, UNTIL_RELEASED_MS } from './gateway-on-store.ts'

const KEY = 'acme/alice/cat.jpg'
const OPERATIONS = ['upload', 'download', 'delete', 'overwrite', 'versions']

let gateway: GatewayOnStore
afterEach(() => gateway.close())

async function downloadUrl(more: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const wanted = { bucket: 'media', key: KEY, ...more }
  const answer = await gateway.call('POST', '/v1/downloads', wanted)
  expect(answer.status).toBe(200)
  return (await answer.json()).request.url
}

describe.each(realStores())('from front to back on $kind', (store) => {
  it('an upload is granted, put, completed and charged, read in part, deleted and credited', async () => {
    gateway = await gatewayOnStore(store)
    const upload = await gateway.create()
    const writeOnce = store.kind === 'ceph'
    expect(upload).toMatchObject({
      status: 'pending',
      guarantees: { size: 'exact', contentType: true, writeOnce, checksum: 'none' },
    })
    expect(await gateway.put(upload, 999)).toBe(403)
    expect(await gateway.put(upload, 1_000)).toBe(200)
    const completed = await gateway.complete(upload.id)
    expect(await completed.json()).toMatchObject({ status: 'completed', sizeBytes: 1_000 })
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 1_000, pending: 0 })

    const url = await downloadUrl({ filename: 'my cat.jpg' })
    const part = await fetch(url, { headers: { range: 'bytes=990-' } })
    expect([part.status, (await part.bytes()).length]).toEqual([206, 10])
    expect(part.headers.get('content-disposition')).toBe('attachment; filename="my cat.jpg"')

    expect((await gateway.call('DELETE', `/v1/objects/media/${KEY}`)).status).toBe(204)
    expect((await fetch(url)).status).toBe(404)
    gateway.clock.advance(2 * UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 0 })
  })
})

// In a bucket with versions, Ceph 16 ignores If-None-Match and answers 412 to every If-Match.
const CEPH_WITH_VERSIONS = {
  capabilities: { writeOnce: 'ignored', ifMatch: 'refused', writeCredentialReads: 'no' },
}

describeOnCeph('versions from front to back on Ceph', (ceph) => versions(ceph, CEPH_WITH_VERSIONS))
describeOnSwift('versions from front to back on Swift', (swift) => versions(swift))

function versions(store: StoreUnderTest, settings: Readonly<Record<string, unknown>> = {}): void {
  it('complete names the version, which stays to be read after an overwrite and a deletion', async () => {
    const allow = { 'acme/alice': [{ operations: OPERATIONS }] }
    gateway = await gatewayOnStore(store, { allow, store: settings })
    await keepVersions(store, gateway.storeBucket)
    const uploaded = async (body: Readonly<Record<string, unknown>>): Promise<string> => {
      const upload = await gateway.create(body)
      expect(await gateway.put(upload, Number(body.sizeBytes))).toBe(200)
      return (await (await gateway.complete(upload.id)).json()).versionId
    }
    const first = await uploaded({ sizeBytes: 1_000 })
    const second = await uploaded({ sizeBytes: 300, overwrite: true })
    expect(new Set([first, second, undefined, '', 'null']).size).toBe(5)
    const sizeOf = async (versionId: string) => {
      return (await (await fetch(await downloadUrl({ versionId }))).bytes()).length
    }
    expect([await sizeOf(first), await sizeOf(second)]).toEqual([1_000, 300])
    expect((await gateway.call('DELETE', `/v1/objects/media/${KEY}`)).status).toBe(204)
    expect((await fetch(await downloadUrl())).status).toBe(404)
    expect([await sizeOf(first), await sizeOf(second)]).toEqual([1_000, 300])
  })
}
