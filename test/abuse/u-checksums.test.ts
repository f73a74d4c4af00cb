import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import { signForm } from '../../src/signing/form-grant.ts'
import { createNativePresigner } from '../../src/signing/native-presigner.ts'
import { signParts } from '../../src/signing/part-grants.ts'
import { placeOf } from '../stores/store-fixture.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const DRIVERS = [
  ['aws4fetch', createAws4fetchPresigner()],
  ['native', createNativePresigner(nodeHashing)],
] as const

/** What SDKs put in unasked, and what would bind the content: in headers, queries and fields. */
const CHECKSUM = /checksum|sdk-checksum|content-sha256|content-md5/i
const SHA256 = createHash('sha256').update('hello').digest('base64')
const LIFE = { nowMs: Date.UTC(2013, 4, 24), expiresAtMs: Date.UTC(2013, 4, 24, 0, 5) }

let gateway: TestGateway | undefined
afterEach(async () => {
  await gateway?.close()
  gateway = undefined
})

describe.each(DRIVERS)(
  'grants signed by %s, of which nobody asked for a checksum',
  (_, presigner) => {
    it('U08 201: an upload has none in its URL, its signed headers and its headers', async () => {
      gateway = await openTestGateway({ overrides: { presigner } })
      const answer = await gateway.call('POST', '/v1/uploads', uploadBody())
      expect(answer.status).toBe(201)
      const { request } = await answer.json()
      expect(JSON.stringify(request)).toContain('X-Amz-SignedHeaders')
      expect(JSON.stringify(request)).not.toMatch(CHECKSUM)
    })

    it('U08 201: neither has a download', async () => {
      gateway = await openTestGateway({ overrides: { presigner } })
      const wanted = { bucket: 'media', key: 'acme/alice/cat.jpg' }
      const answer = await gateway.call('POST', '/v1/downloads', wanted)
      expect(await answer.text()).not.toMatch(CHECKSUM)
    })

    it('U08 a part has none unless it was given one, and then none beside it', async () => {
      const parts = [
        { partNumber: 1, sizeBytes: 5, sha256: SHA256 },
        { partNumber: 2, sizeBytes: 5 },
      ]
      const place = placeOf('acme/alice/film.mov')
      const [bound, bare] = await signParts(presigner, { place, uploadId: 'u', parts, ...LIFE })
      const textOf = (part: typeof bound) =>
        `${part?.request.url.reveal()} ${JSON.stringify(part?.request.headers)}`
      expect(textOf(bare)).toContain('partNumber=2')
      expect(textOf(bare)).not.toMatch(CHECKSUM)
      expect(bound?.request.headers).toEqual({ 'x-amz-checksum-sha256': SHA256 })
      expect(textOf(bound).replaceAll('x-amz-checksum-sha256', '')).not.toMatch(CHECKSUM)
    })

    it('U08 a form has none in its fields and its policy', async () => {
      const { fields, url } = await signForm(presigner, {
        place: placeOf('acme/alice/cat.jpg'),
        minBytes: 0,
        maxBytes: 5,
        contentType: 'image/jpeg',
        metadata: new Map(),
        ticket: 't1',
        ...LIFE,
      })
      const sent = fields.reveal()
      const policy = Buffer.from(sent.policy ?? '', 'base64').toString()
      expect(policy).toContain('content-length-range')
      expect(`${url} ${JSON.stringify(sent)} ${policy}`).not.toMatch(CHECKSUM)
    })
  },
)
