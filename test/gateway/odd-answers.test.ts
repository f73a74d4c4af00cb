import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventsIn } from '../support/log-lines.ts'
import {
  openRawStore,
  type RawReply,
  type RawStore,
  rawAnswer,
  rawBytes,
  rawReset,
} from '../support/raw-store.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import type { Created } from './gateway-on-store.ts'

const HTML = '<!doctype html><html><body>Bad Gateway</body></html>'
const xml = (root: string, inner = '') => `<?xml version="1.0"?><${root}>${inner}</${root}>`
const failure = (code: string) => xml('Error', `<Code>${code}</Code>`)
const OBJECT = { 'content-length': '1000', etag: '"x"', 'content-type': 'image/jpeg' }
const HEAD_200 = 'HTTP/1.1 200 OK\r\n'

/** What a store, a proxy before it, or something that is no store at all may answer. */
const ODD: readonly (readonly [string, RawReply])[] = [
  ['500 with XML', rawAnswer(500, {}, failure('InternalError'))],
  ['501', rawAnswer(501, {}, failure('NotImplemented'))],
  ['502 with HTML', rawAnswer(502, { 'content-type': 'text/html' }, HTML)],
  ['503 SlowDown', rawAnswer(503, { 'retry-after': '1' }, failure('SlowDown'))],
  ['504 with nothing', rawAnswer(504)],
  ['429', rawAnswer(429, {}, failure('TooManyRequests'))],
  ['400 with HTML', rawAnswer(400, {}, HTML)],
  ['401', rawAnswer(401, { 'www-authenticate': 'Basic' })],
  ['403 RequestTimeTooSkewed', rawAnswer(403, {}, failure('RequestTimeTooSkewed'))],
  ['404 NoSuchBucket', rawAnswer(404, {}, failure('NoSuchBucket'))],
  ['404 with HTML', rawAnswer(404, {}, HTML)],
  ['409', rawAnswer(409, {}, failure('OperationAborted'))],
  ['412', rawAnswer(412, {}, failure('PreconditionFailed'))],
  ['418', rawAnswer(418)],
  ['301 with a location', rawAnswer(301, { location: 'http://169.254.169.254/' })],
  ['307 to itself', rawAnswer(307, { location: '/' })],
  ['304', rawAnswer(304)],
  ['200 with nothing', rawAnswer(200)],
  ['200 with HTML', rawAnswer(200, { 'content-type': 'text/html' }, HTML)],
  ['200 with another XML', rawAnswer(200, {}, xml('ListAllMyBucketsResult'))],
  ['200 with an error in it', rawAnswer(200, {}, failure('InternalError'))],
  ['200 with truncated XML', rawAnswer(200, {}, '<?xml version="1.0"?><ListBucketResult><Cont')],
  ['200 with a bomb', rawAnswer(200, {}, '<!DOCTYPE x [<!ENTITY a "aa">]><ListBucketResult/>')],
  ['200 with deep XML', rawAnswer(200, {}, '<a>'.repeat(5_000))],
  ['200 with NULs', rawAnswer(200, {}, '\0'.repeat(1_000))],
  [
    '200 with ill-formed UTF-8',
    rawAnswer(200, {}, '<ListBucketResult>\xff\xfe</ListBucketResult>'),
  ],
  ['200 that says gzip and is not', rawAnswer(200, { 'content-encoding': 'gzip' }, 'plain')],
  ['200 with 9 MiB', rawAnswer(200, {}, 'x'.repeat(9 * 2 ** 20))],
  ['204', rawAnswer(204)],
  ['206', rawAnswer(206, { 'content-range': 'bytes 0-0/5' }, 'x')],
  ['a status of 999', rawAnswer(999)],
  ['a status of 600', rawAnswer(600)],
  ['a status in words', rawBytes('HTTP/1.1 OK fine\r\n\r\n')],
  ['only 100 Continue', rawBytes('HTTP/1.1 100 Continue\r\n\r\n')],
  ['nothing', rawBytes('')],
  ['another protocol', rawBytes('SSH-2.0-OpenSSH_9.6\r\n')],
  ['HTTP/0.9', rawBytes('hello\n')],
  ['a header without a colon', rawBytes(`${HEAD_200}what is this\r\n\r\n`)],
  ['a NUL in a header', rawBytes(`${HEAD_200}etag: "\0"\r\ncontent-length: 0\r\n\r\n`)],
  ['two lengths', rawBytes(`${HEAD_200}content-length: 1\r\ncontent-length: 2\r\n\r\nxx`)],
  ['a length in words', rawAnswer(200, { ...OBJECT, 'content-length': 'many' })],
  ['a negative length', rawAnswer(200, { ...OBJECT, 'content-length': '-1' })],
  ['a length beyond numbers', rawAnswer(200, { ...OBJECT, 'content-length': '9'.repeat(30) })],
  ['1 MiB of headers', rawBytes(`${HEAD_200}${`x: ${'y'.repeat(1_000)}\r\n`.repeat(1_000)}\r\n`)],
  ['a broken chunk', rawAnswer(200, { 'transfer-encoding': 'chunked' }, 'zz\r\nhello\r\n')],
  ['less than its length', rawAnswer(200, { 'content-length': '500' }, xml('ListBucketResult'))],
  ['a reset before it says anything', rawReset('')],
  ['a reset in the head', rawReset('HTTP/1.1 200 OK\r\netag: "x')],
  ['a reset in the body', rawReset(`${HEAD_200}content-length: 500\r\n\r\n<ListBucketResult>`)],
  [
    'a reset in the body of an error',
    rawReset('HTTP/1.1 503 X\r\ncontent-length: 500\r\n\r\n<Err'),
  ],
  ['a reset in chunks', rawReset(`${HEAD_200}transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`)],
  ['an object without an ETag', rawAnswer(200, { 'content-length': '1000' })],
  ['dates that are none', rawAnswer(200, { ...OBJECT, date: 'soon', 'last-modified': 'lately' })],
  [
    'dates far off',
    rawAnswer(200, { ...OBJECT, 'last-modified': 'Sat, 13 Sep 275760 00:00:00 GMT' }),
  ],
  [
    'metadata that is none',
    rawAnswer(200, { ...OBJECT, 'x-amz-meta-signet': ',,\xff,'.repeat(500) }),
  ],
]

