import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret, SignedUrl } from '../../src/secret.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import type { Grant } from '../../src/signing/grant.ts'
import { createNativePresigner } from '../../src/signing/native-presigner.ts'
import { signParts, type WantedParts } from '../../src/signing/part-grants.ts'
import type { Presigner } from '../../src/signing/presigner.ts'
import { EXAMPLE_CREDENTIAL, exampleStore, placeOf, storeWith } from '../stores/store-fixture.ts'
import { isRightlySigned } from '../support/sigv4-verifier.ts'
import { EXAMPLE_DATE_MS, rawQuery } from './presign-fixture.ts'

const DRIVERS = [
  ['aws4fetch', createAws4fetchPresigner()],
  ['native', createNativePresigner(nodeHashing)],
] as const
const OF_HELLO = createHash('sha256').update('hello').digest()

function wantedParts(overrides: Partial<WantedParts> = {}): WantedParts {
  return {
    place: placeOf('d/e'),
    uploadId: 'VXBsb2FkIElE/+=',
    parts: [
      { partNumber: 1, sizeBytes: 8_388_608 },
      { partNumber: 2, sizeBytes: 8_388_608 },
      { partNumber: 10, sizeBytes: 1 },
    ],
    nowMs: EXAMPLE_DATE_MS,
    expiresAtMs: EXAMPLE_DATE_MS + 300_000,
    ...overrides,
  }
}

