import { afterEach, describe, expect, it } from 'vitest'
import { ACCEPTED_KEYS, REFUSED_KEYS } from '../stores/key-table.ts'
import {
  type GrantView,
  queryNames,
  rawPath,
  received,
  SIGNATURE_NAMES,
} from '../support/grants.ts'
import { isRightlySigned } from '../support/sigv4-verifier.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import { type TestGatewayOptions, uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const INVALID_KEY = { status: 400, code: 'InvalidKey' } as const
const DENIED = { status: 403, code: 'AccessDenied' } as const

/** A bucket in which alice may use every key that there is. */
const WHOLE: TestGatewayOptions = {
  bucket: { keys: { callerPrefix: '', wholeBucket: true } },
  allow: { 'acme/alice': [{ prefix: '', wholeBucket: true }] },
}

let gateway: WatchedGateway
afterEach(() => gateway.close())

/** Refused as a key of an upload, of its dry run, of a download and as one of many downloads. */
async function expectRefusedEverywhere(key: string, refusal: typeof INVALID_KEY | typeof DENIED) {
  const download = { bucket: 'media', key }
  const fine = { bucket: 'media', key: 'acme/alice/fine' }
  await gateway.refuse('POST', '/v1/uploads', uploadBody({ key }), refusal)
  await gateway.refuse('POST', '/v1/uploads?dryRun=true', uploadBody({ key }), refusal)
  await gateway.refuse('POST', '/v1/downloads', download, refusal)
  await gateway.refuse('POST', '/v1/downloads', { items: [fine, download] }, refusal)
}

interface Signed {
  readonly key: string
  readonly request: GrantView
}

/** Uploads and downloads the key, and holds both grants to it. */
async function expectSignedAsItIs(key: string): Promise<{ upload: Signed; download: Signed }> {
  const answers = [
    await gateway.call('POST', '/v1/uploads', uploadBody({ key })),
    await gateway.call('POST', '/v1/downloads', { bucket: 'media', key }),
  ]
  expect([key, ...answers.map(({ status }) => status)]).toEqual([key, 201, 200])
  const [upload, download] = (await Promise.all(answers.map((each) => each.json()))) as [
    Signed,
    Signed,
  ]
  expect(upload.key).toBe(key)
  for (const { request } of [upload, download]) {
    const segments = rawPath(request).split('/').slice(2)
    expect(segments.map(decodeURIComponent).join('/')).toBe(key)
    // What a client sends after its own parser is what was signed.
    expect(new URL(request.url).pathname).toBe(rawPath(request))
    expect(new URL(request.url).hash).toBe('')
    const size = request.method === 'PUT' ? 1_000 : undefined
    const { secretAccessKey } = CAPABLE_STORE.credentials
    expect(isRightlySigned(received(request, size), secretAccessKey)).toBe(true)
  }
  expect(queryNames(upload.request)).toEqual(SIGNATURE_NAMES)
  expect(queryNames(download.request)).toEqual([...SIGNATURE_NAMES, 'response-content-disposition'])
  return { upload, download }
}

