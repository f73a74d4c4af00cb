import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { GatewayOnStore } from '../gateway/gateway-on-store.ts'
import {
  type CreatedParts,
  createParts,
  gatewayForParts,
  PART_BYTES,
  type Part,
  putPart,
  putParts,
  THREE_PARTS_BYTES,
  untilPartsAreOver,
} from '../gateway/multipart-fixture.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { type PutOptions, sendPut } from '../support/send-put.ts'
import {
  describeOnCeph,
  embeddedStore,
  realStores,
  type StoreUnderTest,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'

const INVALID = { status: 400, code: 'InvalidRequest' } as const
const NO_UPLOAD = { status: 404, code: 'NoSuchUpload' } as const
const REJECTED = { status: 409, code: 'UploadRejected' } as const
const MOST_PARTS = 10_000

let gateway: GatewayOnStore
afterEach(() => gateway.close())

const askParts = (id: string, body: unknown, who = 'acme/alice') =>
  gateway.call('POST', `/v1/uploads/${id}/parts`, body, { who })
const complete = (id: string) => gateway.call('POST', `/v1/uploads/${id}/complete`, {})
const stored = async () => (await gateway.usage())['tenant-stored']

/** The parts that were signed at creation, by their places. */
function partOf(upload: CreatedParts, place: number): Part {
  const part = upload.multipart.parts[place]
  if (part === undefined) throw new Error(`the upload has no part at ${place}`)
  return part
}

/** A refusal that leaves no trace in the ledger, nor any call to the store. */
async function refuseParts(
  id: string,
  body: unknown,
  refusal: Parameters<typeof expectRefused>[1],
  who?: string,
): Promise<Record<string, unknown>> {
  const before = stateOf(gateway)
  return expectRefused(await askParts(id, body, who), refusal, { gateway, before })
}

/** A part URL with another value of one of its query members. */
function bent({ request }: Part, member: string, value: string): Part['request'] {
  const url = new URL(request.url)
  expect(url.searchParams.get(member)).not.toBe(value)
  url.searchParams.set(member, value)
  return { ...request, url: url.href }
}

function storesUploadId({ request }: Part): string {
  return new URL(request.url).searchParams.get('uploadId') ?? ''
}

/** What the store has of an upload, by its own credential: sizes by part number. */
async function partsAtStore(upload: CreatedParts): Promise<Record<number, number> | undefined> {
  const id = storesUploadId(partOf(upload, 0))
  const answer = await direct(upload, `?uploadId=${encodeURIComponent(id)}`, { method: 'GET' })
  if (answer.status === 404) return undefined
  const part = /<PartNumber>(\d+)<\/PartNumber>[\s\S]*?<Size>(\d+)<\/Size>/g
  const found = [...(await answer.text()).matchAll(part)]
  return Object.fromEntries(found.map(([, number, size]) => [Number(number), Number(size)]))
}

function direct({ key }: CreatedParts, query: string, init: RequestInit): Promise<Response> {
  const { store, storeBucket } = gateway
  return storeClient(store).fetch(`${store.endpoint}/${storeBucket}/${key}${query}`, init)
}

/** A part that the store takes by its own credential: as a store would that keeps no lengths. */
async function putPastTheSignature(upload: CreatedParts, partNumber: number, bytes: number) {
  const id = encodeURIComponent(storesUploadId(partOf(upload, 0)))
  const query = `?partNumber=${partNumber}&uploadId=${id}`
  const answer = await direct(upload, query, { method: 'PUT', body: new Uint8Array(bytes) })
  await answer.bytes()
  expect(answer.status).toBe(200)
}

describe('part numbers', () => {
  const NONE: readonly (readonly [what: string, body: unknown])[] = [
    ['0', { partNumbers: [0] }],
    ['10,001', { partNumbers: [10_001] }],
    ['1.5', { partNumbers: [1.5] }],
    ['"1abc"', { partNumbers: ['1abc'] }],
    ['"1"', { partNumbers: ['1'] }],
    ['null', { partNumbers: [null] }],
    ['−1', { partNumbers: [-1] }],
    ['one twice', { partNumbers: [1, 2, 1] }],
    ['none at all', { partNumbers: [] }],
    ['10,001 of them', { partNumbers: Array.from({ length: 10_001 }, (_, at) => at + 1) }],
    ['one beyond the plan', { partNumbers: [1, 2, 3, 4] }],
    ['a range from 0', { from: 0, to: 2 }],
    ['a range to 10,001', { from: 1, to: 10_001 }],
    ['a range beyond the plan', { from: 3, to: 4 }],
    ['a range that ends before it begins', { from: 2, to: 1 }],
    ['half a range', { from: 1 }],
    ['a range of text', { from: '1', to: '2' }],
    ['a range of fractions', { from: 1, to: 1.5 }],
    ['a range and numbers', { from: 1, to: 2, partNumbers: [1] }],
    ['checksums without a number', { parts: [{ sha256: `${'A'.repeat(43)}=` }] }],
    ['nothing', {}],
  ]

  it.each(NONE)('U10 400: %s', async (_, body) => {
    gateway = await gatewayForParts(embeddedStore())
    const { id } = await createParts(gateway)
    await refuseParts(id, body, INVALID)
    expect((await askParts(id, { from: 1, to: 3 })).status).toBe(200)
  })

  const BEGINS = 'must be there, or "from" and "to", or "parts"'
  const unknown = 'is not a known member'
  const NAMED: readonly (readonly [body: unknown, fields: Record<string, unknown>])[] = [
    [{}, { partNumbers: BEGINS }],
    [{ partNumber: [1] }, { partNumbers: BEGINS, partNumber: unknown }],
    [{ partNumbers: ['1abc'] }, { 'partNumbers.0': expect.stringContaining('number') }],
    [{ partNumbers: [1, 1] }, { partNumbers: 'must be different numbers' }],
    [{ partNumbers: [1], uploadId: 'x' }, { uploadId: unknown }],
    [{ from: 1 }, { to: expect.stringContaining('number') }],
    [
      { to: 1, key: 'x' },
      { from: expect.stringContaining('number'), key: unknown },
    ],
    [{ from: 2, to: 1 }, { to: 'must not be less than from' }],
    [{ from: 1, to: 2, partNumbers: [1] }, { partNumbers: unknown }],
    [{ parts: [{ partNumber: 1 }] }, { 'parts.0.sha256': expect.stringContaining('string') }],
    [
      { parts: [], from: 1 },
      { to: expect.stringContaining('number'), parts: unknown },
    ],
    [[1], { '': expect.any(String) }],
    ['null', { '': expect.any(String) }],
  ]

  it.each(NAMED)('U10, K18 400: %j is refused by the names of its members', async (body, named) => {
    gateway = await gatewayForParts(embeddedStore())
    const { id } = await createParts(gateway)
    const { fields } = await refuseParts(id, body, INVALID)
    const told = (fields as { path: string; message: string }[]).map(
      ({ path, message }) => [path, message] as const,
    )
    expect(Object.fromEntries(told)).toEqual(named)
  })

  it('U10 200: 10,000 numbers at once, each with a URL of its own; K21: one request', async () => {
    const rates = [
      { policy: 'rate', per: 'user', requests: 60, windowSeconds: 60, burst: 3 },
    ] as const
    const upload = { maxSizeBytes: 2 ** 40 }
    gateway = await gatewayForParts(embeddedStore(), { bucket: { upload }, plan: { rates } })
    const { id, multipart } = await createParts(gateway, { sizeBytes: MOST_PARTS * PART_BYTES })
    expect(multipart.partCount).toBe(MOST_PARTS)
    const partNumbers = Array.from({ length: MOST_PARTS }, (_, at) => MOST_PARTS - at)
    for (const body of [{ partNumbers }, { from: 1, to: MOST_PARTS }]) {
      const answer = await askParts(id, body)
      expect(answer.status).toBe(200)
      const { parts } = (await answer.json()) as { parts: Part[] }
      expect(new Set(parts.map(({ request }) => request.url)).size).toBe(MOST_PARTS)
      expect(parts.map(({ partNumber }) => partNumber)).toEqual(
        'from' in body ? partNumbers.toReversed() : partNumbers,
      )
    }
    await refuseParts(id, { partNumbers: [1] }, { status: 429, code: 'SlowDown' })
  })

  it('U10 400: parts of an upload that has none', async () => {
    gateway = await gatewayForParts(embeddedStore())
    const { id } = await gateway.create()
    const problem = await refuseParts(id, { partNumbers: [1] }, INVALID)
    expect(problem.detail).toContain('not of parts')
  })

  it('P04 404: parts of another’s upload, as of an unknown one', async () => {
    gateway = await gatewayForParts(embeddedStore())
    const { id } = await createParts(gateway)
    const shown = new Set<string>()
    for (const other of [id, `up_${'0'.repeat(26)}`]) {
      for (const who of ['acme/bob', 'globex/carol']) {
        const problem = await refuseParts(other, { partNumbers: [1] }, NO_UPLOAD, who)
        shown.add(JSON.stringify({ ...problem, requestId: undefined }))
      }
    }
    expect(shown.size).toBe(1)
  })

  it('P04 403: parts of one’s own upload, after the permission for its key was withdrawn', async () => {
    const clock = new TestClock(Date.now())
    const common = { clock, overrides: { ledger: openMemoryLedger({ clock }) } }
    gateway = await gatewayForParts(embeddedStore(), common)
    const { id } = await createParts(gateway)
    await gateway.close()
    const allow = { 'acme/alice': [{ prefix: 'acme/alice/other/' }] }
    gateway = await gatewayForParts(embeddedStore(), { ...common, allow })
    await refuseParts(id, { partNumbers: [1] }, { status: 403, code: 'AccessDenied' })
  })

  const ALL = ['upload', 'overwrite']
  const WITHDRAWN = [
    ['overwrite', { operations: ['upload'] }, { status: 403, code: 'AccessDenied' }],
    [
      'the size',
      { operations: ALL, maxSizeBytes: THREE_PARTS_BYTES - 1 },
      { status: 413, code: 'EntityTooLarge' },
    ],
    [
      'the type',
      { operations: ALL, contentTypes: ['image/png'] },
      { status: 415, code: 'UnsupportedMediaType' },
    ],
  ] as const

  it.each(WITHDRAWN)(
    'P04 refused: parts and complete of an overwrite, after the permission for %s was withdrawn; DELETE and GET go on',
    async (_, rule, refusal) => {
      const clock = new TestClock(Date.now())
      const common = { clock, overrides: { ledger: openMemoryLedger({ clock }) } }
      const exactly = {
        operations: ALL,
        maxSizeBytes: THREE_PARTS_BYTES,
        contentTypes: ['image/jpeg'],
      }
      const allowed = { ...common, allow: { 'acme/alice': [exactly] } }
      gateway = await gatewayForParts(embeddedStore(), allowed)
      const upload = await createParts(gateway, {
        overwrite: true,
        contentType: 'image/JPEG; charset=x',
      })
      await putParts(upload.multipart.parts)
      expect((await askParts(upload.id, { partNumbers: [1] })).status).toBe(200)
      await gateway.close()
      gateway = await gatewayForParts(embeddedStore(), {
        ...common,
        allow: { 'acme/alice': [rule] },
      })
      await refuseParts(upload.id, { partNumbers: [1] }, refusal)
      const before = stateOf(gateway)
      await expectRefused(await complete(upload.id), refusal, { gateway, before })
      expect(await gateway.status(upload.id)).toBe('pending')
      await gateway.close()
      gateway = await gatewayForParts(embeddedStore(), allowed)
      expect((await complete(upload.id)).status).toBe(200)
      const other = await createParts(gateway, { overwrite: true })
      await gateway.close()
      gateway = await gatewayForParts(embeddedStore(), {
        ...common,
        allow: { 'acme/alice': [rule] },
      })
      expect((await gateway.call('DELETE', `/v1/uploads/${other.id}`)).status).toBe(204)
    },
  )
})

const OTHER_BODIES: readonly (readonly [what: string, put: PutOptions])[] = [
  ['one byte more', { body: new Uint8Array(4) }],
  ['one byte less', { body: new Uint8Array(2) }],
  ['nothing', { body: '' }],
  ['5 GB, announced', { declared: 5 * 2 ** 30 }],
  ['the right bytes in chunks, without a length', { body: 'abc', chunked: true }],
]

describe.each(realStores())('a part URL on $kind', (store) => {
  const open = async () => {
    gateway = await gatewayForParts(store)
    return createParts(gateway)
  }

  it.each(OTHER_BODIES)('U10 refused: %s', async (_, put) => {
    const upload = await open()
    const { request } = partOf(upload, 2)
    const signed = new URL(request.url).searchParams.get('X-Amz-SignedHeaders')
    expect(signed).toBe('content-length;host')
    expect([403, 411]).toContain(await sendPut(request, put))
    expect(await partsAtStore(upload)).toEqual({})
    expect(await sendPut(request, { body: 'abc' })).toBe(200)
    expect(await partsAtStore(upload)).toEqual({ 3: 3 })
  })

  it('U10 refused: another part, upload or object, a longer life, another name in the query', async () => {
    const upload = await open()
    const other = await createParts(gateway, { key: 'acme/alice/other' })
    const part = partOf(upload, 2)
    const { request } = part
    for (const changed of [
      bent(part, 'partNumber', '2'),
      bent(part, 'partNumber', '4'),
      bent(part, 'uploadId', storesUploadId(partOf(other, 0))),
      bent(part, 'X-Amz-Expires', '604800'),
      bent(part, 'acl', ''),
      { ...request, url: request.url.replace('cat.jpg?', 'other?') },
    ]) {
      expect(changed.url).not.toBe(request.url)
      // Swift says 501 to a sub-resource that it does not have.
      expect([403, 501]).toContain(await sendPut(changed, { body: 'abc' }))
    }
    expect(await partsAtStore(upload)).toEqual({})
    expect(await partsAtStore(other)).toEqual({})
  })

  it('U10 refused: a header that makes the part a copy, and any other method', async () => {
    const upload = await open()
    await gateway.putDirectly('secret', 3)
    const { request } = partOf(upload, 2)
    const headers = { 'x-amz-copy-source': `/${gateway.storeBucket}/secret` }
    expect(await sendPut(request, { headers, body: 'abc' })).toBeGreaterThanOrEqual(400)
    expect(await sendPut(request, { headers })).toBe(403)
    for (const method of ['GET', 'DELETE', 'POST', 'HEAD']) {
      const answer = await fetch(request.url, { method })
      await answer.bytes()
      // Swift says 405 to a POST with a part number.
      expect(method === 'POST' ? [403, 405] : [403]).toContain(answer.status)
    }
    expect(await partsAtStore(upload)).toEqual({})
  })

  it('U10 403: a URL whose time is over, while the upload goes on', async () => {
    const clock = new TestClock(Date.now() - 3_600_000)
    gateway = await gatewayForParts(store, { clock })
    const upload = await createParts(gateway, { sizeBytes: 3 })
    expect((await putPart(partOf(upload, 0))).status).toBe(403)
    clock.advance(3_600_000)
    const { parts } = await (await askParts(upload.id, { from: 1, to: 1 })).json()
    expect((await putPart(parts[0])).status).toBe(200)
    expect((await complete(upload.id)).status).toBe(200)
  })

  it('U10: a part after the abort is refused, and after completing adds nothing', async () => {
    const upload = await open()
    const part = partOf(upload, 2)
    expect((await gateway.call('DELETE', `/v1/uploads/${upload.id}`)).status).toBe(204)
    expect((await putPart(part)).status).toBe(404)
    const whole = await createParts(gateway, { sizeBytes: 3 })
    await putParts(whole.multipart.parts)
    expect((await complete(whole.id)).status).toBe(200)
    const late = await putPart(partOf(whole, 0), new Uint8Array([1, 2, 3]))
    // Swift 2.30 takes it, and the object is broken for whoever has sent it; nobody else pays.
    expect(late.status).toBe(store.kind === 'swift' ? 200 : 404)
    expect((await complete(whole.id)).status).toBe(200)
    await untilPartsAreOver(gateway)
    expect(await stored()).toEqual({ used: 3, pending: 0 })
  })

  it.each([
    ['a part that is longer than it was signed', 3, 4],
    ['a part that was not planned', 4, 1],
  ])(
    'U11 409: %s, on a store that takes it: nothing of it stays, or is charged',
    async (_, number, bytes) => {
      const upload = await open()
      await putParts(upload.multipart.parts)
      await putPastTheSignature(upload, number, bytes)
      await expectRefused(await complete(upload.id), REJECTED, { gateway })
      expect(await gateway.status(upload.id)).toBe('rejected')
      expect(await partsAtStore(upload)).toBeUndefined()
      expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
      if (store.kind === 'swift') await untilPartsAreOver(gateway)
      expect(await stored()).toEqual({ used: 0, pending: 0 })
      await expectRefused(await complete(upload.id), REJECTED, { gateway })
      await refuseParts(upload.id, { from: 1, to: 1 }, { status: 409, code: 'UploadNotPending' })
    },
  )

  it('U11 409: a part that is shorter than it was signed is none yet', async () => {
    const upload = await open()
    await putParts(upload.multipart.parts)
    await putPastTheSignature(upload, 3, 2)
    const incomplete = { status: 409, code: 'UploadIncomplete' } as const
    const problem = await expectRefused(await complete(upload.id), incomplete)
    expect(problem.detail).toContain('part 3')
    await putPart(partOf(upload, 2))
    expect((await complete(upload.id)).status).toBe(200)
    expect(await stored()).toEqual({ used: THREE_PARTS_BYTES, pending: 0 })
  })
})

describe('checksums of parts', () => {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('base64')
  const open = async (store: StoreUnderTest) => {
    gateway = await gatewayForParts(store)
    return createParts(gateway, { sizeBytes: 3, partChecksums: true })
  }

  describeOnCeph('on Ceph', (ceph) => {
    it('U07 400: other bytes of the same length; the right ones are taken', async () => {
      const upload = await open(ceph)
      expect(upload).toMatchObject({ guarantees: { checksum: 'sha256' } })
      expect(upload.multipart.parts).toEqual([])
      const asked = { parts: [{ partNumber: 1, sha256: sha256('abc') }] }
      const { parts } = await (await askParts(upload.id, asked)).json()
      const { request } = parts[0]
      expect(await sendPut(request, { body: 'abd' })).toBe(400)
      const headers = Object.fromEntries(
        Object.keys(request.headers).map((name) => [name, undefined]),
      )
      expect(Object.keys(headers)).toHaveLength(1)
      expect(await sendPut(request, { body: 'abd', headers })).toBe(403)
      await expectRefused(await complete(upload.id), { status: 409, code: 'UploadIncomplete' })
      expect(await sendPut(request, { body: 'abc' })).toBe(200)
      expect((await complete(upload.id)).status).toBe(200)
    })

    it('U07 400: the same for an object of one PUT', async () => {
      gateway = await gatewayForParts(ceph)
      const { request } = await gateway.create({ sizeBytes: 3, sha256: sha256('abc') })
      if (request === undefined) throw new Error('the upload has no grant')
      expect(await sendPut(request, { body: 'abd' })).toBe(400)
      expect(await sendPut(request, { body: 'abc' })).toBe(200)
    })

    it('U07 400: a checksum that is missing, malformed, or was not announced', async () => {
      const upload = await open(ceph)
      for (const body of [
        { partNumbers: [1] },
        { from: 1, to: 1 },
        { parts: [{ partNumber: 1 }] },
        { parts: [{ partNumber: 1, sha256: 'x' }] },
        { parts: [{ partNumber: 1, sha256: null }] },
        { parts: [1, 1].map((partNumber) => ({ partNumber, sha256: sha256('abc') })) },
      ]) {
        await refuseParts(upload.id, body, INVALID)
      }
      const without = await createParts(gateway, { sizeBytes: 3, key: 'acme/alice/without' })
      const asked = { parts: [{ partNumber: 1, sha256: sha256('abc') }] }
      await refuseParts(without.id, asked, INVALID)
    })
  })

  it.each(realStores().filter(({ kind }) => kind !== 'ceph'))(
    'U07 422: on $kind, which keeps none',
    async (store) => {
      gateway = await gatewayForParts(store)
      const wanted = {
        bucket: 'media',
        key: 'acme/alice/a',
        contentType: 'image/jpeg',
        sizeBytes: 3,
      }
      const body = { ...wanted, mode: 'multipart', partChecksums: true }
      const before = stateOf(gateway)
      const answer = await gateway.call('POST', '/v1/uploads', body)
      const refusal = { status: 422, code: 'UnsupportedByStore' } as const
      const problem = await expectRefused(answer, refusal, { gateway, before })
      expect(problem.capability).toBe('checksum')
    },
  )

  it('U07 422: a checksum of the whole, which parts do not bind', async () => {
    gateway = await gatewayForParts(embeddedStore())
    const wanted = { bucket: 'media', key: 'acme/alice/a', contentType: 'image/jpeg', sizeBytes: 3 }
    const body = { ...wanted, mode: 'multipart', sha256: sha256('abc') }
    const answer = await gateway.call('POST', '/v1/uploads', body)
    await expectRefused(answer, { status: 422, code: 'UnsupportedByStore' }, { gateway })
  })
})
