import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Secret, SignedUrl } from '../../src/secret.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import { signPut, type WantedPut } from '../../src/signing/put-grant.ts'
import { exampleStore, placeOf, storeWith } from '../stores/store-fixture.ts'
import { isRightlySigned } from '../support/sigv4-verifier.ts'
import { EXAMPLE_DATE_MS, rawQuery } from './presign-fixture.ts'

const presigner = createAws4fetchPresigner()

const OF_HELLO = createHash('sha256').update('hello').digest()

function wantedPut(overrides: Partial<WantedPut> = {}): WantedPut {
  return {
    place: placeOf('acme/cat.jpg'),
    sizeBytes: 5,
    contentType: 'image/jpeg',
    writeOnce: true,
    metadata: new Map(),
    ticket: 'st1.abc',
    nowMs: EXAMPLE_DATE_MS,
    expiresAtMs: EXAMPLE_DATE_MS + 300_000,
    ...overrides,
  }
}

describe('the grant of an upload', () => {
  it('lists every header that the client must send, and none that it must not', async () => {
    const grant = await signPut(presigner, wantedPut({ metadata: new Map([['Album', '7']]) }))
    expect(grant.method).toBe('PUT')
    expect(grant.headers).toEqual({
      'content-type': 'image/jpeg',
      'if-none-match': '*',
      'x-amz-meta-album': '7',
      'x-amz-meta-signet': 'st1.abc',
    })
  })

  it('signs all of them, with host and content-length', async () => {
    const grant = await signPut(presigner, wantedPut())
    expect(rawQuery(grant.url.reveal(), 'X-Amz-SignedHeaders')).toBe(
      'content-length%3Bcontent-type%3Bhost%3Bif-none-match%3Bx-amz-meta-signet',
    )
    expect(accepts(grant, '5')).toBe(true)
    expect(accepts(grant, '6')).toBe(false)
  })

  it.each(['content-type', 'if-none-match', 'x-amz-meta-signet', 'x-amz-meta-album'])(
    'binds %s: changed or left out, the signature is wrong',
    async (name) => {
      const grant = await signPut(presigner, wantedPut({ metadata: new Map([['album', '7']]) }))
      const { [name]: _, ...without } = grant.headers
      expect(accepts(grant, '5')).toBe(true)
      expect(accepts({ ...grant, headers: without }, '5')).toBe(false)
      expect(accepts({ ...grant, headers: { ...grant.headers, [name]: 'x' } }, '5')).toBe(false)
    },
  )

  it('carries no checksum unless a SHA-256 was given (U08)', async () => {
    const { url, headers } = await signPut(presigner, wantedPut())
    expect(url.reveal().toLowerCase()).not.toMatch(/checksum|content-sha256|sdk/)
    expect(Object.keys(headers).join()).not.toMatch(/checksum|content-sha256|sdk/)
  })

  it('binds a SHA-256 by the checksum header where the store keeps it', async () => {
    const wanted = wantedPut({ sha256: OF_HELLO.toString('base64') })
    const grant = await signPut(presigner, wanted)
    expect(grant.headers['x-amz-checksum-sha256']).toBe(OF_HELLO.toString('base64'))
    expect(grant.headers['x-amz-content-sha256']).toBeUndefined()
    expect(accepts(grant, '5')).toBe(true)
  })

  it('binds it by the payload hash where the store keeps only that', async () => {
    const place = placeOf('k', { store: storeWith({ checksumSha256: 'no' }) })
    const wanted = wantedPut({ place, sha256: OF_HELLO.toString('base64') })
    const grant = await signPut(presigner, wanted)
    expect(grant.headers['x-amz-content-sha256']).toBe(OF_HELLO.toString('hex'))
    expect(grant.headers['x-amz-checksum-sha256']).toBeUndefined()
    expect(accepts(grant, '5')).toBe(true)
  })

  it('422: a SHA-256 that the store would not keep', async () => {
    const store = storeWith({ checksumSha256: 'probe', payloadHash: 'no' })
    const wanted = wantedPut({
      place: placeOf('k', { store }),
      sha256: OF_HELLO.toString('base64'),
    })
    await expect(signPut(presigner, wanted)).rejects.toMatchObject({
      code: 'UnsupportedByStore',
      details: { capability: 'checksum' },
    })
  })

  it('pins the headers that the store allows to be pinned', async () => {
    const store = storeWith({ fixedHeaders: { 'x-amz-acl': 'private' } })
    const grant = await signPut(presigner, wantedPut({ place: placeOf('k', { store }) }))
    expect(grant.headers['x-amz-acl']).toBe('private')
    expect(
      accepts({ ...grant, headers: { ...grant.headers, 'x-amz-acl': 'public-read' } }, '5'),
    ).toBe(false)
  })

  it('never lets a pinned header stand for what the upload is bound to', async () => {
    const fixedHeaders = {
      'content-length': '9',
      'content-type': 'text/html',
      'if-none-match': 'x',
      'x-amz-meta-signet': 'forged',
    }
    const place = placeOf('k', { store: storeWith({ fixedHeaders }) })
    const grant = await signPut(presigner, wantedPut({ place }))
    expect(grant.headers).toEqual((await signPut(presigner, wantedPut())).headers)
    expect(accepts(grant, '5')).toBe(true)
  })

  it('carries the condition of an overwrite as it is given', async () => {
    const grant = await signPut(presigner, wantedPut({ writeOnce: false, ifMatch: '"abc"' }))
    expect(grant.headers['if-match']).toBe('"abc"')
    expect(grant.headers['if-none-match']).toBeUndefined()
  })

  it('is dated back, and ends when it was asked to, cut to whole seconds', async () => {
    const wanted = wantedPut({
      nowMs: EXAMPLE_DATE_MS + 999,
      expiresAtMs: EXAMPLE_DATE_MS + 300_999,
    })
    const { url, expiresAtMs } = await signPut(presigner, wanted)
    expect(rawQuery(url.reveal(), 'X-Amz-Date')).toBe('20130523T235930Z')
    expect(rawQuery(url.reveal(), 'X-Amz-Expires')).toBe('330')
    expect(rawQuery(url.reveal(), 'X-Amz-Credential')).toContain('%2F20130523%2F')
    expect(expiresAtMs).toBe(EXAMPLE_DATE_MS + 300_000)
  })

  it('can live for one second, and 500 for less', async () => {
    const one = await signPut(presigner, wantedPut({ expiresAtMs: EXAMPLE_DATE_MS + 1000 }))
    expect(rawQuery(one.url.reveal(), 'X-Amz-Expires')).toBe('31')
    const less = signPut(presigner, wantedPut({ expiresAtMs: EXAMPLE_DATE_MS + 999 }))
    await expect(less).rejects.toMatchObject({ code: 'InternalError' })
    const odd = signPut(presigner, wantedPut({ expiresAtMs: Number.NaN }))
    await expect(odd).rejects.toMatchObject({ code: 'InternalError' })
  })

  it('can live for as long as the store allows, dating back included, and 422 for a second more', async () => {
    const most = EXAMPLE_DATE_MS + (604_800 - 30) * 1000
    const url = (await signPut(presigner, wantedPut({ expiresAtMs: most }))).url.reveal()
    expect(rawQuery(url, 'X-Amz-Expires')).toBe('604800')
    await expect(signPut(presigner, wantedPut({ expiresAtMs: most + 1000 }))).rejects.toMatchObject(
      { details: { capability: 'maxExpires' } },
    )
  })

  it('is for the public endpoint, below the prefix of the placement, by the write credential', async () => {
    const write = { accessKeyId: 'WRITE', secretAccessKey: new Secret('w') }
    const base = exampleStore()
    const store = exampleStore({
      endpoint: 'http://ceph:7480',
      publicEndpoint: 'https://S3.Example.Org:443',
      credentials: { ...base.credentials, write },
    })
    const place = placeOf('cat.jpg', { store, bucket: 'media', prefix: 'eu/' })
    const url = (await signPut(presigner, wantedPut({ place }))).url.reveal()
    expect(url.startsWith('https://s3.example.org/media/eu/cat.jpg?')).toBe(true)
    expect(rawQuery(url, 'X-Amz-Credential')).toMatch(/^WRITE%2F/)
  })

  it.each([
    ['signet', 'forged'],
    ['SIGNET', 'forged'],
    ['a b', 'x'],
    ['album', 'x\r\nx-amz-acl: public-read'],
  ])('400: metadata %j: %j', async (name, value) => {
    const wanted = wantedPut({ metadata: new Map([[name, value]]) })
    await expect(signPut(presigner, wanted)).rejects.toMatchObject({ code: 'InvalidRequest' })
  })

  it('400: one metadata name in two spellings', async () => {
    const metadata = new Map([
      ['album', '7'],
      ['Album', '8'],
    ])
    await expect(signPut(presigner, wantedPut({ metadata }))).rejects.toMatchObject({
      code: 'InvalidRequest',
    })
  })

  it('500: nothing is handed out when the presigner returns something else (K23)', async () => {
    const bad = {
      ...presigner,
      presign: async () => new SignedUrl('https://s3.example.test/bkt/other?x=1'),
    }
    const error = await signPut(bad, wantedPut()).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: 'InternalError' })
    expect(String(error)).not.toContain('other')
  })
})

/** What a store says that keeps to AWS's documents. */
function accepts(
  { url, headers }: { url: SignedUrl; headers: Readonly<Record<string, string>> },
  contentLength: string,
): boolean {
  const { host, href } = new URL(url.reveal())
  return isRightlySigned(
    {
      method: 'PUT',
      target: href.slice(href.indexOf('/', 'https://'.length)),
      headers: { host, 'content-length': contentLength, ...headers },
    },
    'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  )
}