describe('keys that name something else for somebody', () => {
  it('K01 400 InvalidKey: a path that climbs out of the permitted prefix', async () => {
    const allow = { 'acme/alice': [{ prefix: 'users/42/' }] }
    gateway = await openWatchedGateway({ ...WHOLE, allow })
    await expectRefusedEverywhere('users/42/../43/secret', INVALID_KEY)
    await expectSignedAsItIs('users/42/..43/secret')
  })

  it('K02 201: percent signs are literal and never decoded again', async () => {
    gateway = await openWatchedGateway(WHOLE)
    for (const [key, wire] of [
      ['%2e%2e/other', '%252e%252e/other'],
      ['a/%2E%2e/b', 'a/%252E%252e/b'],
      ['a%2Fb', 'a%252Fb'],
    ] as const) {
      const { upload, download } = await expectSignedAsItIs(key)
      expect(rawPath(upload.request)).toBe(`/media-prod/${wire}`)
      expect(rawPath(download.request)).toBe(`/media-prod/${wire}`)
    }
  })

  it('K03 400 InvalidKey: dot segments anywhere; dots that are names are kept', async () => {
    gateway = await openWatchedGateway(WHOLE)
    for (const key of ['../other/obj', '..', '.', './x', 'a/./b', 'a/..', 'a/.', '../']) {
      await expectRefusedEverywhere(key, INVALID_KEY)
    }
    for (const key of ['...', '.x', 'a/..b', 'a./b', 'a/...']) await expectSignedAsItIs(key)
  })

  it('K04 400 InvalidKey: no key, or one that starts with a slash', async () => {
    gateway = await openWatchedGateway(WHOLE)
    for (const key of ['', '/', '//', '/x']) await expectRefusedEverywhere(key, INVALID_KEY)
  })

  it('K04 201: doubled and trailing slashes are kept; 422 where a store would lose them', async () => {
    gateway = await openWatchedGateway(WHOLE)
    for (const key of ['a//b', 'a/']) await expectSignedAsItIs(key)
    await gateway.close()
    const capabilities = { ...CAPABLE_STORE.capabilities, brokenKeys: ['//'] }
    gateway = await openWatchedGateway({ ...WHOLE, store: { capabilities } })
    const unsupported = { status: 422, code: 'UnsupportedByStore' } as const
    const wanted = uploadBody({ key: 'a//b' })
    const problem = await gateway.refuse('POST', '/v1/uploads', wanted, unsupported)
    expect(problem.capability).toBe('keys')
    const download = { bucket: 'media', key: 'a//b' }
    await gateway.refuse('POST', '/v1/downloads', download, unsupported)
    await expectSignedAsItIs('a/b')
  })

  it('K05 201: a key that looks like a subresource is a name, with %3F on the wire', async () => {
    gateway = await openWatchedGateway(WHOLE)
    for (const key of ['?policy', 'x?acl', '?uploads', 'x?versionId=1']) {
      const { upload } = await expectSignedAsItIs(key)
      expect(rawPath(upload.request)).toContain('%3F')
    }
  })

  it('K06 201: a key cannot reach the query; the expiry stays as it was', async () => {
    gateway = await openWatchedGateway(WHOLE)
    for (const key of ['x?X-Amz-Expires=604800', 'a#b', 'a&b=c', 'a&X-Amz-Expires=604800']) {
      const { upload, download } = await expectSignedAsItIs(key)
      for (const { request } of [upload, download]) {
        const { searchParams } = new URL(request.url)
        // 300 s, and the 30 s by which signatures are dated back.
        expect(searchParams.getAll('X-Amz-Expires')).toEqual(['330'])
      }
    }
  })

  it('K07 400 InvalidKey: backslashes, which parsers turn into slashes (CVE-2023-28433)', async () => {
    gateway = await openWatchedGateway(WHOLE)
    for (const key of ['..\\x', 'a\\..\\b', 'a\\b', '\\']) {
      await expectRefusedEverywhere(key, INVALID_KEY)
    }
  })

  it('K08 400 InvalidKey: control characters, and the log stays one line an event', async () => {
    gateway = await openWatchedGateway(WHOLE)
    for (const control of ['\r', '\n', '\t', '\0', '\x7f', '\x1f', '\r\n{"level":"forged"}']) {
      for (const key of [`a${control}b`, control, `b${control}`]) {
        await expectRefusedEverywhere(key, INVALID_KEY)
      }
    }
    for (const line of gateway.log) {
      expect(line).toMatch(/^[^\r\n]+\n$/)
      expect(JSON.parse(line)).not.toMatchObject({ level: 'forged' })
    }
    expect(JSON.stringify(gateway.audited)).not.toContain('forged')
    await expectSignedAsItIs('a b~')
  })

  it('K09 400 InvalidKey: a lone surrogate; 201 for a pair', async () => {
    gateway = await openWatchedGateway(WHOLE)
    for (const key of ['\ud800', 'a\udc00b', '\udc00\ud800']) {
      await expectRefusedEverywhere(key, INVALID_KEY)
    }
    await expectSignedAsItIs('\ud800\udc00')
  })

  it('K09 400: a lone surrogate in any other text of a request is no 500', async () => {
    const operations = ['upload', 'download', 'versions']
    gateway = await openWatchedGateway({
      allow: { 'acme/alice': [{ operations }] },
    })
    const bad = { status: 400, code: 'InvalidRequest' } as const
    const lone = 'a\ud800'
    for (const members of [{ filename: lone }, { contentType: lone }, { metadata: { a: lone } }]) {
      await gateway.refuse('POST', '/v1/uploads', uploadBody(members), bad)
    }
    const download = { bucket: 'media', key: 'acme/alice/cat.jpg' }
    for (const members of [{ filename: lone }, { versionId: lone }]) {
      await gateway.refuse('POST', '/v1/downloads', { ...download, ...members }, bad)
    }
  })

  it('K10 201: every other character is signed as it is, for any parser', async () => {
    gateway = await openWatchedGateway(WHOLE)
    for (const key of ACCEPTED_KEYS) await expectSignedAsItIs(key)
  })

  it('K10 400 InvalidKey: the whole table of what is no key, on every way in', async () => {
    gateway = await openWatchedGateway(WHOLE)
    for (const [key] of REFUSED_KEYS) await expectRefusedEverywhere(key, INVALID_KEY)
  })
})

