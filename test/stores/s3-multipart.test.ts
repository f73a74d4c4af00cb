import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import {
  describeOnCeph,
  describeOnSwift,
  realStores,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { beside, newPlace, sendPart, urlOf } from './multipart-fixture.ts'
import { exampleStore, placeOf } from './store-fixture.ts'

const client = createStoreClient({ fetch })
const MIN_PART_BYTES = 5 * 2 ** 20
const NONE: ReadonlyMap<string, string> = new Map()
// Without ! ' ( ) *, which s3rver's signatures do not know in a query.
const ODD_KEY = 'a b+c%/é😀;&=?#~@"<>`%2F'

describe.each(realStores())('multipart uploads on $kind', (real) => {
  it('make one object of their parts, with every header that they began with', async () => {
    const place = await newPlace(real, ODD_KEY)
    const headers = {
      'content-type': 'image/jpeg',
      'cache-control': 'private, max-age=60',
      'content-disposition': 'attachment; filename="a b.jpg"',
      'content-encoding': 'x-own',
      'x-amz-meta-signet': 't1',
    }
    const uploadId = await client.createMultipart(place, new Map(Object.entries(headers)))
    const first = randomBytes(MIN_PART_BYTES)
    await sendPart(real, place, { uploadId, partNumber: 2, body: 'the rest' })
    await sendPart(real, place, { uploadId, partNumber: 1, body: first })
    const parts = (await client.listParts(place, uploadId)) ?? []
    expect(parts).toEqual([
      { partNumber: 1, sizeBytes: MIN_PART_BYTES, etag: expect.stringMatching(/^"\w{32}"$/) },
      { partNumber: 2, sizeBytes: 8, etag: expect.stringMatching(/^"\w{32}"$/) },
    ])
    expect((await client.head(place)).found).toBe(false)
    const request = { uploadId, parts, writeOnce: false }
    expect(await client.completeMultipart(place, request)).toBe('completed')
    expect(await client.head(place)).toMatchObject({ sizeBytes: MIN_PART_BYTES + 8 })
    const got = await storeClient(real).fetch(urlOf(real, place))
    const whole = Buffer.concat([first, Buffer.from('the rest')])
    expect(Object.fromEntries(got.headers)).toMatchObject(headers)
    expect(whole.equals(await got.bytes())).toBe(true)
  })

  it('end with an abort: no parts, no such upload, and a second abort is no error', async () => {
    const place = await newPlace(real, 'k')
    const uploadId = await client.createMultipart(place, NONE)
    await sendPart(real, place, { uploadId, partNumber: 1, body: 'hello' })
    expect(await client.listParts(place, uploadId)).toHaveLength(1)
    await client.abortMultipart(place, uploadId)
    expect(await client.listParts(place, uploadId)).toBeUndefined()
    expect(await client.listMultiparts(place)).toEqual([])
    await expect(client.abortMultipart(place, uploadId)).resolves.toBeUndefined()
    const late = await sendPart(real, place, { uploadId, partNumber: 2, body: 'hello' })
    expect(late).toEqual({ status: 404, code: 'NoSuchUpload' })
  })

  it('have no parts at first, and the last one sent of a number counts', async () => {
    const place = await newPlace(real, 'k')
    const uploadId = await client.createMultipart(place, NONE)
    expect(await client.listParts(place, uploadId)).toEqual([])
    await sendPart(real, place, { uploadId, partNumber: 10_000, body: 'hello' })
    await sendPart(real, place, { uploadId, partNumber: 10_000, body: 'bye' })
    expect(await client.listParts(place, uploadId)).toMatchObject([
      { partNumber: 10_000, sizeBytes: 3 },
    ])
  })

  it('are listed by exactly their key, and not with those that begin like it', async () => {
    const place = await newPlace(real, ODD_KEY)
    const beforeMs = Date.now()
    const ids = [
      await client.createMultipart(place, NONE),
      await client.createMultipart(place, NONE),
    ]
    await client.createMultipart(beside(place, `${ODD_KEY}x`), NONE)
    await client.createMultipart(beside(place, `${ODD_KEY}/x`), NONE)
    await client.createMultipart(beside(place, ODD_KEY.slice(0, -1)), NONE)
    const found = await client.listMultiparts(place)
    expect(new Set(found.map(({ uploadId }) => uploadId))).toEqual(new Set(ids))
    expect(found).toHaveLength(2)
    for (const { initiatedMs } of found) {
      expect(Math.abs(initiatedMs - beforeMs)).toBeLessThan(10_000)
    }
    expect(await client.listMultiparts(beside(place, 'a b'))).toEqual([])
  })

  it('say what is wrong with the parts, and go on', async () => {
    const place = await newPlace(real, 'k')
    const uploadId = await client.createMultipart(place, NONE)
    await sendPart(real, place, { uploadId, partNumber: 1, body: randomBytes(MIN_PART_BYTES) })
    await sendPart(real, place, { uploadId, partNumber: 2, body: 'hello' })
    const [one, two] = (await client.listParts(place, uploadId)) ?? []
    if (one === undefined || two === undefined) throw new Error('Cannot list the parts')
    const complete = (parts: Parameters<StoreClient['completeMultipart']>[1]['parts']) =>
      client.completeMultipart(place, { uploadId, parts, writeOnce: false })
    expect(await complete([one, { ...two, etag: one.etag }])).toBe('invalid')
    expect(await complete([one, two, { ...two, partNumber: 3 }])).toBe('invalid')
    await expect(complete([])).rejects.toMatchObject({
      code: 'StoreUnavailable',
      details: { facts: { status: 400, code: 'MalformedXML' } },
    })
    expect(await complete([one, two])).toBe('completed')
  })

  it('503: a bucket that is not there, to every call but the abort', async () => {
    const { placement, key } = await newPlace(real, 'k')
    const nowhere = { placement: { ...placement, bucket: 'no-such-bucket' }, key }
    const parts = [{ partNumber: 1, etag: '"e"' }]
    const request = { uploadId: '0'.repeat(32), parts, writeOnce: false }
    for (const call of [
      () => client.createMultipart(nowhere, NONE),
      () => client.listParts(nowhere, request.uploadId),
      () => client.completeMultipart(nowhere, request),
      () => client.listMultiparts(nowhere),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'StoreUnavailable',
        details: { facts: { status: 404, code: 'NoSuchBucket' } },
      })
    }
  })
})

