import { afterEach, describe, expect, it } from 'vitest'
import { CAPABLE_STORE } from '../support/test-config.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

const INVALID = { status: 400, code: 'InvalidRequest' } as const
const DENIED = { status: 403, code: 'AccessDenied' } as const
const UNSUPPORTED = { status: 422, code: 'UnsupportedByStore' } as const

type Members = Readonly<Record<string, unknown>>

let gateway: WatchedGateway
afterEach(() => gateway.close())

interface Setup {
  readonly upload?: Members
  readonly download?: Members
  readonly capabilities?: Members
}

async function open({ upload = {}, download = {}, capabilities = {} }: Setup = {}): Promise<void> {
  gateway = await openWatchedGateway({
    store: {
      capabilities: {
        ...CAPABLE_STORE.capabilities,
        postPolicy: 'yes',
        multipart: 'yes',
        tagging: 'yes',
        multipartTagging: 'yes',
        formHeaders: 'yes',
        encryption: 'yes',
        ...capabilities,
      },
    },
    bucket: { upload, download },
  })
}

/** Refused for a PUT, a form, an upload of parts, a dry run of each, and as the last of a batch. */
async function refused(members: Members, refusal: Parameters<WatchedGateway['refuse']>[3]) {
  let last: Record<string, unknown> = {}
  for (const mode of ['put', 'post', 'multipart']) {
    const wanted = uploadBody({ mode, ...members })
    last = await gateway.refuse('POST', '/v1/uploads', wanted, refusal)
    await gateway.refuse('POST', '/v1/uploads?dryRun=true', wanted, refusal)
    if (mode === 'multipart') continue
    const items = [uploadBody({ key: 'acme/alice/fine' }), wanted]
    await gateway.refuse('POST', '/v1/uploads/batch', { items }, refusal)
  }
  return last
}

interface Taken {
  readonly headers: Readonly<Record<string, string>>
  readonly signed: readonly string[]
  readonly fields: Readonly<Record<string, string>>
}

/** What a PUT signs and sends, and what a form pins. */
async function taken(members: Members): Promise<Taken> {
  const ask = async (mode: string) => {
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody({ mode, ...members }))
    expect([members, answer.status]).toEqual([members, 201])
    return answer.json()
  }
  const { url, headers } = (await ask('put')).request
  const { fields } = (await ask('post')).form
  const policy = Buffer.from(fields.policy, 'base64').toString()
  for (const [name, value] of Object.entries(fields as Record<string, string>)) {
    if (name === 'policy' || name === 'x-amz-signature') continue
    expect(policy).toContain(JSON.stringify(value))
    expect(policy).toContain(name)
  }
  const signed = new URL(url).searchParams.get('X-Amz-SignedHeaders')?.split(';') ?? []
  expect(signed).toEqual(expect.arrayContaining(Object.keys(headers)))
  return { headers, signed, fields }
}

const tags = (count: number) =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`t${index}`, 'v']))
const tagKeys = [...Object.keys(tags(11)), 'k'.repeat(128), 'a', 'caf\u00e9']

describe('tags', () => {
  it('400: more than ten, too long, empty or no text; 201 at each edge', async () => {
    await open({ upload: { tagKeys } })
    for (const wrong of [
      tags(11),
      { ['k'.repeat(129)]: 'v' },
      { a: 'v'.repeat(257) },
      { '': 'v' },
      { a: '\ud800' },
      { '\ud800': 'v' },
      { a: '<&>' },
      { a: 'x\n' },
      { 'a;b': 'v' },
      { a: 7 },
      { a: null },
      ['a'],
      'a=b',
    ]) {
      await refused({ tags: wrong }, INVALID)
    }
    for (const right of [
      tags(10),
      { ['k'.repeat(128)]: 'v' },
      { a: 'v'.repeat(256) },
      { a: '' },
      { a: 'x +-=._:/@' },
      { 'caf\u00e9': '\u00fc' },
    ]) {
      const { headers, fields } = await taken({ tags: right })
      const pairs = Object.entries(right)
        .map((pair) => pair.map(encodeURIComponent).join('='))
        .join('&')
      expect(decodeURIComponent(headers['x-amz-tagging'] ?? '')).toBe(decodeURIComponent(pairs))
      expect(fields.tagging?.match(/<Tag>/g)).toHaveLength(Object.keys(right).length)
    }
  })

  it('403: a key that the bucket does not offer; none at all is signed as none', async () => {
    await open({ upload: { tagKeys: ['team'] } })
    await refused({ tags: { other: 'v' } }, DENIED)
    await refused({ tags: { team: 'v', Team: 'v' } }, DENIED)
    for (const none of [{}, undefined]) {
      const { headers, fields } = await taken({ tags: none })
      expect(headers['x-amz-tagging'] ?? fields.tagging).toBeUndefined()
    }
    await gateway.close()
    await open()
    await refused({ tags: { team: 'v' } }, DENIED)
  })

  it('422: where nobody has seen tags kept; without tags 201; a known lack stops the start', async () => {
    await open()
    const rules = { upload: { tagKeys: ['team'] } }
    await expect(open({ ...rules, capabilities: { tagging: 'no' } })).rejects.toThrow('no tags')
    await gateway.close()
    await open({ ...rules, capabilities: { tagging: 'probe' } })
    const problem = await refused({ tags: { team: 'v' } }, UNSUPPORTED)
    expect(problem.capability).toBe('tagging')
    await taken({})
  })
})

