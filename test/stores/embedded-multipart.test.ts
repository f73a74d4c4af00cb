import { once } from 'node:events'
import { readdir, writeFile } from 'node:fs/promises'
import { type ClientRequest, createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import S3rver from '@20minutes/s3rver'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type EmbeddedStore, openEmbeddedStore } from '../../src/runtime/demo/embedded-store.ts'
import { s3rverMultipart } from '../../src/runtime/demo/s3rver-multipart.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { ObjectPlace } from '../../src/stores/store-client.ts'
import { type SharedEmbedded, storeClient } from '../support/stores/stores-under-test.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'
import { until } from '../support/until.ts'
import { beside, newPlace, sendPart, urlOf } from './multipart-fixture.ts'

const client = createStoreClient({ fetch })
const NONE: ReadonlyMap<string, string> = new Map()
const NO_SUCH_UPLOAD = { status: 404, code: 'NoSuchUpload' }

let directory: TemporaryDirectory
let store: EmbeddedStore
let real: SharedEmbedded

beforeAll(async () => {
  directory = await openTemporaryDirectory()
  store = await openEmbeddedStore({
    directory: directory.path,
    port: 0,
    bucket: 'media',
    origins: [],
  })
  const { url, accessKeyId, secretAccessKey } = store
  const credentials = { main: { accessKeyId, secretAccessKey } }
  real = { kind: 'embedded', endpoint: url, region: 'us-east-1', credentials }
})

afterAll(async () => {
  await store.close()
  await directory.close()
})

describe('a part for the embedded store', () => {
  it.each([
    [400, 'InvalidArgument', '0'],
    [200, undefined, '1'],
    [200, undefined, '10000'],
    [400, 'InvalidArgument', '10001'],
    [400, 'InvalidArgument', '01'],
    [400, 'InvalidArgument', '1e3'],
    [400, 'InvalidArgument', 'key'],
    [400, 'InvalidArgument', '..%2Fk'],
  ])('%i %s: number %s', async (status, code, partNumber) => {
    const { place, uploadId } = await newUpload()
    const answer = await sendPart(real, place, { uploadId, partNumber, body: 'hello' })
    expect(answer).toEqual({ status, ...(code !== undefined && { code }) })
    expect(await client.listParts(place, uploadId)).toHaveLength(status === 200 ? 1 : 0)
  })

  it.each(['0'.repeat(32), '..', '../../media', 'x'])(
    '404: an upload that is not there, %s',
    async (uploadId) => {
      const { place } = await newUpload()
      // As it lies in the folder of an upload, but a level above.
      await writeFile(join(directory.path, place.placement.bucket, 'key'), 'eu/k')
      const sent = await sendPart(real, place, { uploadId, partNumber: 1, body: 'hello' })
      expect(sent).toEqual(NO_SUCH_UPLOAD)
    },
  )

  it('404: the upload of another key, and of another bucket', async () => {
    const { place, uploadId } = await newUpload()
    const part = { uploadId, partNumber: 1, body: 'hello' }
    expect(await sendPart(real, beside(place, 'other'), part)).toEqual(NO_SUCH_UPLOAD)
    expect(await sendPart(real, await newPlace(real, 'k'), part)).toEqual(NO_SUCH_UPLOAD)
    expect(await client.listParts(beside(place, 'other'), uploadId)).toBeUndefined()
    expect(await client.listParts(place, uploadId)).toEqual([])
  })

  it('is not there when its body was cut off, and leaves the one before it alone', async () => {
    const { place, uploadId } = await newUpload()
    await sendPart(real, place, { uploadId, partNumber: 1, body: 'hello' })
    const before = await client.listParts(place, uploadId)
    const files = () => readdir(folderOf(place, uploadId))
    const arriving = async () => (await files()).some((name) => name.startsWith('arriving'))
    for (const partNumber of [1, 2]) {
      const url = `${urlOf(real, place)}?partNumber=${partNumber}&uploadId=${uploadId}`
      const sending = await sendHalf(url)
      await until('the part arrives', arriving)
      sending.destroy()
      await until('the part is dropped', async () => !(await arriving()))
    }
    expect((await files()).toSorted()).toEqual(['1', '1.md5', 'key', 'metadata'])
    expect(await client.listParts(place, uploadId)).toEqual(before)
  })

  it('404: its upload was aborted while it was on the way, and nothing is left of it', async () => {
    const { place, uploadId } = await newUpload()
    const sending = await sendHalf(`${urlOf(real, place)}?partNumber=1&uploadId=${uploadId}`)
    const answered = once(sending, 'response')
    await until('the part arrives', async () =>
      (await readdir(folderOf(place, uploadId))).some((name) => name.startsWith('arriving')),
    )
    await client.abortMultipart(place, uploadId)
    sending.end('world')
    const [response]: IncomingMessage[] = await answered
    response?.resume()
    expect([response?.statusCode, await readdir(folderOf(place))]).toEqual([404, []])
  })
})

