import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Capabilities } from '../../src/stores/capabilities.ts'
import { ABLE } from '../stores/store-fixture.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const SHA256 = '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='
const MD5 = '1B2M2Y8AsgTpgAmY7PhCfg=='
const MIB = 2 ** 20
/** `media` leaves write-once open, `once` demands it, `strict` wants no header to be added. */
const BUCKETS = ['media', 'once', 'strict']

let gateway: TestGateway

beforeAll(async () => {
  const bucket = (name: string, upload: object) => ({
    placements: [{ store: 'main', bucket: `${name}-prod` }],
    keys: { callerPrefix: '{tenant}/{user}/' },
    upload: { expiresInSecondsMax: 604_770, ...upload },
    download: { expiresInSecondsMax: 604_770, disposition: 'inline' },
  })
  const asked = { tagKeys: ['album'], encryption: { allowed: ['AES256'] } }
  gateway = await openTestGateway({
    bucket: bucket('media', { ...asked, maxSizeBytes: 100 * MIB }),
    buckets: {
      once: bucket('once', { writeOnce: true }),
      strict: bucket('strict', { strictHeaders: true }),
    },
  })
})
afterAll(() => gateway.close())

/** What a probe would have seen: a store that keeps everything, but for this. */
function see(capabilities: Partial<Capabilities>): void {
  const atMs = '2026-01-01T00:00:00Z'
  for (const bucket of BUCKETS) {
    gateway.context.storeTruth.adopt({
      store: 'main',
      bucket: `${bucket}-prod`,
      startedAt: atMs,
      endedAt: atMs,
      requests: 0,
      bytes: 0,
      complete: true,
      findings: [],
      capabilities: { ...ABLE, ...capabilities },
      traits: {},
      leftovers: [],
    })
  }
}

interface Asked {
  /** Default: what the store cannot do is all that there is to it. */
  readonly able?: Partial<Capabilities>
  readonly body?: Readonly<Record<string, unknown>>
}

const FORM = { mode: 'post', sizeBytes: undefined, maxSizeBytes: 1_000 }

/** What is refused, by the capability that is named; what is signed as soon as the store is `able`. */
const UPLOADS: readonly (readonly [capability: string, unable: Partial<Capabilities>, Asked])[] = [
  ['signatures', { signatures: 'no' }, { able: { signatures: 'probe' } }],
  ['methodBound', { methodBound: 'no' }, { able: { methodBound: 'probe' } }],
  ['expiry', { expiry: 'no' }, { able: { expiry: 'probe' } }],
  ...(['ignored', 'refused', 'probe'] as const).map(
    (writeOnce) => ['writeOnce', { writeOnce }, { body: { bucket: 'once', mode: 'put' } }] as const,
  ),
  [
    'writeOnceMultipart',
    { writeOnceMultipart: 'no' },
    { body: { bucket: 'once', mode: 'multipart' } },
  ],
  ['signedLength', { signedLength: 'no', postPolicy: 'no' }, { able: { signedLength: 'no' } }],
  ['signedLength', { signedLength: 'probe' }, { body: { mode: 'put' } }],
  ['signedLength', { signedLength: 'no' }, { body: { bucket: 'once' } }],
  ['signedLength', { signedLength: 'no' }, { body: { mode: 'multipart' } }],
  ['postPolicy', { postPolicy: 'no' }, { body: FORM }],
  ['postPolicy', { postPolicy: 'probe' }, { body: { mode: 'post' } }],
  ['signedType', { signedType: 'no' }, {}],
  [
    'checksum',
    { checksumSha256: 'no', payloadHash: 'no' },
    { able: { checksumSha256: 'no' }, body: { sha256: SHA256 } },
  ],
  ['contentMd5', { contentMd5: 'probe' }, { body: { md5: MD5 } }],
  ['tagging', { tagging: 'probe' }, { body: { tags: { album: 'cats' } } }],
  ['encryption', { encryption: 'no' }, { body: { encryption: 'AES256' } }],
  ['multipart', { multipart: 'probe' }, { body: { mode: 'multipart' } }],
  [
    'multipart',
    { maxParts: 2, maxPartBytes: 8 * MIB },
    { able: { maxParts: 3 }, body: { mode: 'multipart', sizeBytes: 16 * MIB + 1 } },
  ],
  ['maxPutBytes', { maxPutBytes: 999 }, { able: { maxPutBytes: 1_000 }, body: { mode: 'put' } }],
  [
    'unsignedCopySource',
    { unsignedCopySource: 'open', writeCredentialReads: 'probe' },
    { able: { unsignedCopySource: 'open', writeCredentialReads: 'no' } },
  ],
  [
    'unsignedCopySource',
    { unsignedCopySource: 'probe' },
    { able: { unsignedCopySource: 'probe', writeCredentialReads: 'no' }, body: { mode: 'put' } },
  ],
  ['unsignedHeaders', { unsignedHeaders: 'reject-some' }, { body: { bucket: 'strict' } }],
  ['keys', { brokenKeys: ['//'] }, { body: { key: 'acme/alice/a//b' } }],
  [
    'maxExpires',
    { maxExpiresSeconds: 600 },
    { able: { maxExpiresSeconds: 601 }, body: { expiresInSeconds: 571 } },
  ],
]