describeOnCeph('multipart uploads on Ceph', (ceph) => {
  it('are listed page by page, parts and uploads', async () => {
    const place = await newPlace(ceph, ODD_KEY)
    const uploadId = await client.createMultipart(place, NONE)
    await atOnce(1_001, (index) =>
      sendPart(ceph, place, { uploadId, partNumber: index + 1, body: 'x' }),
    )
    await atOnce(401, () => client.createMultipart(place, NONE))
    const parts = (await client.listParts(place, uploadId)) ?? []
    expect(parts.map(({ partNumber }) => partNumber)).toEqual(
      Array.from({ length: 1_001 }, (_, index) => index + 1),
    )
    const uploads = await client.listMultiparts(place)
    expect(new Set(uploads.map((upload) => upload.uploadId)).size).toBe(402)
    expect(uploads).toHaveLength(402)
  })

  it('completed once more, or after an abort if just that object is there, else 503', async () => {
    const place = await newPlace(ceph, 'k')
    const begin = async (body: string) => {
      const uploadId = await client.createMultipart(place, NONE)
      await sendPart(ceph, place, { uploadId, partNumber: 1, body })
      const parts = (await client.listParts(place, uploadId)) ?? []
      return { uploadId, parts, writeOnce: false }
    }
    const abortAndComplete = async (body: string) => {
      const aborted = await begin(body)
      await client.abortMultipart(place, aborted.uploadId)
      return client.completeMultipart(place, aborted)
    }
    const done = await begin('hello')
    expect(await client.completeMultipart(place, done)).toBe('completed')
    expect(await client.completeMultipart(place, done)).toBe('completed')
    expect(await abortAndComplete('hello')).toBe('completed')
    await expect(abortAndComplete('other')).rejects.toMatchObject({
      details: { facts: { status: 500, code: 'InternalError' } },
    })
  })

  it('invalid: a first part below 5 MiB', async () => {
    const place = await newPlace(ceph, 'k')
    const uploadId = await client.createMultipart(place, NONE)
    await sendPart(ceph, place, { uploadId, partNumber: 1, body: 'hello' })
    await sendPart(ceph, place, { uploadId, partNumber: 2, body: 'hello' })
    const parts = (await client.listParts(place, uploadId)) ?? []
    const request = { uploadId, parts, writeOnce: false }
    expect(await client.completeMultipart(place, request)).toBe('invalid')
  })
})

