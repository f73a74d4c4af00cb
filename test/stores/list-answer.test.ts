import { describe, expect, it } from 'vitest'
import { type ListContext, parseListAnswer } from '../../src/stores/list-answer.ts'
import { USUAL_LISTING } from '../../src/stores/profile.ts'

const PLAIN: ListContext = { prefix: '', listing: USUAL_LISTING }

function answer(contents: string, more = ''): string {
  return [
    '<?xml version="1.0" encoding="UTF-8"?>\n',
    '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
    `<Name>b</Name>${more}${contents}</ListBucketResult>`,
  ].join('')
}

function object(key: string, size = '5', etag = '&quot;abc&quot;'): string {
  return `<Contents><Key>${key}</Key><LastModified>2026-11-24T03:45:11.227Z</LastModified><ETag>${etag}</ETag><Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`
}

function keysOf(xml: string, context = PLAIN): string[] {
  return parseListAnswer(xml, context).objects.map(({ key }) => key)
}

describe('a listing', () => {
  it('is read whole: key, size, ETag with quotes, time to the second', () => {
    expect(parseListAnswer(answer(object('a')), PLAIN)).toEqual({
      objects: [{ key: 'a', sizeBytes: 5, etag: '"abc"', lastModified: '2026-11-24T03:45:11Z' }],
    })
  })

  it('may be empty', () => {
    expect(parseListAnswer(answer(''), PLAIN)).toEqual({ objects: [] })
  })

  it('keeps keys as text: no numbers, no trimming, no other characters', () => {
    const keys = [
      '007',
      '1e3',
      'true',
      ' a ',
      '-0',
      '0x10',
      'a&amp;b',
      '&lt;x&gt;',
      '&#x1F600;',
      '&#39;',
    ]
    expect(keysOf(answer(keys.map((key) => object(key)).join('')))).toEqual([
      '007',
      '1e3',
      'true',
      ' a ',
      '-0',
      '0x10',
      'a&b',
      '<x>',
      '\u{1f600}',
      "'",
    ])
  })

  it('decodes keys only when the answer says that they are encoded', () => {
    const contents = object('a%20b%2Fc%2Bd')
    expect(keysOf(answer(contents))).toEqual(['a%20b%2Fc%2Bd'])
    expect(keysOf(answer(contents, '<EncodingType>url</EncodingType>'))).toEqual(['a b/c+d'])
    expect(keysOf(answer(object('a+b'), '<EncodingType>url</EncodingType>'))).toEqual(['a b'])
  })

  it('undoes the second escaping of s3rver, and of nobody else', () => {
    const contents = object('a&amp;amp;b')
    expect(keysOf(answer(contents))).toEqual(['a&amp;b'])
    expect(
      keysOf(answer(contents), { ...PLAIN, listing: { version: 1, escapedTwice: true } }),
    ).toEqual(['a&b'])
  })

  it('decodes an entity once', () => {
    expect(keysOf(answer(object('&amp;lt;')))).toEqual(['&lt;'])
  })

  it('takes the prefix of the placement off', () => {
    expect(keysOf(answer(object('eu/a')), { ...PLAIN, prefix: 'eu/' })).toEqual(['a'])
  })

  it('goes on where the store says so', () => {
    const more =
      '<IsTruncated>true</IsTruncated><NextContinuationToken>a&amp;b=</NextContinuationToken>'
    expect(parseListAnswer(answer(object('a'), more), PLAIN).next).toBe('a&b=')
    const last = '<IsTruncated>false</IsTruncated><NextContinuationToken>x</NextContinuationToken>'
    expect(parseListAnswer(answer(object('a'), last), PLAIN)).not.toHaveProperty('next')
  })

  it('goes on after its last key in version 1', () => {
    const context: ListContext = { prefix: 'eu/', listing: { version: 1, escapedTwice: false } }
    const xml = answer(object('eu/a') + object('eu/b'), '<IsTruncated>true</IsTruncated>')
    expect(parseListAnswer(xml, context).next).toBe('eu/b')
    const none = answer('', '<IsTruncated>true</IsTruncated>')
    expect(() => parseListAnswer(none, context)).toThrow('without a token')
  })

  it.each([
    ['another document', '<ListAllMyBucketsResult/>'],
    ['no XML', '{"objects":[]}'],
    ['nothing', ''],
    ['a cut one', answer(object('a')).slice(0, -20)],
    ['a key outside the prefix', answer(object('us/a'))],
    ['a truncated one without a token', answer(object('eu/a'), '<IsTruncated>true</IsTruncated>')],
    ['a size that is none', answer(object('eu/a', '-1'))],
    ['a size in words', answer(object('eu/a', 'many'))],
    ['a size beyond integers', answer(object('eu/a', '9007199254740993'))],
    ['an object without a key', answer('<Contents><Size>1</Size></Contents>')],
    ['a broken percent sign', answer(object('eu/%zz'), '<EncodingType>url</EncodingType>')],
    [
      'a document type',
      `<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>${answer(object('eu/&e;'))}`,
    ],
    [
      'entities that grow',
      `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>${answer(object('eu/&b;'))}`,
    ],
    ['a deep one', answer(`${'<a>'.repeat(40)}${'</a>'.repeat(40)}`)],
    ['an object called like a prototype', answer('<__proto__><Key>x</Key></__proto__>'.repeat(2))],
  ])('is refused: %s', (_, xml) => {
    expect(() => parseListAnswer(xml, { ...PLAIN, prefix: 'eu/' })).toThrow()
  })
})
