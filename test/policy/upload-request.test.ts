import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { acceptFilename, MAX_FILENAME_BYTES } from '../../src/policy/filename.ts'
import {
  acceptMetadata,
  acceptSize,
  MAX_METADATA_ENTRIES,
} from '../../src/policy/upload-request.ts'
import { refusalOf } from './policy-fixture.ts'

const metadata = (members: Record<string, string>) => new Map(Object.entries(members))
const refused = (map: ReadonlyMap<string, string>, reservedBytes?: number) =>
  refusalOf(() => acceptMetadata(map, reservedBytes === undefined ? {} : { reservedBytes }))

describe('metadata', () => {
  it('is taken as it is', () => {
    const map = metadata({ album: '7', 'taken-at': '2026-11-24 10:00', x: '~!"#%&' })
    expect(acceptMetadata(map)).toBe(map)
    expect(acceptMetadata(new Map()).size).toBe(0)
  })

  it.each([
    '',
    '../acl',
    'a:b',
    'a b',
    'Album',
    'álbum',
    'a_b',
    '-a',
    '__proto__',
    'a\r\nb',
    'a'.repeat(65),
  ])('400: %j is no name', (name) => {
    expect(refused(new Map([[name, 'x']]))?.code).toBe('InvalidRequest')
  })

  it.each(['signet', 'x-amz-acl', 'x-amz', 'x-amzn-x'])(
    '400: the name %s is not for callers',
    (name) => {
      const refusal = refused(new Map([[name, 'x']]))
      expect([refusal?.code, refusal?.fields]).toEqual(['InvalidRequest', [`metadata.${name}`]])
    },
  )

  it('takes a name of 64 characters and names next to the reserved ones', () => {
    for (const name of ['a'.repeat(64), 'signet2', 'my-signet', 'x-am', 'a-']) {
      expect(refused(new Map([[name, 'x']]))).toBeUndefined()
    }
  })

  it.each([
    '',
    ' a',
    'a ',
    ' ',
    'a  b',
    'a\r\nx-amz-acl: public-read',
    'a\tb',
    'a\0',
    '€',
    'é',
    '\u007f',
    '😀',
  ])('400: %j is no value', (value) => {
    const refusal = refused(new Map([['album', value]]))
    expect([refusal?.code, refusal?.fields]).toEqual(['InvalidRequest', ['metadata.album']])
  })

  it('400: is at most 2,048 bytes of names and values, less what is reserved', () => {
    const ofBytes = (bytes: number) =>
      metadata({ ab: 'x'.repeat(1_000), cd: 'y'.repeat(bytes - 1_004) })
    expect(refused(ofBytes(2_048))).toBeUndefined()
    expect(refused(ofBytes(2_049))?.fields).toEqual(['metadata'])
    expect(refused(ofBytes(1_048), 1_000)).toBeUndefined()
    expect(refused(ofBytes(1_049), 1_000)?.fields).toEqual(['metadata'])
  })

  it('400: has at most 50 entries', () => {
    const ofSize = (size: number) =>
      new Map(Array.from({ length: size }, (_, index) => [`n${index}`, 'x'] as const))
    expect(refused(ofSize(MAX_METADATA_ENTRIES))).toBeUndefined()
    expect(refused(ofSize(MAX_METADATA_ENTRIES + 1))?.code).toBe('InvalidRequest')
    expect(refused(ofSize(200))?.code).toBe('InvalidRequest')
  })

  it('whatever is taken can be sent as header fields', () => {
    const text = fc.string({ unit: 'binary', maxLength: 5 })
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.oneof(text, fc.constant('a')), text)), (entries) => {
        const map = new Map(entries)
        if (refused(map) !== undefined) return
        const headers = new Headers([...map].map(([name, value]) => [`x-amz-meta-${name}`, value]))
        for (const [name, value] of map) expect(headers.get(`x-amz-meta-${name}`)).toBe(value)
      }),
    )
  })
})

describe('the size of an upload', () => {
  it('413: is at most the maximum of the bucket', () => {
    const bucket = { name: 'media', upload: { maxSizeBytes: 100 } }
    expect(refusalOf(() => acceptSize(100, bucket))).toBeUndefined()
    expect(refusalOf(() => acceptSize(0, bucket))).toBeUndefined()
    expect(refusalOf(() => acceptSize(101, bucket))?.code).toBe('EntityTooLarge')
  })
})

describe('a file name', () => {
  it.each(['cat.jpg', 'Ärger über €.pdf', 'a "b"; c', '😀.png', '..', "it's 100%"])(
    'may be %s',
    (name) => {
      expect(acceptFilename(name)).toBe(name)
    },
  )

  it.each([
    '',
    'a/b',
    'a\\b',
    '../../x',
    'a\r\nb',
    'a\0b',
    'a\u007fb',
    'a\u0085b',
    'exe\u202egpj.jpg',
    'a\u2066b',
    'a\ud800b',
  ])('400: may not be %j', (name) => {
    const refusal = refusalOf(() => acceptFilename(name))
    expect([refusal?.code, refusal?.fields]).toEqual(['InvalidRequest', ['filename']])
  })

  it('400: is at most 255 bytes long, not characters', () => {
    expect(acceptFilename('a'.repeat(MAX_FILENAME_BYTES))).toHaveLength(255)
    expect(refusalOf(() => acceptFilename('a'.repeat(256)))?.code).toBe('InvalidRequest')
    expect(acceptFilename('€'.repeat(85))).toHaveLength(85)
    expect(refusalOf(() => acceptFilename('€'.repeat(86)))?.code).toBe('InvalidRequest')
    expect(refusalOf(() => acceptFilename('x'.repeat(10_240)))?.code).toBe('InvalidRequest')
  })
})
