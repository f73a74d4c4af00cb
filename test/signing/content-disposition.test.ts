import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contentDisposition, parseFilename } from '../../src/signing/content-disposition.ts'

describe('a content disposition', () => {
  it.each([
    ['cat.jpg', 'attachment; filename="cat.jpg"'],
    ['a b.txt', 'attachment; filename="a b.txt"'],
    ["it's (1)!.txt", `attachment; filename="it's (1)!.txt"`],
    ['a;b,c=d.txt', 'attachment; filename="a;b,c=d.txt"'],
    ['100%.txt', 'attachment; filename="100%.txt"'],
    ['100%41.txt', `attachment; filename="100_41.txt"; filename*=UTF-8''100%2541.txt`],
    [
      'say "hi".txt',
      `attachment; filename="say \\"hi\\".txt"; filename*=UTF-8''say%20%22hi%22.txt`,
    ],
    ['caf\u00e9 1.txt', `attachment; filename="caf_ 1.txt"; filename*=UTF-8''caf%C3%A9%201.txt`],
    ['\u{1f600}.png', `attachment; filename="_.png"; filename*=UTF-8''%F0%9F%98%80.png`],
  ])('names %j', (filename, expected) => {
    expect(contentDisposition('attachment', filename)).toBe(expected)
  })

  it('can do without a name, and be inline', () => {
    expect(contentDisposition('attachment')).toBe('attachment')
    expect(contentDisposition('inline', 'a.txt')).toBe('inline; filename="a.txt"')
  })

  it('is printable ASCII and reads back as the name, whatever the name is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1, maxLength: 60 }), (name) => {
        fc.pre(isAccepted(name))
        const value = contentDisposition('attachment', name)
        expect(value).toMatch(/^[ -~]*$/)
        expect(filenameOf(value)).toBe(name)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('a filename', () => {
  it.each([
    ['', 'empty'],
    ['.', 'folder'],
    ['..', 'folder'],
    ['a/b', 'slash'],
    ['a\\b', 'slash'],
    ['a\r\nSet-Cookie: x', 'control'],
    ['a\u0000', 'control'],
    ['a\u007f', 'control'],
    ['a\u0085', 'control'],
    ['a\u2028b', 'control'],
    ['gpj.\u202eexe', 'bidirectional'],
    ['\u200ea', 'bidirectional'],
    ['\u061ca', 'bidirectional'],
    ['a\u2069', 'bidirectional'],
    ['\ud800', 'surrogate'],
    ['a'.repeat(256), '255 bytes'],
    ['\u00e9'.repeat(128), '255 bytes'],
  ])('400: %j', (name, why) => {
    expect(() => parseFilename(name)).toThrow(why)
    expect(() => contentDisposition('inline', name)).toThrow(
      expect.objectContaining({ code: 'InvalidRequest' }),
    )
  })

  it.each(['a', '...', '.hidden', 'a'.repeat(255), '\u00e9'.repeat(127), 'zero\u200bwidth'])(
    'is kept as it is: %j',
    (name) => {
      expect(parseFilename(name)).toBe(name)
    },
  )
})

function isAccepted(name: string): boolean {
  try {
    return parseFilename(name) === name
  } catch {
    return false
  }
}

/** What a browser that follows RFC 6266 calls the file. */
function filenameOf(value: string): string | undefined {
  const extended = /; filename\*=UTF-8''([!#$&+.^_`|~A-Za-z0-9%-]+)$/.exec(value)?.[1]
  if (extended !== undefined) return decodeURIComponent(extended)
  return /^attachment; filename="((?:[^"\\]|\\.)*)"$/.exec(value)?.[1]?.replaceAll(/\\(.)/g, '$1')
}
