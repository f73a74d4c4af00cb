import { afterEach, describe, expect, it } from 'vitest'
import { configText, problemsOf } from '../config/config-fixture.ts'
import { CAPABLE_STORE } from '../support/test-config.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const INVALID = { status: 400, code: 'InvalidRequest' } as const
const UNSUPPORTED = { status: 422, code: 'UnsupportedByStore' } as const
const DENIED = { status: 403, code: 'AccessDenied' } as const

let gateway: WatchedGateway
afterEach(() => gateway.close())

const create = (body: unknown) => gateway.call('POST', '/v1/uploads', body)
const refuse = (body: unknown, refusal: Parameters<WatchedGateway['refuse']>[3]) =>
  gateway.refuse('POST', '/v1/uploads', body, refusal)

/** A store of which one capability is something else. */
function storeWith(capability: Readonly<Record<string, unknown>>) {
  return { capabilities: { ...CAPABLE_STORE.capabilities, ...capability } }
}

describe('sizes', () => {
  it('U03 422: a store that was not seen to keep the length, before anything is signed', async () => {
    for (const signedLength of ['no', 'probe']) {
      gateway = await openWatchedGateway({ store: storeWith({ signedLength }) })
      const problem = await refuse(uploadBody(), UNSUPPORTED)
      expect(problem.capability).toBe('signedLength')
      await gateway.close()
    }
    gateway = await openWatchedGateway()
    expect((await create(uploadBody())).status).toBe(201)
  })

  it('U04 400: sizes that are no amount', async () => {
    gateway = await openWatchedGateway()
    const text = JSON.stringify(uploadBody())
    for (const size of [
      '-1',
      '1.5',
      '"10"',
      '9007199254740993',
      '1125899906842625',
      '1e400',
      '-1e400',
      'null',
      'true',
      '[1]',
      '""',
    ]) {
      const problem = await refuse(text.replace(':1000', `:${size}`), INVALID)
      expect(problem.fields).toMatchObject([{ path: 'sizeBytes' }])
    }
    for (const invalid of ['NaN', 'Infinity', '0x10', '01', '1_000', '.5', '+1', '']) {
      await refuse(text.replace(':1000', `:${invalid}`), INVALID)
    }
    const missing = await refuse(text.replace('"sizeBytes":1000,', ''), INVALID)
    expect(missing.fields).toMatchObject([{ path: 'sizeBytes' }])
  })

  it('U04 400: both sizes, or maxSizeBytes outside mode "post"', async () => {
    gateway = await openWatchedGateway()
    for (const members of [
      { maxSizeBytes: 1_000 },
      { maxSizeBytes: 1_000, mode: 'post' },
      { maxSizeBytes: 1_000, sizeBytes: undefined },
      { maxSizeBytes: 1_000, sizeBytes: undefined, mode: 'put' },
      { maxSizeBytes: 1_000, sizeBytes: undefined, mode: 'multipart' },
      { maxSizeBytes: -1, sizeBytes: undefined, mode: 'post' },
      { sizeBytes: undefined, mode: 'post' },
    ]) {
      await refuse(uploadBody(members), INVALID)
    }
  })

  it("U04 413: one byte above the bucket's maximum; 201 at it", async () => {
    gateway = await openWatchedGateway({ bucket: { upload: { maxSizeBytes: 5_000 } } })
    expect((await create(uploadBody({ sizeBytes: 5_000 }))).status).toBe(201)
    const tooLarge = { status: 413, code: 'EntityTooLarge' } as const
    await refuse(uploadBody({ sizeBytes: 5_001 }), tooLarge)
    await refuse(uploadBody({ sizeBytes: 2 ** 50 }), tooLarge)
  })

  it('U04 201: 0, -0 and 1e3 are numbers like others', async () => {
    gateway = await openWatchedGateway()
    const text = JSON.stringify(uploadBody())
    for (const [size, sizeBytes] of [
      ['0', 0],
      ['1e3', 1_000],
      ['1000.0', 1_000],
      ['1', 1],
    ] as const) {
      const created = await create(text.replace(':1000', `:${size}`))
      expect(created.status).toBe(201)
      expect((await created.json()).sizeBytes).toBe(sizeBytes)
    }
  })
})

describe('write-once', () => {
  it('U05 422: demanded of a store that was not seen to keep it', async () => {
    const bucket = { upload: { writeOnce: true } }
    gateway = await openWatchedGateway({ bucket, store: storeWith({ writeOnce: 'probe' }) })
    const problem = await refuse(uploadBody(), UNSUPPORTED)
    expect(problem.capability).toBe('writeOnce')
    await gateway.close()
    gateway = await openWatchedGateway({ bucket })
    const created = await create(uploadBody())
    expect(await created.json()).toMatchObject({
      guarantees: { writeOnce: true },
      request: { headers: { 'if-none-match': '*' } },
    })
  })

  it.each(['ignored', 'refused'])(
    'U05 start refused: demanded where it is %s',
    async (writeOnce) => {
      gateway = await openWatchedGateway()
      const demanded = {
        'buckets.media.upload.writeOnce': true,
        'stores.main.capabilities': { writeOnce, writeOnceMultipart: 'no' },
      }
      expect(await problemsOf(configText(demanded))).toEqual([
        `buckets.media.upload.writeOnce: cannot be kept by store "main": the condition is ${writeOnce}`,
      ])
      const { 'stores.main.capabilities': _, ...kept } = demanded
      expect(await problemsOf(configText(kept))).toEqual([])
    },
  )

  it.each(['ignored', 'refused', 'probe'])(
    'U05 201: not promised where it is %s',
    async (writeOnce) => {
      gateway = await openWatchedGateway({ store: storeWith({ writeOnce }) })
      const created = await (await create(uploadBody())).json()
      expect(created.guarantees.writeOnce).toBe(false)
      expect(Object.keys(created.request.headers)).not.toContain('if-none-match')
    },
  )
})

