import { afterEach, describe, expect, it } from 'vitest'
import {
  type CreatedForm,
  createForm,
  gatewayForForms,
  MAX_BYTES,
} from '../gateway/form-fixture.ts'
import { type GatewayOnStore, UNTIL_RELEASED_MS } from '../gateway/gateway-on-store.ts'
import { differences, objectState } from '../gateway/object-state.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { type FormPart, sendFormParts } from '../support/send-form.ts'
import {
  createTestBucket,
  describeOnCeph,
  realStores,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { uploadBody } from '../support/test-gateway.ts'

const PREFIX = 'acme/alice/'
const OTHER = `${PREFIX}other`
const FILE: FormPart = { name: 'file', value: new Uint8Array(300), filename: 'evil.html' }

let gateway: GatewayOnStore
afterEach(() => gateway.close())

function fieldsOf({ form }: CreatedForm): FormPart[] {
  return Object.entries(form.fields).map(([name, value]) => ({ name, value }))
}

/** The fields with one changed, or left out. */
function changed(parts: readonly FormPart[], name: string, value?: string): FormPart[] {
  return parts.flatMap((part) => {
    if (part.name !== name) return [part]
    return value === undefined ? [] : [{ name, value }]
  })
}

/** A policy with other conditions, as somebody without the key would write it. */
function rewritten(parts: readonly FormPart[], change: (text: string) => string): FormPart[] {
  const policy = parts.find(({ name }) => name === 'policy')?.value ?? ''
  const text = change(Buffer.from(policy.toString(), 'base64').toString())
  return changed(parts, 'policy', Buffer.from(text).toString('base64'))
}

/** Keys of all that lies in the bucket. */
async function keysAtStore(): Promise<string[]> {
  const list = await storeClient(gateway.store).fetch(
    `${gateway.store.endpoint}/${gateway.storeBucket}?list-type=2`,
  )
  return [...(await list.text()).matchAll(/<Key>([^<]*)<\/Key>/g)].map(([, key]) => key ?? '')
}

/** Ways to send a form other than it was granted; none of them stores anything. */
const BENT: readonly (readonly [
  what: string,
  bend: (fields: readonly FormPart[], file: FormPart) => FormPart[],
])[] = [
  ...(
    [
      ['acl', 'public-read'],
      ['x-amz-acl', 'public-read'],
      ['Cache-Control', 'max-age=1'],
      ['Content-Disposition', 'inline'],
      ['Content-Encoding', 'gzip'],
      ['Expires', 'Wed, 21 Oct 2026 07:28:00 GMT'],
      ['x-amz-meta-extra', '1'],
      ['x-amz-meta-signet', 'junk'],
      ['tagging', '<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>'],
      ['x-amz-tagging', 'a=b'],
      ['x-amz-server-side-encryption', 'AES256'],
      ['x-amz-website-redirect-location', '/evil'],
      ['x-amz-copy-source', '/b/k'],
      ['success_action_redirect', 'https://evil.example/'],
      ['redirect', 'https://evil.example/'],
      ['x-amz-security-token', 'abc'],
      ['anything', 'else'],
    ] as const
  ).map(
    ([name, value]) =>
      [
        `an extra field "${name}"`,
        (fields: readonly FormPart[], file: FormPart) => [...fields, { name, value }, file],
      ] as const,
  ),
  ['another key field', (fields, file) => [...changed(fields, 'key', OTHER), file]],
  ['a second key field', (fields, file) => [...fields, { name: 'key', value: OTHER }, file]],
  [
    'a key that ends in the name of the file',
    (fields, file) => [...changed(fields, 'key', `${PREFIX}$${'{filename}'}`), file],
  ],
  [
    'a type that was not granted',
    (fields, file) => [...changed(fields, 'Content-Type', 'text/html'), file],
  ],
  ['a changed ticket', (fields, file) => [...changed(fields, 'x-amz-meta-signet', 'junk'), file]],
  ['the file before the other fields', (fields, file) => [file, ...fields]],
  [
    'the file before half of the fields',
    (fields, file) => [...fields.slice(0, 5), file, ...fields.slice(5)],
  ],
  [
    'a changed signature',
    (fields, file) => [...changed(fields, 'x-amz-signature', '0'.repeat(64)), file],
  ],
  [
    'a changed date',
    (fields, file) => [...changed(fields, 'x-amz-date', '20200101T000000Z'), file],
  ],
  [
    'a policy for any key',
    (fields, file) => [
      ...rewritten(fields, (text) =>
        text.replace(/\["eq","\$key","[^"]*"\]/, '["starts-with","$key",""]'),
      ),
      file,
    ],
  ],
  [
    'a policy for more bytes',
    (fields, file) => [
      ...rewritten(fields, (text) => text.replace(`${MAX_BYTES}`, '999999999')),
      file,
    ],
  ],
  [
    'a policy that ends later',
    (fields, file) => [
      ...rewritten(fields, (text) => text.replace(/"expiration":"\d{4}/, '"expiration":"2999')),
      file,
    ],
  ],
  [
    'more bytes than the range',
    (fields, file) => [...fields, { ...file, value: new Uint8Array(MAX_BYTES + 1) }],
  ],
]

describeOnCeph('a form bent on Ceph', (ceph) => {
  it.each(BENT)('U09 403, 400: %s; nothing is stored, and nothing charged', async (_, bend) => {
    gateway = await gatewayForForms(ceph)
    const upload = await createForm(gateway)
    const sent = bend(fieldsOf(upload), FILE)
    expect(sent).not.toEqual([...fieldsOf(upload), FILE])
    expect([400, 403]).toContain(await sendFormParts(upload.form.url, sent))
    expect(await keysAtStore()).toEqual([])
    gateway.clock.advance(UNTIL_RELEASED_MS)
    await gateway.sweepAll()
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 0 })
    expect(await gateway.status(upload.id)).toBe('expired')
  })

  it('U09 403: any one field left out; 201 with all of them', async () => {
    gateway = await gatewayForForms(ceph)
    const upload = await createForm(gateway, {
      metadata: { album: '7' },
    })
    const fields = fieldsOf(upload)
    for (const { name } of fields) {
      const status = await sendFormParts(upload.form.url, [...changed(fields, name), FILE])
      expect([name, status]).toEqual([name, expect.toBeOneOf([400, 403])])
    }
    expect(await keysAtStore()).toEqual([])
    expect(await sendFormParts(upload.form.url, [...fields, FILE])).toBe(201)
    expect(await keysAtStore()).toEqual([upload.key])
  })

  it('U09 400: below an exact size, and above it; 201 at both ends of a range', async () => {
    gateway = await gatewayForForms(ceph)
    const exact = await createForm(gateway, { maxSizeBytes: undefined, sizeBytes: 300 })
    const send = (upload: CreatedForm, bytes: number) =>
      sendFormParts(upload.form.url, [
        ...fieldsOf(upload),
        { ...FILE, value: new Uint8Array(bytes) },
      ])
    expect([await send(exact, 299), await send(exact, 301)]).toEqual([400, 400])
    expect([400, 403]).toContain(await sendFormParts(exact.form.url, fieldsOf(exact)))
    expect(await keysAtStore()).toEqual([])
    const range = await createForm(gateway, { key: OTHER })
    for (const bytes of [0, MAX_BYTES])
      expect([bytes, await send(range, bytes)]).toEqual([bytes, 201])
  })

  it("U09 403: sent to another bucket's URL; a bucket field moves nothing", async () => {
    gateway = await gatewayForForms(ceph)
    const elsewhere = await createTestBucket(ceph)
    const upload = await createForm(gateway)
    const url = upload.form.url.replace(gateway.storeBucket, elsewhere)
    expect(url).not.toBe(upload.form.url)
    expect(await sendFormParts(url, [...fieldsOf(upload), FILE])).toBe(403)
    expect(await keysAtStore()).toEqual([])
    // The store looks at its URL alone (stores.md section 4, step 24): the bytes stay where they may be.
    const bucket = { name: 'bucket', value: elsewhere }
    await sendFormParts(upload.form.url, [bucket, ...fieldsOf(upload), FILE])
    const there = await storeClient(ceph).fetch(`${ceph.endpoint}/${elsewhere}?list-type=2`)
    expect(await there.text()).not.toContain('<Key>')
    expect(await keysAtStore()).toEqual(expect.toBeOneOf([[], [upload.key]]))
  })

  it('U09: any field twice is refused, or the object is the one that was granted', async () => {
    gateway = await gatewayForForms(ceph)
    const plain = await createForm(gateway, { key: `${PREFIX}plain` })
    await sendFormParts(plain.form.url, [...fieldsOf(plain), FILE])
    const usual = await objectState(ceph, gateway.storeBucket, plain.key)
    const names = fieldsOf(plain).map(({ name }) => name)
    for (const [at, name] of names.entries()) {
      const upload = await createForm(gateway, { key: `${PREFIX}${at}` })
      const fields = fieldsOf(upload)
      const bad = { name, value: name === 'key' ? OTHER : 'text/html' }
      for (const sent of [
        [bad, ...fields, FILE],
        [...fields, bad, FILE],
      ]) {
        const status = await sendFormParts(upload.form.url, sent)
        expect([name, status]).toEqual([name, expect.toBeOneOf([201, 400, 403])])
        if (status !== 201) continue
        const state = await objectState(ceph, gateway.storeBucket, upload.key)
        expect([name, differences(usual, state)]).toEqual([name, []])
      }
    }
    expect(await keysAtStore()).not.toContain(OTHER)
  })

  it('U09: two files are refused, or one of them is stored as it was granted', async () => {
    gateway = await gatewayForForms(ceph)
    for (const sizes of [
      [300, MAX_BYTES + 1],
      [MAX_BYTES + 1, 300],
      [600, 600],
    ]) {
      const upload = await createForm(gateway, { key: `${PREFIX}${sizes.join('-')}` })
      const files = sizes.map((bytes) => ({ ...FILE, value: new Uint8Array(bytes) }))
      const status = await sendFormParts(upload.form.url, [...fieldsOf(upload), ...files])
      const size = (await gateway.sizeAtStore(upload.key)) ?? 0
      expect([201, 400, 403]).toContain(status)
      expect(size).toBeLessThanOrEqual(MAX_BYTES)
      expect(size > 0).toBe(status === 201)
    }
  })

  it('U09 403: a form whose policy has expired; 201 a while before', async () => {
    const nowMs = Date.now()
    for (const [agoSeconds, expected] of [
      [270, 201],
      [301, 403],
    ] as const) {
      const clock = new TestClock(nowMs - agoSeconds * 1000)
      gateway = await gatewayForForms(ceph, { clock })
      const upload = await createForm(gateway)
      const status = await sendFormParts(upload.form.url, [...fieldsOf(upload), FILE])
      expect([agoSeconds, status]).toEqual([agoSeconds, expected])
      expect(await keysAtStore()).toEqual(expected === 201 ? [upload.key] : [])
      if (expected === 201) await gateway.close()
    }
  })

  it('U09 400: a key with the placeholder of a file name, before anything is reserved', async () => {
    gateway = await gatewayForForms(ceph)
    const key = `${PREFIX}$${'{filename}'}`
    const before = stateOf(gateway)
    for (const path of ['/v1/uploads', '/v1/uploads?dryRun=true']) {
      const refused = await gateway.call('POST', path, uploadBody({ key, mode: 'post' }))
      await expectRefused(refused, { status: 400, code: 'InvalidKey' }, { gateway, before })
    }
    const items = [uploadBody(), uploadBody({ key, mode: 'post' })]
    const refused = await gateway.call('POST', '/v1/uploads/batch', { items })
    await expectRefused(refused, { status: 400, code: 'InvalidKey' }, { gateway, before })
  })
})

describe.each(realStores().filter(({ kind }) => kind !== 'ceph'))('forms on $kind', (store) => {
  it('U09 422: where no policy is kept, alone and in a batch, and nothing is reserved', async () => {
    gateway = await gatewayForForms(store)
    const before = stateOf(gateway)
    const unsupported = { status: 422, code: 'UnsupportedByStore' } as const
    for (const size of [{ sizeBytes: 300 }, { sizeBytes: undefined, maxSizeBytes: 300 }]) {
      const wanted = uploadBody({ mode: 'post', ...size })
      for (const [path, body] of [
        ['/v1/uploads', wanted],
        ['/v1/uploads?dryRun=true', wanted],
        ['/v1/uploads/batch', { items: [uploadBody({ key: OTHER }), wanted] }],
      ] as const) {
        const refused = await gateway.call('POST', path, body)
        const problem = await expectRefused(refused, unsupported, { gateway, before })
        expect(problem.capability).toBe('postPolicy')
      }
    }
  })
})
