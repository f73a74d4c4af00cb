import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import { createAws4fetchPresigner } from '../../src/signing/aws4fetch-presigner.ts'
import { signForm, type WantedForm } from '../../src/signing/form-grant.ts'
import { createNativePresigner } from '../../src/signing/native-presigner.ts'
import { EXAMPLE_CREDENTIAL, exampleStore, placeOf, storeWith } from '../stores/store-fixture.ts'
import { EXAMPLE_DATE_MS } from './presign-fixture.ts'

const DRIVERS = [
  ['aws4fetch', createAws4fetchPresigner()],
  ['native', createNativePresigner(nodeHashing)],
] as const
const [, [, presigner]] = DRIVERS

function wantedForm(overrides: Partial<WantedForm> = {}): WantedForm {
  return {
    place: placeOf('acme/alice/cat.jpg'),
    minBytes: 0,
    maxBytes: 50_000,
    contentType: 'image/jpeg',
    metadata: new Map(),
    ticket: 't1',
    nowMs: EXAMPLE_DATE_MS,
    expiresAtMs: EXAMPLE_DATE_MS + 300_000,
    ...overrides,
  }
}

describe.each(DRIVERS)('a form signed by %s', (_, driver) => {
  // `providers.md` V5: the text and its signature come from two other implementations.
  it('is V5, text and signature', async () => {
    const place = placeOf('acme/alice/cat.jpg', { store: storeWith({ backdateSeconds: 0 }) })
    const { url, fields, fileField } = await signForm(driver, wantedForm({ place }))
    const sent = fields.reveal()
    expect(url).toBe('https://s3.example.test/bkt')
    expect(fileField).toBe('file')
    expect(textOf(sent.policy)).toBe(
      '{"expiration":"2013-05-24T00:05:00.000Z","conditions":[{"bucket":"bkt"},["eq","$key","acme/alice/cat.jpg"],["eq","$Content-Type","image/jpeg"],["content-length-range",0,50000],{"success_action_status":"201"},{"x-amz-meta-signet":"t1"},{"x-amz-algorithm":"AWS4-HMAC-SHA256"},{"x-amz-credential":"AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"},{"x-amz-date":"20130524T000000Z"}]}',
    )
    expect(Object.entries(sent)).toEqual([
      ['key', 'acme/alice/cat.jpg'],
      ['Content-Type', 'image/jpeg'],
      ['success_action_status', '201'],
      ['x-amz-meta-signet', 't1'],
      ['x-amz-algorithm', 'AWS4-HMAC-SHA256'],
      ['x-amz-credential', 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request'],
      ['x-amz-date', '20130524T000000Z'],
      ['policy', sent.policy],
      ['x-amz-signature', '88b6cac76eac8699f255f96050330f24e15e4019f94b482cb041efe9f1f746cc'],
    ])
  })

  // AWS, "Example: browser-based upload using HTTP POST": the published text has CRLF line ends.
  it("signs AWS's own example of a policy", async () => {
    const policy = [
      '{ "expiration": "2015-12-30T12:00:00.000Z",',
      '  "conditions": [',
      '    {"bucket": "sigv4examplebucket"},',
      '    ["starts-with", "$key", "user/user1/"],',
      '    {"acl": "public-read"},',
      '    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},',
      '    ["starts-with", "$Content-Type", "image/"],',
      '    {"x-amz-meta-uuid": "14365123651274"},',
      '    {"x-amz-server-side-encryption": "AES256"},',
      '    ["starts-with", "$x-amz-meta-tag", ""],',
      '',
      '    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},',
      '    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},',
      '    {"x-amz-date": "20151229T000000Z" }',
      '  ]',
      '}',
    ].join('\r\n')
    const signature = await driver.signPolicy(Buffer.from(policy).toString('base64'), {
      credential: EXAMPLE_CREDENTIAL,
      region: 'us-east-1',
      signedAtMs: Date.UTC(2015, 11, 29),
    })
    expect(signature).toBe('8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e')
  })
})

describe('the grant of a form', () => {
  it('is dated back and ends when it was asked to, cut to whole seconds', async () => {
    const { fields, expiresAtMs } = await signForm(
      presigner,
      wantedForm({ nowMs: EXAMPLE_DATE_MS + 999, expiresAtMs: EXAMPLE_DATE_MS + 300_999 }),
    )
    const sent = fields.reveal()
    expect(expiresAtMs).toBe(EXAMPLE_DATE_MS + 300_000)
    expect(JSON.parse(textOf(sent.policy))).toMatchObject({
      expiration: '2013-05-24T00:05:00.000Z',
    })
    expect(sent['x-amz-date']).toBe('20130523T235930Z')
    expect(sent['x-amz-credential']).toContain('/20130523/')
  })

  it('422: a lifetime above the store\u2019s', async () => {
    const wanted = wantedForm({ expiresAtMs: EXAMPLE_DATE_MS + 604_800_000 })
    await expect(signForm(presigner, wanted)).rejects.toMatchObject({
      details: { capability: 'maxExpires' },
    })
  })

  it('carries everything of the object under the names that a form has for it', async () => {
    const store = storeWith({
      fixedHeaders: { 'x-amz-acl': 'private', 'x-amz-storage-class': 'STANDARD' },
    })
    const { fields } = await signForm(
      presigner,
      wantedForm({
        place: placeOf('k', { store }),
        metadata: new Map([['Album', 'caf\u00e9']]),
        bindings: {
          cacheControl: 'no-store',
          contentEncoding: 'gzip',
          contentDisposition: 'inline',
          storageClass: 'STANDARD_IA',
          encryption: { algorithm: 'AES256' },
          tags: new Map([
            ['a b', '<&>='],
            ['\u00e9', ''],
          ]),
        },
      }),
    )
    const { policy, 'x-amz-signature': _, ...sent } = fields.reveal()
    expect(sent).toMatchObject({
      acl: 'private',
      'Cache-Control': 'no-store',
      'Content-Encoding': 'gzip',
      'Content-Disposition': 'inline',
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-server-side-encryption': 'AES256',
      'x-amz-meta-album': 'caf%C3%A9',
      tagging:
        '<Tagging><TagSet><Tag><Key>a b</Key><Value>&lt;&amp;&gt;=</Value></Tag><Tag><Key>\u00e9</Key><Value></Value></Tag></TagSet></Tagging>',
    })
    const { conditions } = JSON.parse(textOf(policy))
    for (const [name, value] of Object.entries(sent)) {
      const matches = conditions.filter(
        (condition: unknown) =>
          JSON.stringify(condition) === JSON.stringify({ [name]: value }) ||
          JSON.stringify(condition) === JSON.stringify(['eq', `$${name}`, value]),
      )
      expect([name, matches.length]).toEqual([name, 1])
    }
    expect(conditions).toHaveLength(Object.keys(sent).length + 2)
  })

  it('leaves tags out where the store pins that there are none', async () => {
    const store = storeWith({ fixedHeaders: { 'x-amz-tagging': '' } })
    const { fields } = await signForm(presigner, wantedForm({ place: placeOf('k', { store }) }))
    expect(Object.keys(fields.reveal()).join()).not.toContain('tagging')
  })

  it('500: a pinned header that no form can carry', async () => {
    const store = storeWith({ fixedHeaders: { 'content-md5': 'x' } })
    const wanted = wantedForm({ place: placeOf('k', { store }) })
    await expect(signForm(presigner, wanted)).rejects.toMatchObject({ code: 'InternalError' })
  })

  it('carries the session token as a field, pinned', async () => {
    const credential = { ...EXAMPLE_CREDENTIAL, sessionToken: new Secret('AB+/cd==') }
    const { fields } = await signForm(presigner, wantedForm({ credential }))
    const sent = fields.reveal()
    expect(sent['x-amz-security-token']).toBe('AB+/cd==')
    expect(textOf(sent.policy)).toContain('{"x-amz-security-token":"AB+/cd=="}')
  })

  it.each([
    ['path', '', 'https://s3.example.test/media'],
    ['virtual', '', 'https://media.s3.example.test/'],
    ['path', 'eu/', 'https://s3.example.test/media'],
  ] as const)(
    'goes to the bucket in %s style, below the prefix %j',
    async (addressing, prefix, to) => {
      const store = exampleStore({
        addressing,
        endpoint: 'http://ceph:7480',
        publicEndpoint: 'https://S3.example.test:443',
      })
      const place = placeOf('cat.jpg', { store, bucket: 'media', prefix })
      const { url, fields } = await signForm(presigner, wantedForm({ place }))
      expect(url).toBe(to)
      expect(fields.reveal().key).toBe(`${prefix}cat.jpg`)
      expect(textOf(fields.reveal().policy)).toContain('{"bucket":"media"}')
    },
  )

  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: this is what stores look for
  it('400: a key in which a store would fill in the name of the file (U09)', async () => {
    for (const [prefix, key] of [
      ['', 'a/${filename}'],
      ['', '${filename}'],
      ['${filename}/', 'k'],
    ] as const) {
      const wanted = wantedForm({ place: placeOf(key, { prefix }) })
      await expect(signForm(presigner, wanted)).rejects.toMatchObject({ code: 'InvalidKey' })
    }
    const harmless = wantedForm({ place: placeOf('a/$filename-${x}') })
    expect((await signForm(presigner, harmless)).fields.reveal().key).toBe('a/$filename-${x}')
  })
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: the end of it

  it('cannot be printed, and what is revealed is a copy', async () => {
    const { fields } = await signForm(presigner, wantedForm())
    expect([String(fields), JSON.stringify({ fields }), inspect(fields)]).toEqual([
      '[secret]',
      '{"fields":"[secret]"}',
      '[secret]',
    ])
    fields.reveal().key = 'other'
    expect(fields.reveal().key).toBe('acme/alice/cat.jpg')
  })

  it.each(['', 'A'.repeat(64), '0'.repeat(63), `${'0'.repeat(64)}\n`])(
    '500: nothing is handed out when the signer answers %j (K23)',
    async (signature) => {
      const bad = { ...presigner, signPolicy: async () => signature }
      const error = await signForm(bad, wantedForm()).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ code: 'InternalError' })
      expect(JSON.stringify(error)).not.toContain('acme')
    },
  )
})

function textOf(base64 = ''): string {
  return Buffer.from(base64, 'base64').toString()
}
