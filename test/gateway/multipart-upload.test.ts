import { afterEach, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { realStores } from '../support/stores/stores-under-test.ts'
import type { GatewayOnStore } from './gateway-on-store.ts'
import {
  createParts,
  gatewayForParts,
  LIFETIME_MS,
  PART_BYTES,
  putPart,
  putParts,
  THREE_PARTS_BYTES,
  untilPartsAreOver,
} from './multipart-fixture.ts'

const INCOMPLETE = { status: 409, code: 'UploadIncomplete' } as const

describe.each(realStores())('uploads of parts on $kind', (store) => {
  let gateway: GatewayOnStore
  afterEach(() => gateway.close())
  const complete = (id: string, body: unknown = {}) =>
    gateway.call('POST', `/v1/uploads/${id}/complete`, body)
  const stored = async () => (await gateway.usage())['tenant-stored']

  it('201: equal parts, each signed for its own length; complete puts them together once', async () => {
    gateway = await gatewayForParts(store)
    const upload = await createParts(gateway)
    const { parts, ...plan } = upload.multipart
    expect(plan).toMatchObject({ partSizeBytes: PART_BYTES, partCount: 3 })
    expect(parts.map(({ partNumber, sizeBytes }) => [partNumber, sizeBytes])).toEqual([
      [1, PART_BYTES],
      [2, PART_BYTES],
      [3, 3],
    ])
    for (const { request } of parts) {
      expect(request.method).toBe('PUT')
      expect(request.url).toContain('content-length')
    }
    expect(upload).toMatchObject({ status: 'pending', guarantees: { size: 'exact' } })
    expect(await stored()).toEqual({ used: 0, pending: THREE_PARTS_BYTES })
    const sent = await putParts(parts)
    const first = await complete(upload.id, { parts: sent })
    expect(first.status).toBe(200)
    const completed = await first.json()
    expect(completed).toMatchObject({ status: 'completed', sizeBytes: THREE_PARTS_BYTES })
    expect(await gateway.sizeAtStore(upload.key)).toBe(THREE_PARTS_BYTES)
    for (const again of await Promise.all([
      complete(upload.id),
      complete(upload.id, { parts: sent }),
    ])) {
      expect(await again.json()).toEqual(completed)
    }
    expect(await stored()).toEqual({ used: THREE_PARTS_BYTES, pending: 0 })
  })

  it('200: parallel completes are one object, one settlement and one answer', async () => {
    gateway = await gatewayForParts(store)
    const upload = await createParts(gateway)
    await putParts(upload.multipart.parts)
    const answers = await Promise.all([1, 2, 3].map(() => complete(upload.id)))
    expect(answers.map(({ status }) => status)).toContain(200)
    for (const answer of answers) expect([200, 503]).toContain(answer.status)
    expect((await complete(upload.id)).status).toBe(200)
    expect(await stored()).toEqual({ used: THREE_PARTS_BYTES, pending: 0 })
  })

  it('U11 409: complete before any part, and with a missing, foreign, reordered or unknown one', async () => {
    gateway = await gatewayForParts(store)
    const upload = await createParts(gateway)
    const [one, two, three] = upload.multipart.parts
    await expectRefused(await complete(upload.id), INCOMPLETE)
    if (one === undefined || two === undefined || three === undefined) throw new Error('no parts')
    const sent = await putParts([one, three])
    const missing = await expectRefused(await complete(upload.id), INCOMPLETE)
    expect(missing.detail).toContain('part 2')
    await expectRefused(await complete(upload.id, { parts: sent }), INCOMPLETE)
    const all = [...sent, { partNumber: 2, etag: (await putPart(two)).etag }]
    await expectRefused(await complete(upload.id, { parts: all }), INCOMPLETE)
    const sorted = all.sort((a, b) => a.partNumber - b.partNumber)
    const [first, ...others] = sorted
    const foreign = [{ partNumber: 1, etag: `"${'0'.repeat(32)}"` }, ...others]
    await expectRefused(await complete(upload.id, { parts: foreign }), INCOMPLETE)
    await expectRefused(await complete(upload.id, { parts: others }), INCOMPLETE)
    await expectRefused(await complete(upload.id, { parts: [first, first, ...others] }), INCOMPLETE)
    expect(await gateway.status(upload.id)).toBe('pending')
    const bare = sorted.map(({ partNumber, etag }) => ({
      partNumber,
      etag: etag.replaceAll('"', ''),
    }))
    expect((await complete(upload.id, { parts: bare })).status).toBe(200)
  })

  it('U11 409: complete after an abort, which ends the upload at the store and frees its bytes', async () => {
    gateway = await gatewayForParts(store)
    const upload = await createParts(gateway)
    const [one] = upload.multipart.parts
    if (one === undefined) throw new Error('no part')
    await putPart(one)
    const aborted = await gateway.call('DELETE', `/v1/uploads/${upload.id}`)
    expect(aborted.status).toBe(204)
    if (store.kind === 'swift') await untilPartsAreOver(gateway)
    expect(await stored()).toEqual({ used: 0, pending: 0 })
    expect((await gateway.call('DELETE', `/v1/uploads/${upload.id}`)).status).toBe(204)
    expect((await putPart(one)).status).toBe(404)
    await expectRefused(await complete(upload.id), { status: 409, code: 'UploadNotPending' })
    const parts = await gateway.call('POST', `/v1/uploads/${upload.id}/parts`, { from: 1, to: 2 })
    await expectRefused(parts, { status: 409, code: 'UploadNotPending' })
    expect(await gateway.status(upload.id)).toBe('aborted')
  })

  it('200: parts are signed again after hours, for the same lengths, and the upload goes on', async () => {
    gateway = await gatewayForParts(store)
    const upload = await createParts(gateway)
    await putParts(upload.multipart.parts.slice(0, 1))
    gateway.clock.advance(LIFETIME_MS / 2)
    await gateway.sweepAll()
    expect(await gateway.status(upload.id)).toBe('pending')
    const answer = await gateway.call('POST', `/v1/uploads/${upload.id}/parts`, {
      partNumbers: [3, 2],
    })
    expect(answer.status).toBe(200)
    const { parts } = await answer.json()
    expect(parts.map((part: { partNumber: number }) => part.partNumber)).toEqual([3, 2])
    expect(parts[1].sizeBytes).toBe(PART_BYTES)
    // The store's own clock has not moved: what was signed for later works now all the same.
    await putParts(parts)
    expect((await complete(upload.id)).status).toBe(200)
  })

  it('U10 expired: an upload that nobody completes is aborted at the store and refunded', async () => {
    gateway = await gatewayForParts(store)
    const upload = await createParts(gateway)
    await putParts(upload.multipart.parts.slice(0, 2))
    gateway.clock.advance(LIFETIME_MS - 60_000)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending: THREE_PARTS_BYTES })
    gateway.clock.advance(200_000)
    await gateway.sweepAll()
    gateway.clock.advance(200_000)
    await gateway.sweepAll()
    expect(await stored()).toEqual({ used: 0, pending: 0 })
    expect(await gateway.status(upload.id)).toBe('expired')
    const [one] = upload.multipart.parts
    if (one === undefined) throw new Error('no part')
    expect((await putPart(one)).status).toBe(404)
    expect(await gateway.sizeAtStore(upload.key)).toBeUndefined()
  })

  it('201: a repeated request gets the same upload and is charged once', async () => {
    gateway = await gatewayForParts(store)
    const key = { 'idempotency-key': 'same' }
    const first = await createParts(gateway, {}, key)
    const again = await createParts(gateway, {}, key)
    expect(again.id).toBe(first.id)
    const uploadIds = [first, again].map(({ multipart }) =>
      new URL(multipart.parts[0]?.request.url ?? '').searchParams.get('uploadId'),
    )
    expect(uploadIds[1]).toBe(uploadIds[0])
    expect(await stored()).toEqual({ used: 0, pending: THREE_PARTS_BYTES })
  })

  it('U12 201: multipart of one byte, and of none, is a plan of one part', async () => {
    gateway = await gatewayForParts(store)
    const upload = await createParts(gateway, { sizeBytes: 1 })
    expect(upload.multipart).toMatchObject({ partCount: 1 })
    await putParts(upload.multipart.parts)
    const completed = await complete(upload.id)
    expect(await completed.json()).toMatchObject({ status: 'completed', sizeBytes: 1 })
  })
})
