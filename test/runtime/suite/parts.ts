import { describe, expect, it } from 'vitest'
import { expectRefused } from '../../support/expect-refused.ts'
import { bytesOf, digestOfDownload, digestOfParts } from '../../support/parallel-parts.ts'
import { type GatewayUnderTest, uploadBody } from './gateway-under-test.ts'
import { PART_BYTES } from './settings.ts'

interface Part {
  readonly partNumber: number
  readonly sizeBytes: number
  readonly request: { readonly url: string; readonly headers: Record<string, string> }
}

interface InParts {
  readonly id: string
  readonly multipart: { readonly partCount: number; readonly parts: readonly Part[] }
}

/** A full part and a rest. */
const TWO_PARTS_BYTES = PART_BYTES + 3

/** What holds of uploads that are cut into parts. */
export function describeParts(suite: () => GatewayUnderTest): void {
  const who = 'acme/parked'
  const created = async (name: string): Promise<InParts> => {
    const changes = { mode: 'multipart', sizeBytes: TWO_PARTS_BYTES }
    const body = uploadBody(`${who}/${name}`, changes)
    const answer = await suite().call('POST', '/v1/uploads', body, { who })
    expect(answer.status).toBe(201)
    return (await answer.json()) as InParts
  }
  const parked = () => suite().level('parked-uploads', who)

  describe('uploads in parts', () => {
    it('201: parts are sent one by one and put together to the object; 409: not before all are there', async () => {
      const { call, complete } = suite()
      const { id, multipart } = await created('whole')
      expect(multipart).toMatchObject({ partSizeBytes: PART_BYTES, partCount: 2 })
      expect(multipart.parts.map(({ sizeBytes }) => sizeBytes)).toEqual([PART_BYTES, 3])
      const [first, second] = multipart.parts
      if (first === undefined || second === undefined) throw new Error('parts are missing')
      const sent = [await sendPart(first)]
      const early = await complete(id, { parts: sent }, { who })
      await expectRefused(early, { status: 409, code: 'UploadIncomplete' })
      // Signed once more, as after a reload of the page.
      const again = await call('POST', `/v1/uploads/${id}/parts`, { from: 2, to: 2 }, { who })
      expect(again.status).toBe(200)
      const { parts } = (await again.json()) as { parts: Part[] }
      expect(parts).toMatchObject([{ partNumber: 2, sizeBytes: 3 }])
      for (const part of parts) sent.push(await sendPart(part))
      const done = await complete(id, { parts: sent }, { who })
      expect(await done.json()).toMatchObject({ status: 'completed', sizeBytes: TWO_PARTS_BYTES })
      expect(await parked()).toEqual({ used: 0, pending: 0 })
      const wanted = { bucket: 'media', key: `${who}/whole` }
      const download = await call('POST', '/v1/downloads', wanted, { who })
      const { request } = (await download.json()) as { request: { url: string } }
      expect(await digestOfDownload(request.url)).toBe(digestOfParts([PART_BYTES, 3]))
    })

    it('204: an abort ends them at the store and gives back what was reserved at once', async () => {
      const { call } = suite()
      const { id, multipart } = await created('given-up')
      expect(await parked()).toEqual({ used: 0, pending: 1 })
      const second = uploadBody(`${who}/second`)
      const full = await call('POST', '/v1/uploads', second, { who })
      expect(full.status).toBe(429)
      expect((await call('DELETE', `/v1/uploads/${id}`, undefined, { who })).status).toBe(204)
      expect(await parked()).toEqual({ used: 0, pending: 0 })
      const part = multipart.parts[1]
      if (part === undefined) throw new Error('the part is missing')
      const { url, headers } = part.request
      const late = await fetch(url, { method: 'PUT', headers, body: bytesOf(part) })
      expect(late.status).toBe(404)
    })

    it('400: part numbers that an upload does not have; 409: parts of one that is over', async () => {
      const { call } = suite()
      const { id } = await created('two')
      const parts = (partNumbers: number[]) =>
        call('POST', `/v1/uploads/${id}/parts`, { partNumbers }, { who })
      await expectRefused(await parts([3]), { status: 400, code: 'InvalidRequest' })
      expect((await parts([2, 1])).status).toBe(200)
      await call('DELETE', `/v1/uploads/${id}`, undefined, { who })
      await expectRefused(await parts([1]), { status: 409, code: 'UploadNotPending' })
    })
  })
}

async function sendPart(part: Part): Promise<{ partNumber: number; etag: string }> {
  const { url, headers } = part.request
  const answer = await fetch(url, { method: 'PUT', headers, body: bytesOf(part) })
  await answer.bytes()
  expect(answer.status).toBe(200)
  return { partNumber: part.partNumber, etag: answer.headers.get('etag') ?? '' }
}