describe('encryption', () => {
  const SSE = 'x-amz-server-side-encryption'

  it('201: signed as asked, where the bucket allows it; 403 where it does not; 400 for no algorithm', async () => {
    await open({ upload: { encryption: { allowed: ['AES256'] } } })
    const { headers, fields } = await taken({ encryption: 'AES256' })
    expect([headers[SSE], fields[SSE]]).toEqual(['AES256', 'AES256'])
    const without = await taken({})
    expect([without.headers[SSE], without.fields[SSE]]).toEqual([undefined, undefined])
    await refused({ encryption: 'aws:kms' }, DENIED)
    for (const encryption of ['aes256', 'none', '', true, null])
      await refused({ encryption }, INVALID)
    await gateway.close()
    await open()
    await refused({ encryption: 'AES256' }, DENIED)
  })

  it("201: the bucket's default is signed though nobody asked, with its key; another that is allowed replaces both", async () => {
    const encryption = { default: 'aws:kms', kmsKeyId: 'key-1', allowed: ['AES256', 'aws:kms'] }
    await open({ upload: { encryption } })
    const usual = await taken({})
    for (const each of [usual.headers, usual.fields]) {
      expect(each).toMatchObject({ [SSE]: 'aws:kms', [`${SSE}-aws-kms-key-id`]: 'key-1' })
    }
    expect(usual.signed).toEqual(expect.arrayContaining([SSE, `${SSE}-aws-kms-key-id`]))
    const asked = await taken({ encryption: 'AES256' })
    for (const each of [asked.headers, asked.fields]) {
      expect(each[SSE]).toBe('AES256')
      expect(each[`${SSE}-aws-kms-key-id`]).toBeUndefined()
    }
    const batch = await gateway.call('POST', '/v1/uploads/batch', { items: [uploadBody()] })
    expect((await batch.json()).items[0].request.headers[SSE]).toBe('aws:kms')
  })

  it('422: where nobody has seen encryption kept, asked for or by default; a known lack stops the start', async () => {
    await open()
    const rules = { upload: { encryption: { allowed: ['AES256'] } } }
    const none = open({ ...rules, capabilities: { encryption: 'no' } })
    await expect(none).rejects.toThrow('no encryption header')
    await gateway.close()
    await open({ ...rules, capabilities: { encryption: 'probe' } })
    expect((await refused({ encryption: 'AES256' }, UNSUPPORTED)).capability).toBe('encryption')
    await taken({})
    await gateway.close()
    const usual = { upload: { encryption: { default: 'AES256' } } }
    await open({ ...usual, capabilities: { encryption: 'probe' } })
    expect((await refused({}, UNSUPPORTED)).capability).toBe('encryption')
  })
})