describe('keys that only look alike', () => {
  it('K11 403: a permission in one Unicode form does not cover the other; both keep bytes', async () => {
    const [nfc, nfd] = ['caf\u00e9/', 'cafe\u0301/']
    gateway = await openWatchedGateway({ ...WHOLE, allow: { 'acme/alice': [{ prefix: nfc }] } })
    const { upload } = await expectSignedAsItIs(`${nfc}x`)
    expect(rawPath(upload.request)).toContain('caf%C3%A9/x')
    await expectRefusedEverywhere(`${nfd}x`, DENIED)
    await gateway.close()
    gateway = await openWatchedGateway({ ...WHOLE, allow: { 'acme/alice': [{ prefix: nfd }] } })
    const other = await expectSignedAsItIs(`${nfd}x`)
    expect(rawPath(other.upload.request)).toContain('cafe%CC%81/x')
    await expectRefusedEverywhere(`${nfc}x`, DENIED)
  })

  it('K12 201: bidi, zero-width and homoglyph characters of a key are kept', async () => {
    gateway = await openWatchedGateway(WHOLE)
    for (const key of ['gpj.\u202eexe', 'a\u200bb', 'p\u0430ypal', '\ufeffx', 'a\u2066b']) {
      await expectSignedAsItIs(key)
    }
    await expectRefusedEverywhere('\u202e/../x', INVALID_KEY)
  })

  it.each(['202E', '2066', '2069', '061C', '200F'])(
    'K12 400: a filename with the bidi control U+%s, whether or not the bucket uses it',
    async (code) => {
      const bidi = String.fromCodePoint(Number.parseInt(code, 16))
      const bad = { status: 400, code: 'InvalidRequest' } as const
      const filename = `gpj.${bidi}exe`
      gateway = await openWatchedGateway({
        buckets: {
          named: {
            placements: [{ store: 'main', bucket: 'named-prod' }],
            keys: { template: '{tenant}/{user}/{uuid}-{filename}' },
          },
        },
      })
      const { key: _, ...unnamed } = uploadBody({ bucket: 'named', filename })
      await gateway.refuse('POST', '/v1/uploads', unnamed, bad)
      const problem = await gateway.refuse('POST', '/v1/uploads', uploadBody({ filename }), bad)
      expect(problem.fields).toMatchObject([{ path: 'filename' }])
      const download = { bucket: 'media', key: 'acme/alice/x', filename }
      await gateway.refuse('POST', '/v1/downloads', download, bad)
      const allowed = { ...unnamed, filename: 'p\u0430y\u200bpal.jpg' }
      const response = await gateway.call('POST', '/v1/uploads', allowed)
      expect(response.status).toBe(201)
      expect((await response.json()).key).toMatch(/-p\u0430y\u200bpal\.jpg$/)
    },
  )
})

describe('the length of a key', () => {
  it('K13 400 InvalidKey: 1,025 bytes in 600 characters; 201 for 1,024', async () => {
    gateway = await openWatchedGateway(WHOLE)
    const longest = '\u00e9'.repeat(425) + 'a'.repeat(174)
    expect(new TextEncoder().encode(longest)).toHaveLength(1_024)
    await expectSignedAsItIs(longest)
    await expectRefusedEverywhere(`${longest}a`, INVALID_KEY)
    await expectRefusedEverywhere('a'.repeat(1_025), INVALID_KEY)
    await expectSignedAsItIs('a'.repeat(1_024))
  })

  it("K13 400 InvalidKey: the template's result is measured, not the caller's part", async () => {
    gateway = await openWatchedGateway({ bucket: { keys: { template: '{tenant}/{user}/{key}' } } })
    const wanted = (bytes: number) => uploadBody({ key: 'a'.repeat(bytes) })
    const room = 1_024 - 'acme/alice/'.length
    expect((await gateway.call('POST', '/v1/uploads', wanted(room))).status).toBe(201)
    await gateway.refuse('POST', '/v1/uploads', wanted(room + 1), INVALID_KEY)
  })

  it("K13 400 InvalidKey: the placement's prefix counts as well", async () => {
    const placements = [{ store: 'main', bucket: 'media-prod', prefix: 'eu/' }]
    gateway = await openWatchedGateway({ ...WHOLE, bucket: { ...WHOLE.bucket, placements } })
    const wanted = (bytes: number) => uploadBody({ key: 'a'.repeat(bytes) })
    expect((await gateway.call('POST', '/v1/uploads', wanted(1_021))).status).toBe(201)
    await expectRefusedEverywhere('a'.repeat(1_022), INVALID_KEY)
  })
})