describe('the embedded store', () => {
  it('drops the parts of an aborted upload from its disk', async () => {
    const { place, uploadId } = await newUpload()
    await sendPart(real, place, { uploadId, partNumber: 1, body: 'hello' })
    expect(await readdir(folderOf(place, uploadId))).toContain('1')
    await client.abortMultipart(beside(place, 'other'), uploadId)
    expect(await readdir(folderOf(place, uploadId))).toContain('1')
    await client.abortMultipart(place, uploadId)
    expect(await readdir(folderOf(place))).toEqual([])
    const late = await sendPart(real, place, { uploadId, partNumber: 1, body: 'hello' })
    expect([late, await readdir(folderOf(place))]).toEqual([NO_SUCH_UPLOAD, []])
  })

  it('gone: a second Complete, and one of another key; the object stays', async () => {
    const { place, uploadId } = await newUpload()
    await sendPart(real, place, { uploadId, partNumber: 7, body: 'hello' })
    const parts = (await client.listParts(place, uploadId)) ?? []
    const complete = (at: ObjectPlace) =>
      client.completeMultipart(at, { uploadId, parts, writeOnce: false })
    expect(await complete(beside(place, 'other'))).toBe('gone')
    const both = await Promise.all([complete(place), complete(place)])
    // Two at once race: either of them may be the one that completes.
    expect(both.toSorted()).toEqual(['completed', 'gone'])
    expect(await complete(place)).toBe('gone')
    expect(await client.head(place)).toMatchObject({ found: true, sizeBytes: 5 })
    expect(await readdir(folderOf(place))).toEqual([])
  })

  it('invalid: parts out of order, and the upload stays', async () => {
    const { place, uploadId } = await newUpload()
    for (const partNumber of [1, 2]) {
      await sendPart(real, place, { uploadId, partNumber, body: 'hello' })
    }
    const parts = (await client.listParts(place, uploadId)) ?? []
    const request = { uploadId, parts: parts.toReversed(), writeOnce: false }
    expect(await client.completeMultipart(place, request)).toBe('invalid')
    expect(await client.completeMultipart(place, { ...request, parts })).toBe('completed')
  })

  it.each(['GET', 'DELETE'])('403: a %s of an upload with a wrong signature', async (method) => {
    const { place, uploadId } = await newUpload()
    const wrong = { accessKeyId: store.accessKeyId, secretAccessKey: 'wrong' }
    const forged = await storeClient(real, wrong).fetch(
      `${urlOf(real, place)}?uploadId=${uploadId}`,
      { method },
    )
    const unsigned = await fetch(`${urlOf(real, place)}?uploadId=${uploadId}`, { method })
    expect([forged.status, unsigned.status]).toEqual([403, 403])
    expect(await client.listParts(place, uploadId)).toEqual([])
  })

  it('403: a list of uploads with a wrong signature', async () => {
    const { place } = await newUpload()
    const wrong = { accessKeyId: store.accessKeyId, secretAccessKey: 'wrong' }
    const url = `${real.endpoint}/${place.placement.bucket}?uploads`
    const forged = await storeClient(real, wrong).fetch(url)
    expect([forged.status, (await fetch(url)).status]).toEqual([403, 403])
    expect(await forged.text()).not.toContain('<Key>')
  })

  it('405, 501: unsigned requests that came past the guard, as s3rver answers them', async () => {
    const { place, uploadId } = await newUpload()
    await using bare = await openBare()
    const object = `${bare.url}/${place.placement.bucket}/eu/k?uploadId=${uploadId}`
    const statuses = [
      await fetch(object),
      await fetch(object, { method: 'DELETE' }),
      await fetch(`${bare.url}/${place.placement.bucket}?uploads`),
    ].map(({ status }) => status)
    expect(statuses).toEqual([405, 405, 501])
    expect(await client.listParts(place, uploadId)).toEqual([])
  })

  it('lists parts page by page', async () => {
    const { place, uploadId } = await newUpload()
    for (const partNumber of [2, 10, 9]) {
      await sendPart(real, place, { uploadId, partNumber, body: 'hello' })
    }
    const pageOf = (query: string) =>
      numbersAt(`${urlOf(real, place)}?uploadId=${uploadId}&${query}`)
    expect(await pageOf('max-parts=2')).toEqual({ numbers: ['2', '9'], next: '9' })
    expect(await pageOf('max-parts=2&part-number-marker=9')).toEqual({ numbers: ['10'] })
    expect(await pageOf('max-parts=3')).toEqual({ numbers: ['2', '9', '10'] })
  })

  it('lists uploads page by page, by prefix, in the order of bytes', async () => {
    const place = await newPlace(real, '\u{1f600}')
    for (const key of ['b', '\u{1f600}', 'a', 'a', '\u{ff5e}']) {
      await client.createMultipart(beside(place, key), NONE)
    }
    const url = `${real.endpoint}/${place.placement.bucket}?uploads`
    const all = await uploadsAt(`${url}&prefix=eu%2F`)
    const keys = all.uploads.map(({ key }) => key)
    expect(keys).toEqual(['eu/a', 'eu/a', 'eu/b', 'eu/\u{ff5e}', 'eu/\u{1f600}'])
    const paged: typeof all.uploads = []
    let markers = ''
    for (let page = 1; page <= 5; page += 1) {
      const { uploads } = await uploadsAt(`${url}&max-uploads=1${markers}`)
      paged.push(...uploads)
      const [{ key = '', uploadId = '' } = {}] = uploads
      markers = `&key-marker=${encodeURIComponent(key)}&upload-id-marker=${uploadId}`
    }
    expect(paged).toEqual(all.uploads)
    expect(await uploadsAt(`${url}${markers}`)).toMatchObject({ uploads: [], truncated: false })
    expect(await uploadsAt(`${url}&prefix=us%2F`)).toMatchObject({ uploads: [] })
    const encoded = await uploadsAt(`${url}&encoding-type=url&key-marker=eu%2Fb`)
    expect(encoded.uploads.map(({ key }) => key)).toEqual(['eu%2F%EF%BD%9E', 'eu%2F%F0%9F%98%80'])
  })

  it('lists no uploads in a bucket that never had one', async () => {
    expect(await client.listMultiparts(await newPlace(real, 'k'))).toEqual([])
  })
})