describe('an upload of which the store was seen to keep something not', () => {
  it.each(UPLOADS)('422 %s: %j, charges nothing, and signs it elsewhere', async (...row) => {
    const [capability, unable, { able = {}, body = {} }] = row
    see(unable)
    for (const path of ['/v1/uploads', '/v1/uploads?dryRun=true']) {
      const before = stateOf(gateway)
      const answer = await gateway.call('POST', path, uploadBody(body))
      const refused = { status: 422, code: 'UnsupportedByStore' } as const
      const problem = await expectRefused(answer, refused, { gateway, before })
      expect(problem).toMatchObject({ capability, detail: expect.stringMatching(DETAIL) })
    }
    see(able)
    const allowed = await gateway.call('POST', '/v1/uploads?dryRun=true', uploadBody(body))
    expect(await allowed.json()).toMatchObject({ allowed: true })
  })

  it('201: write-once that the bucket leaves open is not promised where it is not kept', async () => {
    const promised = async (body: object) => {
      const answer = await gateway.call('POST', '/v1/uploads?dryRun=true', uploadBody({ ...body }))
      return ((await answer.json()) as { guarantees: { writeOnce: boolean } }).guarantees.writeOnce
    }
    see({})
    expect(await promised({})).toBe(true)
    expect(await promised({ mode: 'multipart' })).toBe(true)
    // No form can carry the condition, on any store.
    expect(await promised(FORM)).toBe(false)
    for (const writeOnce of ['ignored', 'refused', 'probe'] as const) {
      see({ writeOnce, writeOnceMultipart: 'no' })
      expect(await promised({})).toBe(false)
      expect(await promised({ mode: 'multipart' })).toBe(false)
    }
  })

  it('201: takes a form of exactly the size where a PUT could not bind it', async () => {
    see({ signedLength: 'no' })
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody())
    const { form, guarantees } = (await answer.json()) as {
      form: { fields: { policy: string } }
      guarantees: { size: string }
    }
    const policy = JSON.parse(Buffer.from(form.fields.policy, 'base64').toString())
    expect(policy.conditions).toContainEqual(['content-length-range', 1_000, 1_000])
    expect(guarantees.size).toBe('exact')
  })

  it('201: pins the fixed headers of a store that takes unsigned ones, and names the rest', async () => {
    const fixedHeaders = { 'x-amz-acl': 'private', 'x-amz-storage-class': 'STANDARD' }
    see({ unsignedHeaders: 'accept', fixedHeaders })
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody())
    const { request, guarantees } = (await answer.json()) as {
      request: { url: string; headers: Record<string, string> }
      guarantees: { unpinnedHeaders: string[] }
    }
    expect(request.headers).toMatchObject(fixedHeaders)
    expect(request.url).toContain('x-amz-acl%3B')
    expect(guarantees.unpinnedHeaders).toContain('x-amz-tagging')
    for (const pinned of ['x-amz-acl', 'x-amz-grant-*', 'x-amz-storage-class']) {
      expect(guarantees.unpinnedHeaders).not.toContain(pinned)
    }
  })

  it('422: an open copy hole, in whatever form but one that can copy nothing', async () => {
    see({ unsignedCopySource: 'open', writeCredentialReads: 'yes' })
    for (const mode of ['auto', 'put', 'multipart']) {
      expect((await gateway.call('POST', '/v1/uploads', uploadBody({ mode }))).status).toBe(422)
    }
    expect((await gateway.call('POST', '/v1/uploads', uploadBody(FORM))).status).toBe(201)
  })
})

const DETAIL = /^Cannot [a-z ]+: [^.\n]+[^.\s]$/

describe('a download of which the store was seen to keep something not', () => {
  const wanted = { bucket: 'media', key: 'acme/alice/cat.jpg' }

  it.each<[string, Partial<Capabilities>, Partial<Capabilities>, object]>([
    ['signatures', { signatures: 'no' }, { signatures: 'probe' }, {}],
    ['methodBound', { methodBound: 'no' }, { methodBound: 'probe' }, {}],
    ['expiry', { expiry: 'no' }, { expiry: 'probe' }, {}],
    ['responseOverrides', { responseOverrides: 'probe' }, {}, { disposition: 'attachment' }],
    [
      'responseOverrides',
      { responseOverrides: 'no' },
      {},
      { disposition: 'inline', filename: 'a.txt' },
    ],
    ['keys', { brokenKeys: ['//'] }, {}, { key: 'acme/alice/a//b' }],
    [
      'maxExpires',
      { maxExpiresSeconds: 600 },
      { maxExpiresSeconds: 601 },
      { expiresInSeconds: 571 },
    ],
  ])('422 %s: %j, charges nothing, and is signed elsewhere', async (...row) => {
    const [capability, unable, able, asked] = row
    see(unable)
    const before = stateOf(gateway)
    const ask = () => gateway.call('POST', '/v1/downloads', { ...wanted, ...asked })
    const refused = { status: 422, code: 'UnsupportedByStore' } as const
    const problem = await expectRefused(await ask(), refused, { gateway, before })
    expect(problem).toMatchObject({ capability, detail: expect.stringMatching(DETAIL) })
    see(able)
    expect((await ask()).status).toBe(200)
  })

  it('200: inline and without a name needs no override', async () => {
    see({ responseOverrides: 'no' })
    const answer = await gateway.call('POST', '/v1/downloads', { ...wanted, disposition: 'inline' })
    expect(answer.status).toBe(200)
  })
})

it('400: a lifetime above the bucket\u2019s maximum is the caller\u2019s mistake, not the store\u2019s', async () => {
  see({})
  for (const [path, body] of [
    ['/v1/uploads', uploadBody()],
    ['/v1/downloads', { bucket: 'media', key: 'acme/alice/cat.jpg' }],
  ] as const) {
    const just = await gateway.call('POST', path, { ...body, expiresInSeconds: 604_770 })
    expect(just.ok).toBe(true)
    const above = await gateway.call('POST', path, { ...body, expiresInSeconds: 604_771 })
    await expectRefused(above, { status: 400, code: 'InvalidRequest' })
  }
})