describe('what else is stored with an object', () => {
  it('201 and 403: a storage class that the bucket offers, and one that it does not', async () => {
    await open({ upload: { storageClasses: ['GLACIER_IR'] } })
    const { headers, signed, fields } = await taken({ storageClass: 'GLACIER_IR' })
    expect(headers['x-amz-storage-class']).toBe('GLACIER_IR')
    expect(signed).toContain('x-amz-storage-class')
    expect(fields['x-amz-storage-class']).toBe('GLACIER_IR')
    for (const storageClass of ['STANDARD', 'glacier_ir', 'GLACIER_IR ', 'x']) {
      await refused({ storageClass }, DENIED)
    }
    for (const storageClass of ['', 7, null, 'x'.repeat(65)])
      await refused({ storageClass }, INVALID)
  })

  it('201 and 400: Cache-Control', async () => {
    await open()
    for (const cacheControl of [
      'no-store',
      'public, max-age=31536000, immutable',
      'max-age=0,must-revalidate',
      `x-${'a'.repeat(254)}`,
    ]) {
      const { headers, signed, fields } = await taken({ cacheControl })
      expect([headers['cache-control'], fields['Cache-Control']]).toEqual([
        cacheControl,
        cacheControl,
      ])
      expect(signed).toContain('cache-control')
    }
    for (const cacheControl of [
      '',
      ' no-store',
      'no-store ',
      'no-store,,x',
      'a\r\nb: c',
      'private="x"',
      'max-age=',
      'caf\u00e9',
      `x-${'a'.repeat(255)}`,
      7,
      null,
    ]) {
      await refused({ cacheControl }, INVALID)
    }
  })

  it('201 and 400: Content-Encoding', async () => {
    await open()
    for (const contentEncoding of ['gzip', 'br, gzip', 'zstd']) {
      const { headers, fields } = await taken({ contentEncoding })
      expect([headers['content-encoding'], fields['Content-Encoding']]).toEqual([
        contentEncoding,
        contentEncoding,
      ])
    }
    for (const contentEncoding of [
      '',
      'GZIP',
      'gzip ',
      'aws-chunked',
      'aws-chunked, gzip',
      'a\nb',
      null,
    ]) {
      await refused({ contentEncoding }, INVALID)
    }
  })

  it('201 and 403: Content-Disposition with the file name; inline only where the bucket has it', async () => {
    await open()
    const { headers, fields } = await taken({
      disposition: 'attachment',
      filename: 'caf\u00e9.jpg',
    })
    const said = `attachment; filename="caf_.jpg"; filename*=UTF-8''caf%C3%A9.jpg`
    expect([headers['content-disposition'], fields['Content-Disposition']]).toEqual([said, said])
    const bare = await taken({ disposition: 'attachment' })
    expect(bare.headers['content-disposition']).toBe('attachment')
    const none = await taken({ filename: 'cat.jpg' })
    expect(none.headers['content-disposition']).toBeUndefined()
    await refused({ disposition: 'inline' }, DENIED)
    for (const disposition of ['', 'form-data', 'attachment; x', null]) {
      await refused({ disposition }, INVALID)
    }
    await gateway.close()
    await open({ upload: { contentTypes: ['image/jpeg'] }, download: { disposition: 'inline' } })
    const inline = await taken({ disposition: 'inline', filename: 'cat.jpg' })
    expect(inline.headers['content-disposition']).toBe('inline; filename="cat.jpg"')
  })

  it('no header that is signed is among those that could be added', async () => {
    await open({
      upload: { tagKeys: ['team'], storageClasses: ['X'], encryption: { allowed: ['AES256'] } },
      capabilities: { unsignedHeaders: 'accept' },
    })
    const members = {
      cacheControl: 'no-store',
      contentEncoding: 'gzip',
      disposition: 'attachment',
      storageClass: 'X',
      tags: { team: 'a' },
      encryption: 'AES256',
    }
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody(members))
    const { unpinnedHeaders } = (await answer.json()).guarantees
    expect(unpinnedHeaders).toEqual([
      'content-language',
      'expires',
      'x-amz-acl',
      'x-amz-grant-*',
      'x-amz-meta-*',
      'x-amz-object-lock-legal-hold',
      'x-amz-object-lock-mode',
      'x-amz-object-lock-retain-until-date',
      'x-amz-server-side-encryption-aws-kms-key-id',
      'x-amz-server-side-encryption-bucket-key-enabled',
      'x-amz-server-side-encryption-context',
      'x-amz-server-side-encryption-customer-*',
      'x-amz-website-redirect-location',
      'x-robots-tag',
    ])
  })
})