/** The same of an object that is there, beside its ticket: no more than a record of it can hold. */
const ODD_OBJECTS: readonly (readonly [string, Record<string, string>])[] = [
  ['an ETag of 257 characters', { etag: 'e'.repeat(257) }],
  ['an ETag of 8 KiB', { etag: 'e'.repeat(8_192) }],
  ['an ETag that is no text', { etag: '"\xe9\xff"' }],
  ['a version of 1,025 characters', { 'x-amz-version-id': 'v'.repeat(1_025) }],
  ['a version of 8 KiB', { 'x-amz-version-id': 'v'.repeat(8_192) }],
  ['a version that is no text', { 'x-amz-version-id': '\xe9\xff' }],
]

const WITH_PARTS = { ...CAPABLE_STORE.capabilities, multipart: 'yes', writeOnceMultipart: 'yes' }
const ALL = [{ operations: ['upload', 'overwrite', 'download', 'list', 'delete'] }]
const KEY = 'acme/alice/cat.jpg'
const MADE = xml('InitiateMultipartUploadResult', '<UploadId>one</UploadId>')

let store: RawStore
let gateway: TestGateway
let ids: { put: string; parts: string }
let ticket = ''
let count = 0

beforeAll(async () => {
  store = await openRawStore()
  gateway = await openTestGateway({
    store: { endpoint: store.url, timeoutMs: 1_000, capabilities: WITH_PARTS },
    allow: { 'acme/alice': ALL },
  })
  store.reply(() => rawAnswer(200, {}, MADE))
  const put = await created({})
  const parts = await created({ mode: 'multipart', key: 'acme/alice/parts' })
  ids = { put: put.id, parts: parts.id }
  ticket = put.request?.headers['x-amz-meta-signet'] ?? ''
})
afterAll(async () => {
  await gateway.close()
  await store[Symbol.asyncDispose]()
})