describe.each(DRIVERS)('the grants of parts signed by %s', (_, presigner) => {
  // `providers.md` V2: computed by two other implementations.
  it('are V2', async () => {
    const store = exampleStore({
      endpoint: 'https://127.0.0.1:9000',
      capabilities: { ...exampleStore().capabilities, backdateSeconds: 0 },
    })
    const [part] = await signParts(
      presigner,
      wantedParts({
        place: placeOf('d/e', { store }),
        parts: [{ partNumber: 7, sizeBytes: 8_388_608 }],
        expiresAtMs: EXAMPLE_DATE_MS + 330_000,
      }),
    )
    expect(rawQuery(part?.request.url.reveal() ?? '', 'X-Amz-Signature')).toBe(
      '5cbc83695c7bfd71a49fd8b6562c907549f578cd1435e84ffd43194c6f539894',
    )
  })

  it('do not outlive the session credential that signs them', async () => {
    const ending = (expiresAtMs: number) => ({ ...EXAMPLE_CREDENTIAL, expiresAtMs })
    const until = (expiresAtMs: number) =>
      signParts(presigner, wantedParts({ credential: ending(expiresAtMs) }))
    await expect(until(EXAMPLE_DATE_MS + 300_000)).resolves.toHaveLength(3)
    await expect(until(EXAMPLE_DATE_MS + 299_999)).rejects.toThrow(
      'its session credential ends before the grant would',
    )
  })

  it('name each part, in order, with its own size signed and nothing to send besides', async () => {
    const grants = await signParts(presigner, wantedParts())
    expect(grants).toMatchObject(wantedParts().parts)
    for (const { partNumber, sizeBytes, request } of grants) {
      const url = request.url.reveal()
      expect(request).toMatchObject({
        method: 'PUT',
        headers: {},
        expiresAtMs: EXAMPLE_DATE_MS + 300_000,
      })
      expect(rawQuery(url, 'partNumber')).toBe(String(partNumber))
      expect(rawQuery(url, 'uploadId')).toBe('VXBsb2FkIElE%2F%2B%3D')
      expect(rawQuery(url, 'X-Amz-SignedHeaders')).toBe('content-length%3Bhost')
      expect(rawQuery(url, 'X-Amz-Expires')).toBe('330')
      expect(accepts(request, sizeBytes)).toBe(true)
      expect(accepts(request, sizeBytes + 1)).toBe(false)
    }
  })

  it('bind the content of the parts that have a SHA-256, as the store keeps it', async () => {
    const parts = [
      { partNumber: 1, sizeBytes: 5, sha256: OF_HELLO.toString('base64') },
      { partNumber: 2, sizeBytes: 5 },
    ]
    const byChecksum = await signParts(presigner, wantedParts({ parts }))
    expect(byChecksum.map(({ request }) => request.headers)).toEqual([
      { 'x-amz-checksum-sha256': OF_HELLO.toString('base64') },
      {},
    ])
    const store = storeWith({ checksumSha256: 'no' })
    const byPayload = await signParts(
      presigner,
      wantedParts({ parts, place: placeOf('k', { store }) }),
    )
    expect(byPayload.map(({ request }) => request.headers)).toEqual([
      { 'x-amz-content-sha256': OF_HELLO.toString('hex') },
      {},
    ])
    for (const { request } of [...byChecksum, ...byPayload]) {
      expect(accepts(request, 5)).toBe(true)
    }
  })

  it('422: a SHA-256 that the store would not keep', async () => {
    const store = storeWith({ checksumSha256: 'probe', payloadHash: 'no' })
    const parts = [{ partNumber: 1, sizeBytes: 5, sha256: OF_HELLO.toString('base64') }]
    const wanted = wantedParts({ parts, place: placeOf('k', { store }) })
    await expect(signParts(presigner, wanted)).rejects.toMatchObject({
      code: 'UnsupportedByStore',
      details: { capability: 'checksum' },
    })
  })

  it('carry nothing that is fixed for the whole object', async () => {
    const store = storeWith({ fixedHeaders: { 'x-amz-acl': 'private' } })
    const [part] = await signParts(presigner, wantedParts({ place: placeOf('k', { store }) }))
    expect(part?.request.headers).toEqual({})
    expect(rawQuery(part?.request.url.reveal() ?? '', 'X-Amz-SignedHeaders')).toBe(
      'content-length%3Bhost',
    )
  })

  it('are for the public endpoint, by the credential asked for, with its session token', async () => {
    const credential = { ...EXAMPLE_CREDENTIAL, sessionToken: new Secret('AB+/cd==') }
    const store = exampleStore({ endpoint: 'http://a:1', publicEndpoint: 'https://b.test' })
    const place = placeOf('k', { store, prefix: 'eu/' })
    const [part] = await signParts(presigner, wantedParts({ place, credential }))
    const url = part?.request.url.reveal() ?? ''
    expect(url.startsWith('https://b.test/bkt/eu/k?')).toBe(true)
    expect(rawQuery(url, 'X-Amz-Security-Token')).toBe('AB%2B%2Fcd%3D%3D')
  })

  it('are none where none were asked for', async () => {
    expect(await signParts(presigner, wantedParts({ parts: [] }))).toEqual([])
  })

  it.each<[string, (url: string) => string]>([
    ['another part', (url) => url.replace('partNumber=2&', 'partNumber=3&')],
    ['another upload', (url) => url.replace('uploadId=V', 'uploadId=W')],
    ['another object', (url) => url.replace('/d/e?', '/d/f?')],
    ['another host', (url) => url.replace('s3.example.test', 's3.example.org')],
    ['one name more', (url) => `${url}&acl=`],
    ['a longer life', (url) => url.replace('X-Amz-Expires=330', 'X-Amz-Expires=331')],
    ['no signature', (url) => url.replace(/[0-9a-f]{64}$/, 'x')],
    ['something behind the signature', (url) => `${url}0`],
    ['an upper-case signature', (url) => url.replace(/[0-9a-f]{64}$/, 'A'.repeat(64))],
  ])('500: not one of them is handed out when one is bent: %s (K23)', async (_what, bend) => {
    const bent: Presigner = {
      ...presigner,
      async presign(request) {
        const url = await presigner.presign(request)
        if (request.query.get('partNumber') !== '2') return url
        const changed = bend(url.reveal())
        expect(changed).not.toBe(url.reveal())
        return new SignedUrl(changed)
      },
    }
    const error = await signParts(bent, wantedParts()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'InternalError' })
    expect(JSON.stringify(error) + String(error)).not.toContain('example')
  })
})

/** What a store says that keeps to AWS's documents. */
function accepts({ url, headers }: Grant, sizeBytes: number): boolean {
  const { host, href } = new URL(url.reveal())
  return isRightlySigned(
    {
      method: 'PUT',
      target: href.slice(href.indexOf('/', 'https://'.length)),
      headers: { host, 'content-length': String(sizeBytes), ...headers },
    },
    EXAMPLE_CREDENTIAL.secretAccessKey.reveal(),
  )
}
