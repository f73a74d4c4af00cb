import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { assertMetadataName, encodeMetadataValue } from '../../src/signing/metadata.ts'

describe('a metadata value', () => {
  it.each([
    ['7', '7'],
    ['', ''],
    ["plain, with 100% of ~ASCII 'signs'", "plain, with 100% of ~ASCII 'signs'"],
    ['a%20b', 'a%20b'],
    ['caf\u00e9 100%', 'caf%C3%A9%20100%25'],
    ['\u20ac', '%E2%82%AC'],
    [' leading', '%20leading'],
    ['trailing ', 'trailing%20'],
    ['two  spaces', 'two%20%20spaces'],
  ])('becomes a header: %j is sent as %j', (value, sent) => {
    expect(encodeMetadataValue(value)).toBe(sent)
  })

  it('is encoded once, however often that is asked for', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (value) => {
        const once = encodeMetadataValue(value)
        expect(encodeMetadataValue(once)).toBe(once)
        expect(once).toMatch(/^(?:[!-~](?:[ -~]*[!-~])?)?$/)
      }),
    )
  })

  it.each(['a\r\nx-amz-acl: public-read', 'a\n', '\u0000', 'a\tb', '\u007f', '\ud800'])(
    '400: %j',
    (value) => {
      expect(() => encodeMetadataValue(value)).toThrow(
        expect.objectContaining({ code: 'InvalidRequest' }),
      )
    },
  )
})

describe('a metadata name', () => {
  it.each(['album', 'a', '7', 'my_name', 'my-name', 'a.b'])('is taken: %s', (name) => {
    expect(assertMetadataName(name)).toBe(name)
  })

  it('is lower case', () => {
    expect(assertMetadataName('Album')).toBe('album')
  })

  it.each(['', 'signet', 'SIGNET', 'a b', 'a:b', '-a', 'a-', 'caf\u00e9', 'a\r\nb', '\u212a'])(
    '400: %j',
    (name) => {
      expect(() => assertMetadataName(name)).toThrow(
        expect.objectContaining({ code: 'InvalidRequest' }),
      )
    },
  )
})