describeOnSwift('multipart uploads on Swift', (swift) => {
  it('conflict: a write-once Complete over an object, which stays as it was', async () => {
    const place = await newPlace(swift, 'k')
    const completeAnew = async (body: string, writeOnce: boolean) => {
      const uploadId = await client.createMultipart(place, NONE)
      await sendPart(swift, place, { uploadId, partNumber: 1, body })
      const parts = (await client.listParts(place, uploadId)) ?? []
      return client.completeMultipart(place, { uploadId, parts, writeOnce })
    }
    expect(await completeAnew('first', true)).toBe('completed')
    expect(await completeAnew('second', true)).toBe('conflict')
    expect(await client.head(place)).toMatchObject({ sizeBytes: 5 })
    expect(await completeAnew('second', false)).toBe('completed')
    expect(await client.head(place)).toMatchObject({ sizeBytes: 6 })
  })

  it('gone: a Complete after an abort', async () => {
    const place = await newPlace(swift, 'k')
    const uploadId = await client.createMultipart(place, NONE)
    await sendPart(swift, place, { uploadId, partNumber: 1, body: 'hello' })
    const parts = (await client.listParts(place, uploadId)) ?? []
    await client.abortMultipart(place, uploadId)
    expect(await client.completeMultipart(place, { uploadId, parts, writeOnce: false })).toBe(
      'gone',
    )
  })
})

