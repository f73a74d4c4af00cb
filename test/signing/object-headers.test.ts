import { describe, expect, it } from 'vitest'
import {
  type ObjectBindings,
  objectHeaders,
  type WantedObject,
} from '../../src/signing/object-headers.ts'

const NOTHING_FIXED = { fixedHeaders: {}, maxMetadataValueBytes: 2_048 }

function headersOf(bindings?: ObjectBindings, overrides: Partial<WantedObject> = {}) {
  const wanted = { contentType: 'image/jpeg', metadata: new Map(), ticket: 'st1.abc', bindings }
  return Object.fromEntries(objectHeaders(NOTHING_FIXED, { ...wanted, ...overrides }))
}

describe('the headers of an object', () => {
  it('422: a value of metadata above what the store takes, and the ticket is one', () => {
    const limits = { fixedHeaders: {}, maxMetadataValueBytes: 9 }
    const of = (ticket: string, value: string) => {
      const metadata = new Map([['album', value]])
      return objectHeaders(limits, { contentType: 'image/jpeg', metadata, ticket })
    }
    // Three bytes of UTF-8 are nine characters on the wire.
    expect(of('123456789', '\u20ac').get('x-amz-meta-album')).toBe('%E2%82%AC')
    const refused = { code: 'UnsupportedByStore', details: { capability: 'metadata' } }
    expect(() => of('1234567890', 'a')).toThrow(expect.objectContaining(refused))
    expect(() => of('1', '\u20ac!')).toThrow(expect.objectContaining(refused))
  })

  it('are type and ticket when nothing else was asked for', () => {
    expect(headersOf()).toEqual({ 'content-type': 'image/jpeg', 'x-amz-meta-signet': 'st1.abc' })
    expect(headersOf({ tags: new Map() })).toEqual(headersOf())
  })

  it('hold everything that was asked for', () => {
    const bindings: ObjectBindings = {
      cacheControl: 'max-age=60, immutable',
      contentEncoding: 'gzip',
      contentDisposition: 'attachment; filename="a  b.txt"',
      storageClass: 'STANDARD_IA',
      tags: new Map([
        ['team', 'a b+c'],
        ['a/é', '&='],
        ['bare', ''],
      ]),
      encryption: { algorithm: 'aws:kms', kmsKeyId: 'arn:aws:kms:eu:1:key/2' },
    }
    expect(headersOf(bindings, { metadata: new Map([['Album', 'café']]) })).toEqual({
      'content-type': 'image/jpeg',
      'cache-control': 'max-age=60, immutable',
      'content-encoding': 'gzip',
      'content-disposition': 'attachment; filename="a  b.txt"',
      'x-amz-storage-class': 'STANDARD_IA',
      'x-amz-tagging': 'team=a%20b%2Bc&a%2F%C3%A9=%26%3D&bare=',
      'x-amz-server-side-encryption': 'aws:kms',
      'x-amz-server-side-encryption-aws-kms-key-id': 'arn:aws:kms:eu:1:key/2',
      'x-amz-meta-album': 'caf%C3%A9',
      'x-amz-meta-signet': 'st1.abc',
    })
  })

  it('hold what the store allows to be pinned, unless something else was asked for', () => {
    const fixedHeaders = {
      'x-amz-acl': 'private',
      'x-amz-storage-class': 'STANDARD',
      'x-amz-tagging': '',
      'x-amz-server-side-encryption-aws-kms-key-id': 'old',
      'content-type': 'text/html',
      'x-amz-meta-album': 'pinned',
      'x-amz-meta-signet': 'forged',
    }
    const headers = objectHeaders(
      { ...NOTHING_FIXED, fixedHeaders },
      {
        contentType: 'image/jpeg',
        metadata: new Map([['album', '7']]),
        ticket: 'st1.abc',
        bindings: { storageClass: 'GLACIER_IR', encryption: { algorithm: 'AES256' } },
      },
    )
    expect(Object.fromEntries(headers)).toEqual({
      'x-amz-acl': 'private',
      'x-amz-storage-class': 'GLACIER_IR',
      'x-amz-tagging': '',
      'x-amz-server-side-encryption': 'AES256',
      'content-type': 'image/jpeg',
      'x-amz-meta-album': '7',
      'x-amz-meta-signet': 'st1.abc',
    })
  })

  const value = (bad: string): readonly (readonly [string, ObjectBindings])[] => [
    ['cacheControl', { cacheControl: bad }],
    ['contentEncoding', { contentEncoding: bad }],
    ['disposition', { contentDisposition: bad }],
    ['storageClass', { storageClass: bad }],
    ['encryption', { encryption: { algorithm: 'aws:kms', kmsKeyId: bad } }],
  ]

  it.each(['', ' a', 'a ', 'a\r\nx-amz-acl: public-read', 'a\tb', 'caf\u00e9', '\u0000', '\u007f'])(
    '400: %j is no value of a header, and the error names the member',
    (bad) => {
      for (const [path, bindings] of value(bad)) {
        expect(() => headersOf(bindings)).toThrow(
          expect.objectContaining({ code: 'InvalidRequest', details: fieldsOf(path) }),
        )
      }
      expect(() => headersOf({}, { contentType: bad })).toThrow(
        expect.objectContaining({ details: fieldsOf('contentType') }),
      )
    },
  )

  it.each<[string, ObjectBindings]>([
    ['an empty tag', { tags: new Map([['', 'x']]) }],
    ['a lone surrogate in a tag', { tags: new Map([['\ud800', 'x']]) }],
    ['a lone surrogate in the value of a tag', { tags: new Map([['x', '\udc00']]) }],
    ['a key for an algorithm without', { encryption: { algorithm: 'AES256', kmsKeyId: 'k' } }],
  ])('400: %s', (_, bindings) => {
    expect(() => headersOf(bindings)).toThrow(expect.objectContaining({ code: 'InvalidRequest' }))
  })
})

function fieldsOf(path: string) {
  return { fields: [expect.objectContaining({ path })] }
}