describe('metadata', () => {
  it('U06 400: values and names that are no header, too many, too long', async () => {
    gateway = await openWatchedGateway()
    const many = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, index) => [`n${index}`, 'v']))
    for (const metadata of [
      { a: 'x\r\nx-amz-acl: public-read' },
      { a: 'x\n' },
      { a: 'x\0' },
      { a: '\u20ac' },
      { a: 'caf\u00e9' },
      { a: ' x' },
      { a: 'x ' },
      { a: 'x  y' },
      { a: '\tx' },
      { a: '' },
      { a: 'x'.repeat(3_072) },
      { a: 7 },
      { a: null },
      { a: ['x'] },
      { '': 'x' },
      { 'a b': 'x' },
      { 'a:b': 'x' },
      { 'a\r\n': 'x' },
      { '\u20ac': 'x' },
      { signet: 'x' },
      { 'x-amz-acl': 'x' },
      { ['n'.repeat(65)]: 'x' },
      many(200),
      many(51),
      ['x'],
      'x',
      null,
    ]) {
      const problem = await refuse(uploadBody({ metadata }), INVALID)
      const [first] = problem.fields as { path: string }[]
      expect(first?.path).toMatch(/^metadata/)
    }
    expect((await create(uploadBody({ metadata: many(50) }))).status).toBe(201)
  })

  it('U06 400: "__proto__" and its like are no names', async () => {
    gateway = await openWatchedGateway()
    const text = JSON.stringify(uploadBody())
    const withMetadata = (json: string) => text.replace('}', `,"metadata":${json}}`)
    await refuse(withMetadata('{"__proto__":"x"}'), INVALID)
    await refuse(withMetadata('{"__proto__":{"a":"x"}}'), INVALID)
    const created = await create(withMetadata('{"constructor":"x","hasownproperty":"y"}'))
    expect(created.status).toBe(201)
    expect((await created.json()).request.headers).toMatchObject({
      'x-amz-meta-constructor': 'x',
      'x-amz-meta-hasownproperty': 'y',
    })
  })

  it('U06 400: one byte above 2 KiB with the ticket; 201 at the limit, and all of it signed', async () => {
    gateway = await openWatchedGateway()
    // 2,048 less the 1,030 that the ticket may take.
    const metadata = (bytes: number) => ({ a: 'x'.repeat(bytes - 1) })
    const created = await create(uploadBody({ metadata: metadata(1_018) }))
    expect(created.status).toBe(201)
    const { url, headers } = (await created.json()).request
    const names = new URL(url).searchParams.get('X-Amz-SignedHeaders')?.split(';') ?? []
    expect(names).toContain('x-amz-meta-a')
    const sent = Object.entries(headers as Record<string, string>)
      .filter(([name]) => name.startsWith('x-amz-meta-'))
      .reduce((sum, [name, value]) => sum + name.length - 'x-amz-meta-'.length + value.length, 0)
    expect(sent).toBeLessThanOrEqual(2_048)
    await refuse(uploadBody({ metadata: metadata(1_019) }), INVALID)
  })
})

describe('forms of upload that a store does not have', () => {
  it('U12 422: mode "post" and "multipart", by name; never another form instead', async () => {
    gateway = await openWatchedGateway()
    const post = { mode: 'post', maxSizeBytes: 1_000, sizeBytes: undefined }
    expect((await refuse(uploadBody(post), UNSUPPORTED)).capability).toBe('postPolicy')
    const exact = await refuse(uploadBody({ mode: 'post' }), UNSUPPORTED)
    expect(exact.capability).toBe('postPolicy')
    const multipart = uploadBody({ mode: 'multipart', sizeBytes: 1 })
    expect((await refuse(multipart, UNSUPPORTED)).capability).toBe('multipart')
    await refuse(uploadBody({ mode: 'copy' }), INVALID)
    for (const mode of ['auto', 'put']) {
      const created = await create(uploadBody({ mode }))
      expect((await created.json()).request.method).toBe('PUT')
    }
  })

  it('U12 403: overwrite without the permission, and 201 without overwrite', async () => {
    gateway = await openWatchedGateway()
    await refuse(uploadBody({ overwrite: true }), DENIED)
    await refuse(uploadBody({ overwrite: true, key: 'acme/bob/x' }), DENIED)
    await refuse(uploadBody({ overwrite: 'true' }), INVALID)
    const created = await create(uploadBody({ overwrite: false }))
    expect(created.status).toBe(201)
    expect((await created.json()).request.headers['if-none-match']).toBe('*')
  })

  it('U12 422: a checksum that the store would not look at; 400 for one that is none', async () => {
    gateway = await openWatchedGateway({ store: storeWith({ checksumSha256: 'no' }) })
    const sha256 = `${'A'.repeat(43)}=`
    expect((await refuse(uploadBody({ sha256 }), UNSUPPORTED)).capability).toBe('checksum')
    await refuse(uploadBody({ sha256: 'A'.repeat(44) }), INVALID)
    await refuse(uploadBody({ sha256: `${'A'.repeat(42)}=` }), INVALID)
  })
})