describe('a store that answers a multipart call oddly', () => {
  const RESULT = '<CompleteMultipartUploadResult><ETag>"x"</ETag></CompleteMultipartUploadResult>'
  const DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
  const error = (code: string) => `${DECLARATION}<Error><Code>${code}</Code></Error>`
  const part = (number: number | string, changes = '') =>
    `<Part><PartNumber>${number}</PartNumber><ETag>"e"</ETag><Size>5</Size>${changes}</Part>`
  const partsResult = (inner: string) => `<ListPartsResult>${inner}</ListPartsResult>`
  const upload = (key: string, id = 'id', initiated = '2026-01-01T00:00:00.000Z') =>
    `<Upload><Key>${key}</Key><UploadId>${id}</UploadId><Initiated>${initiated}</Initiated></Upload>`
  const uploadsResult = (inner: string) =>
    `<ListMultipartUploadsResult>${inner}</ListMultipartUploadsResult>`
  const TRUNCATED = '<IsTruncated>true</IsTruncated>'
  const COMPLETE = { uploadId: 'id', parts: [{ partNumber: 1, etag: '"e"' }], writeOnce: true }

  it.each([
    ['completed', 200, `${DECLARATION}${RESULT}`],
    ['completed', 200, `${' \n'.repeat(30_000)}${DECLARATION}${RESULT}`],
    ['conflict', 200, error('PreconditionFailed')],
    ['conflict', 412, error('PreconditionFailed')],
    ['conflict', 412, error('InvalidRequest')],
    ['busy', 409, error('ConditionalRequestConflict')],
    ['gone', 404, error('NoSuchUpload')],
    ['gone', 200, error('NoSuchUpload')],
    ['invalid', 400, error('InvalidPart')],
    ['invalid', 400, error('InvalidPartOrder')],
    ['invalid', 200, `   ${error('EntityTooSmall')}`],
  ])('%s: %i to a Complete, and what it says', async (outcome, status, body) => {
    const answering = answered(() => new Response(body, { status }))
    expect(await answering.completeMultipart(placeOf('k'), COMPLETE)).toBe(outcome)
  })

  it.each([
    ['an error after the 200', 200, error('InternalError')],
    ['half a result', 200, RESULT.slice(0, -5)],
    ['nothing', 200, ''],
    ['blanks alone', 200, '   '],
    ['a page of HTML', 200, '<html>Welcome</html>'],
    ['an error without a code', 200, '<Error><Message>InvalidPart</Message></Error>'],
    ['more than it can say', 200, `${' '.repeat(64 * 1024)}${RESULT}`],
    ['a missing bucket', 404, error('NoSuchBucket')],
    ['a 404 of somebody between', 404, 'not found'],
    ['a 409 for another reason', 409, error('OperationAborted')],
    ['a wrong request', 400, error('InvalidRequest')],
    ['a 403', 403, error('AccessDenied')],
    ['a 500, whatever it says', 500, error('NoSuchUpload')],
    ['a redirect', 307, ''],
  ])('503: %s to a Complete', async (_, status, body) => {
    const answering = answered(() => new Response(body, { status }))
    const completing = answering.completeMultipart(placeOf('k'), COMPLETE)
    await expect(completing).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })

  it.each([
    ['a number above 10,000', part(10_001)],
    ['number 0', part(0)],
    ['a number in words', part('one')],
    ['a number with a sign', part('+1')],
    ['the same number twice', part(1) + part(1)],
    ['falling numbers', part(2) + part(1)],
    ['two sizes', part(1, '<Size>6</Size>')],
    ['a part above 5 GiB', part(1).replace('>5<', `>${5 * 2 ** 30 + 1}<`)],
    ['a negative size', part(1).replace('>5<', '>-5<')],
    ['no ETag', part(1).replace('"e"', '')],
    ['an ETag of lines', part(1).replace('"e"', 'a\nb')],
    ['an ETag of 257 characters', part(1).replace('"e"', 'e'.repeat(257))],
    ['an odd checksum', part(1, '<ChecksumSHA256>x</ChecksumSHA256>')],
    ['text for a part', '<Part>1</Part>'],
    ['no part, and yet more to come', TRUNCATED],
  ])('503: %s in a list of parts', async (_, inner) => {
    const answering = answered(() => new Response(partsResult(inner)))
    const listing = answering.listParts(placeOf('k'), 'id')
    await expect(listing).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })

  it('reads parts as they are sent: quotes or none, a checksum or none, 5 GiB and no more', async () => {
    const sha256 = 'LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ='
    const inner =
      part(1).replace('"e"', '&quot;e-1&quot;') +
      part(2, `<ChecksumSHA256>${sha256}</ChecksumSHA256>`).replace('"e"', 'bare') +
      part(10_000, '<ChecksumSHA256/>').replace('>5<', `>${5 * 2 ** 30}<`)
    const answering = answered(() => new Response(partsResult(inner)))
    expect(await answering.listParts(placeOf('k'), 'id')).toEqual([
      { partNumber: 1, sizeBytes: 5, etag: '"e-1"' },
      { partNumber: 2, sizeBytes: 5, etag: 'bare', sha256 },
      { partNumber: 10_000, sizeBytes: 5 * 2 ** 30, etag: '"e"' },
    ])
  })

  it('503: the same page of parts again and again, after the second', async () => {
    let pages = 0
    const answering = answered(() => {
      pages += 1
      return new Response(partsResult(part(1) + TRUNCATED))
    })
    const listing = answering.listParts(placeOf('k'), 'id')
    await expect(listing).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(pages).toBe(2)
  })

  it('lists 10,000 parts from a store whose pages hold a hundred', async () => {
    const answering = answered((url) => {
      const after = Number(new URL(url).searchParams.get('part-number-marker'))
      const page = Array.from({ length: 100 }, (_, index) => part(after + index + 1)).join('')
      return new Response(partsResult(after < 9_900 ? page + TRUNCATED : page))
    })
    expect(await answering.listParts(placeOf('k'), 'id')).toHaveLength(10_000)
  })

  it('503: pages of parts for more than 30 s in all', async () => {
    const clock = new TestClock()
    let pages = 0
    const answering = createStoreClient({
      clock,
      async fetch() {
        pages += 1
        clock.advance(5_000)
        return new Response(partsResult(part(pages) + TRUNCATED))
      },
    })
    const listing = answering.listParts(placeOf('k'), 'id')
    await expect(listing).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(pages).toBe(6)
  })

  it.each([
    ['a 404 of somebody between', 404, 'not found'],
    ['a 404 without a body', 404, null],
    ['a 405', 405, error('MethodNotAllowed')],
    ['another result', 200, uploadsResult('')],
    ['a document type', 200, `<!DOCTYPE x>${partsResult('')}`],
  ])('503: %s for a list of parts', async (_, status, body) => {
    const answering = answered(() => new Response(body, { status }))
    const listing = answering.listParts(placeOf('k'), 'id')
    await expect(listing).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })

  it('503: a list of parts without an end', async () => {
    const chunk = new TextEncoder().encode(' '.repeat(64 * 1024))
    let chunks = 0
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        chunks += 1
        controller.enqueue(chunk)
      },
    })
    const listing = answered(() => new Response(endless)).listParts(placeOf('k'), 'id')
    await expect(listing).rejects.toMatchObject({ code: 'StoreUnavailable' })
    expect(chunks).toBeLessThan(20)
  })

  it('503: a page of parts above 1 MiB, and no other', async () => {
    const empty = partsResult(part(1)).length
    const padded = (bytes: number) => partsResult(part(1) + ' '.repeat(bytes - empty))
    const listed = (bytes: number) =>
      answered(() => new Response(padded(bytes))).listParts(placeOf('k'), 'id')
    expect(await listed(2 ** 20)).toHaveLength(1)
    await expect(listed(2 ** 20 + 1)).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })

  it('503: a connection that breaks in the middle of an answer', async () => {
    const server = createServer((_, response) => {
      response.writeHead(200, { 'content-length': 1_000 })
      response.write(RESULT, () => response.destroy())
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const place = placeOf('k', { store: exampleStore({ endpoint: `http://127.0.0.1:${port}` }) })
    try {
      await expect(client.completeMultipart(place, COMPLETE)).rejects.toMatchObject({
        code: 'StoreUnavailable',
      })
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })

  it.each([
    ['an upload without a key', upload('')],
    ['an upload without an id', upload('k', '')],
    ['an id of 1,025 characters', upload('k', 'i'.repeat(1025))],
    ['an id of lines', upload('k', 'a\nb')],
    ['an upload without a time', upload('k', 'id', 'yesterday')],
    ['half an escape', `<EncodingType>url</EncodingType>${upload('k%e')}`],
    ['no upload, and yet more to come', TRUNCATED],
  ])('503: %s in a list of uploads', async (_, inner) => {
    const answering = answered(() => new Response(uploadsResult(inner)))
    const listing = answering.listMultiparts(placeOf('k'))
    await expect(listing).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })

  it('stops at the first key that only begins like the one it is asked for', async () => {
    let pages = 0
    const answering = answered(() => {
      pages += 1
      const beside = Array.from({ length: 200 }, (_, index) => upload(`k${pages}-${index}`, 'x'))
      const own = pages === 1 ? upload('k', 'id') : ''
      return new Response(uploadsResult(own + beside.join('') + TRUNCATED))
    })
    expect(await answering.listMultiparts(placeOf('k'))).toMatchObject([{ uploadId: 'id' }])
    expect(pages).toBe(1)
  })

  it('503: pages of uploads without an end, after forty', async () => {
    let pages = 0
    const answering = answered(() => {
      pages += 1
      return new Response(uploadsResult(upload('k', `id${pages}`) + TRUNCATED))
    })
    await expect(answering.listMultiparts(placeOf('k'))).rejects.toMatchObject({
      code: 'StoreUnavailable',
    })
    expect(pages).toBe(40)
  })

  it('leaves out uploads of foreign keys, and decodes keys only when the answer says so', async () => {
    const inner =
      upload('a%20b', 'raw') + upload('a b', 'decoded') + upload('a', 'x') + upload('b', 'y')
    const idsOf = async (key: string, body: string) =>
      (await answered(() => new Response(uploadsResult(body))).listMultiparts(placeOf(key))).map(
        ({ uploadId }) => uploadId,
      )
    expect(await idsOf('a%20b', inner)).toEqual(['raw'])
    const encoded = `<EncodingType>url</EncodingType>${inner}`
    expect(await idsOf('a b', encoded)).toEqual(['raw', 'decoded'])
  })

  it.each([
    ['an error', error('InternalError')],
    ['no id', '<InitiateMultipartUploadResult><Key>k</Key></InitiateMultipartUploadResult>'],
    [
      'an id of lines',
      '<InitiateMultipartUploadResult><UploadId>a\nb</UploadId></InitiateMultipartUploadResult>',
    ],
  ])('503: %s under the 200 to a Create', async (_, body) => {
    const creating = answered(() => new Response(body)).createMultipart(placeOf('k'), NONE)
    await expect(creating).rejects.toMatchObject({ code: 'StoreUnavailable' })
  })

  it('no error tells a URL, an upload id or what the store said', async () => {
    const answering = answered(() => new Response('<Error>telltale</Error>', { status: 404 }))
    for (const call of [
      () => answering.createMultipart(placeOf('telltale'), NONE),
      () => answering.listParts(placeOf('telltale'), 'telltale'),
      () => answering.completeMultipart(placeOf('telltale'), { ...COMPLETE, uploadId: 'telltale' }),
      () => answering.listMultiparts(placeOf('telltale')),
    ]) {
      const thrown: unknown = await call().catch((reason) => reason)
      expect(thrown).toMatchObject({ code: 'StoreUnavailable' })
      expect(JSON.stringify(thrown) + String(thrown)).not.toContain('telltale')
    }
  })
})

describe('a multipart call to a store', () => {
  it('signs all headers of a Create, by the manage credential', async () => {
    const { sent, observed } = observing(
      '<InitiateMultipartUploadResult><UploadId>i</UploadId></InitiateMultipartUploadResult>',
    )
    const headers = new Map([
      ['content-type', 'image/jpeg'],
      ['cache-control', 'no-store'],
      ['x-amz-meta-signet', 't1'],
    ])
    await observed.createMultipart(placeOf('a b', { prefix: 'eu/' }), headers)
    const [call] = sent
    expect(call?.url).toBe('https://s3.example.test/bkt/eu/a%20b?uploads=')
    expect(call?.init).toMatchObject({ method: 'POST', redirect: 'manual' })
    expect(new Headers(call?.init.headers).get('authorization')).toContain(
      'SignedHeaders=cache-control;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-signet, ',
    )
  })

  it('completes with ETags as they were listed, escaped, and a checksum only if there is one', async () => {
    const { sent, observed } = observing(
      '<CompleteMultipartUploadResult><Key>k</Key></CompleteMultipartUploadResult>',
    )
    const parts = [
      { partNumber: 1, etag: '"a<&>"' },
      { partNumber: 2, etag: 'bare', sha256: 'AAAA' },
    ]
    await observed.completeMultipart(placeOf('k'), { uploadId: 'i/+', parts, writeOnce: true })
    await observed.completeMultipart(placeOf('k'), { uploadId: 'i', parts, writeOnce: false })
    expect(sent[0]?.url).toBe('https://s3.example.test/bkt/k?uploadId=i%2F%2B')
    expect(sent[0]?.init.body).toBe(
      '<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">' +
        '<Part><PartNumber>1</PartNumber><ETag>&quot;a&lt;&amp;&gt;&quot;</ETag></Part>' +
        '<Part><PartNumber>2</PartNumber><ETag>bare</ETag><ChecksumSHA256>AAAA</ChecksumSHA256></Part>' +
        '</CompleteMultipartUpload>',
    )
    const conditions = sent.map(({ init }) => new Headers(init.headers).get('if-none-match'))
    expect(conditions).toEqual(['*', null])
  })

  it('may take longer to complete than the store is given for other calls', async () => {
    const slow = placeOf('k', { store: exampleStore({ timeoutMs: 1 }) })
    const inTime = (signal: AbortSignal | null | undefined) =>
      new Promise<Response>((resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason))
        setTimeout(
          () =>
            resolve(
              new Response(
                '<CompleteMultipartUploadResult><Key>k</Key></CompleteMultipartUploadResult>',
              ),
            ),
          50,
        )
      })
    const waiting = createStoreClient({ fetch: (_, init) => inTime(init.signal) })
    const request = { uploadId: 'i', parts: [{ partNumber: 1, etag: 'e' }], writeOnce: false }
    expect(await waiting.completeMultipart(slow, request)).toBe('completed')
    await expect(waiting.abortMultipart(slow, 'i')).rejects.toMatchObject({
      details: { facts: { reason: 'TimeoutError' } },
    })
  })
})

async function atOnce(count: number, work: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) {
      const index = next
      next += 1
      await work(index)
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))
}

function answered(answer: (url: string) => Response) {
  return createStoreClient({ fetch: (url) => Promise.resolve(answer(url)) })
}

/** A client whose requests are seen, and all answered with this body. */
function observing(body: string) {
  const sent: { url: string; init: RequestInit }[] = []
  const observed = createStoreClient({
    fetch: (url, init) => {
      sent.push({ url, init })
      return Promise.resolve(new Response(body))
    },
  })
  return { sent, observed }
}