async function newUpload() {
  const place = await newPlace(real, 'k')
  return { place, uploadId: await client.createMultipart(place, NONE) }
}

/** The same folder without the guard before it. */
async function openBare() {
  const s3rver = new S3rver({
    directory: directory.path,
    silent: true,
    vhostBuckets: false,
    configureBuckets: [],
  })
  s3rver.middleware.unshift(s3rverMultipart(directory.path))
  const server = createServer(s3rver.callback()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
      s3rver.logger.close()
    },
  }
}

function folderOf({ placement }: ObjectPlace, uploadId = ''): string {
  return join(directory.path, placement.bucket, '._S3rver_uploads', uploadId)
}

/** Sends five bytes of ten, and keeps the connection. */
async function sendHalf(url: string): Promise<ClientRequest> {
  const signed = await storeClient(real).sign(url, { method: 'PUT' })
  const sending = request(url, {
    method: 'PUT',
    agent: false,
    headers: { ...Object.fromEntries(signed.headers), 'content-length': 10 },
  })
  sending.on('error', () => {})
  sending.write('hello')
  return sending
}

async function textAt(url: string): Promise<string> {
  return (await storeClient(real).fetch(url)).text()
}

async function numbersAt(url: string) {
  const text = await textAt(url)
  const numbers = [...text.matchAll(/<PartNumber>(\d+)</g)].map(([, number]) => number)
  const next = /<NextPartNumberMarker>(\d+)</.exec(text)?.[1]
  return { numbers, ...(next !== undefined && { next }) }
}

async function uploadsAt(url: string) {
  const text = await textAt(url)
  const uploads = [...text.matchAll(/<Key>([^<]*)<\/Key><UploadId>(\w+)</g)]
  return {
    uploads: uploads.map(([, key = '', uploadId = '']) => ({ key, uploadId })),
    truncated: text.includes('<IsTruncated>true'),
  }
}
