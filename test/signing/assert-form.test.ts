import { describe, expect, it } from 'vitest'
import { type AskedForm, assertForm } from '../../src/signing/assert-form.ts'
import { SignedFields } from '../../src/signing/signed-fields.ts'

type Conditions = unknown[]

interface Policy {
  expiration: string
  conditions: Conditions
  more?: string
}

const asked: AskedForm = {
  url: 'https://s3.example.test/bkt',
  bucket: 'bkt',
  fields: new Map([
    ['key', 'acme/caf\u00e9.jpg'],
    ['Content-Type', 'image/jpeg'],
    ['x-amz-meta-signet', 't1'],
  ]),
  minBytes: 1,
  maxBytes: 9,
  expiresAtMs: Date.UTC(2013, 4, 24, 0, 5),
}

const conditions = (): Conditions => [
  { bucket: 'bkt' },
  ['eq', '$key', 'acme/caf\u00e9.jpg'],
  ['eq', '$Content-Type', 'image/jpeg'],
  ['content-length-range', 1, 9],
  { 'x-amz-meta-signet': 't1' },
]

interface Sent {
  url?: string
  policy?: Partial<Policy>
  fields?: readonly (readonly [string, string])[]
  without?: string
}

function look({ url = asked.url, policy = {}, fields = [], without }: Sent): () => void {
  const text = { expiration: '2013-05-24T00:05:00.000Z', conditions: conditions(), ...policy }
  const sent = new Map([
    ...asked.fields,
    ['policy', Buffer.from(JSON.stringify(text)).toString('base64')],
    ['x-amz-signature', 'ab'.repeat(32)],
    ...fields,
  ])
  if (without !== undefined) sent.delete(without)
  return () => assertForm(asked, { url, fields: new SignedFields(sent) })
}

/** The conditions with one of them replaced, or left out. */
function changed(index: number, ...instead: unknown[]): Sent {
  return { policy: { conditions: conditions().toSpliced(index, 1, ...instead) } }
}

describe('the last look at a signed form', () => {
  it('lets through what was asked for, in either spelling of "equals"', () => {
    expect(look({})).not.toThrow()
    expect(look(changed(0, ['eq', '$bucket', 'bkt']))).not.toThrow()
    expect(look(changed(1, { key: 'acme/caf\u00e9.jpg' }))).not.toThrow()
  })

  it.each<[string, Sent]>([
    ['another bucket in the URL', { url: 'https://s3.example.test/other' }],
    ['another host', { url: 'https://evil.example/bkt' }],
    ['an object in the URL', { url: 'https://s3.example.test/bkt/k' }],
    ['a query in the URL', { url: 'https://s3.example.test/bkt?acl' }],
    ['another end', { policy: { expiration: '2013-05-24T00:05:01.000Z' } }],
    ['no end', { policy: { expiration: '' } }],
    ['no conditions', { policy: { conditions: [] } }],
    ['something else in the policy', { policy: { more: 'x' } }],
    ['another bucket in the policy', changed(0, { bucket: 'other' })],
    ['no bucket in the policy', changed(0)],
    ['another key in the policy', changed(1, ['eq', '$key', 'other'])],
    ['the beginning of a key', changed(1, ['starts-with', '$key', 'acme/'])],
    ['the same, empty', changed(1, ['starts-with', '$key', ''])],
    ['a key that is not pinned', changed(1)],
    ['a type that is not pinned', changed(2)],
    ['the beginning of a type', changed(2, ['starts-with', '$Content-Type', 'image/'])],
    ['a larger range', changed(3, ['content-length-range', 1, 10])],
    ['a wider range', changed(3, ['content-length-range', 0, 9])],
    ['a range in words', changed(3, ['content-length-range', '1', '9'])],
    ['a range with more', changed(3, ['content-length-range', 1, 9, 99])],
    ['no range', changed(3)],
    ['two ranges', changed(3, ['content-length-range', 1, 9], ['content-length-range', 1, 9])],
    ['another ticket in the policy', changed(4, { 'x-amz-meta-signet': 't2' })],
    ['a condition twice', changed(4, { 'x-amz-meta-signet': 't1' }, { 'x-amz-meta-signet': 't1' })],
    [
      'a condition on something else',
      changed(4, { 'x-amz-meta-signet': 't1' }, { acl: 'private' }),
    ],
    ['two in one condition', changed(4, { 'x-amz-meta-signet': 't1', acl: 'public-read' })],
    ['an empty condition', changed(4, {})],
    ['an operator nobody knows', changed(4, ['in', '$x-amz-meta-signet', 't1'])],
    ['a name without its sign', changed(1, ['eq', 'key', 'acme/caf\u00e9.jpg'])],
    ['a condition with more', changed(1, ['eq', '$key', 'acme/caf\u00e9.jpg', 'x'])],
    ['no condition at all', changed(4, null)],
    ['another key sent', { fields: [['key', 'other']] }],
    ['another type sent', { fields: [['Content-Type', 'text/html']] }],
    ['a field more', { fields: [['acl', 'public-read']] }],
    ['a field twice, in other letters', { fields: [['Key', 'acme/caf\u00e9.jpg']] }],
    ['a field less', { without: 'x-amz-meta-signet' }],
    ['no policy', { without: 'policy' }],
    ['a policy that is no base64', { fields: [['policy', '!']] }],
    ['a policy that is no JSON', { fields: [['policy', btoa('{')]] }],
    ['a policy that is null', { fields: [['policy', btoa('null')]] }],
    ['a policy that is no UTF-8', { fields: [['policy', btoa('\u00ff')]] }],
    ['no signature', { without: 'x-amz-signature' }],
    ['an upper-case signature', { fields: [['x-amz-signature', 'AB'.repeat(32)]] }],
  ])('500: %s is not handed out, and the error does not show it', (_, sent) => {
    const error = thrownBy(look(sent))
    expect(error).toMatchObject({ code: 'InternalError', details: { facts: {} } })
    expect(JSON.stringify(error) + String(error)).not.toMatch(/acme|bkt|example/)
  })
})

function thrownBy(act: () => void): unknown {
  try {
    act()
  } catch (error) {
    return error
  }
  throw new Error('Nothing was thrown')
}