async function created(changes: Record<string, unknown>): Promise<Created> {
  return (await (await post(changes)).json()) as Created
}

function post(changes: Record<string, unknown>): Promise<Response> {
  return gateway.call('POST', '/v1/uploads', uploadBody(changes))
}

function nextKey(): string {
  count += 1
  return `acme/alice/${count}`
}

/** Every way in which a request comes to ask a store, and what it may come to beside 503. */
const WAYS: readonly (readonly [string, () => Promise<Response>, readonly number[]])[] = [
  ['complete', () => gateway.call('POST', `/v1/uploads/${ids.put}/complete`, {}), [409]],
  ['complete parts', () => gateway.call('POST', `/v1/uploads/${ids.parts}/complete`, {}), [409]],
  ['overwrite', () => post({ key: nextKey(), overwrite: true }), [201]],
  ['create parts', () => post({ key: nextKey(), mode: 'multipart' }), [422]],
  ['HEAD', () => gateway.call('HEAD', `/v1/objects/media/${KEY}`), [200, 404]],
  ['DELETE', () => gateway.call('DELETE', `/v1/objects/media/${KEY}`), [204]],
  ['list', () => gateway.call('GET', '/v1/objects/media'), [200]],
]

async function usage(): Promise<unknown> {
  const answer = await gateway.call('GET', '/v1/usage')
  const { limits } = (await answer.json()) as { limits: { unit: string }[] }
  return limits.filter(({ unit }) => unit !== 'requests')
}

/** A breaker that opened would answer for the store. */
function closeBreaker(): void {
  const main = gateway.context.config.stores.get('main')
  const nowMs = gateway.clock.nowMs()
  if (main === undefined) return
  const seen = { sentAtMs: nowMs, receivedAtMs: nowMs, failed: false }
  gateway.context.storeHealth.answered(main, seen)
}

/** Asks in one way; answers the status, after a look at whether a refusal is one. */
async function asked(ask: () => Promise<Response>): Promise<number> {
  closeBreaker()
  const before = await usage()
  const response = await ask()
  const text = await response.text()
  if (response.status === 503) {
    if (text !== '') expect(JSON.parse(text)).toMatchObject({ code: 'StoreUnavailable' })
    expect(response.headers.get('retry-after')).toMatch(/^[1-9]\d*$/)
    expect(await usage()).toEqual(before)
  }
  return response.status
}

describe('503, or what was meant, and nothing is charged, where the store answers with', () => {
  it.each(ODD)('%s', async (_, reply) => {
    store.reply(() => reply)
    for (const [way, ask, meant] of WAYS) {
      expect([way, 503, ...meant]).toContain(await asked(ask))
    }
    expect(
      eventsIn(gateway.log, 'request.failed').filter(({ level }) => level === 'error'),
    ).toEqual([])
  })
})

describe('503 and still pending where the object has come, and is said to have', () => {
  it.each(ODD_OBJECTS)('%s', async (_, headers) => {
    store.reply(() => rawAnswer(200, { ...OBJECT, ...headers, 'x-amz-meta-signet': ticket }))
    expect(await asked(() => gateway.call('POST', `/v1/uploads/${ids.put}/complete`, {}))).toBe(503)
  })

  it('until the store says it right, however long its version is', async () => {
    const longest = { etag: 'e'.repeat(256), 'x-amz-version-id': 'v'.repeat(1_024) }
    store.reply(() => rawAnswer(200, { ...OBJECT, ...longest, 'x-amz-meta-signet': ticket }))
    expect(await asked(() => gateway.call('POST', `/v1/uploads/${ids.put}/complete`, {}))).toBe(200)
  })
})
