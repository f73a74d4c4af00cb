import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OPERATIONS } from '../../src/auth/principal.ts'
import { ObjectKey } from '../../src/object-key.ts'
import { authorize, readablePrefixes, type WantedAccess } from '../../src/policy/authorize.ts'
import { type Grant, principal, refusalOf } from './policy-fixture.ts'

const upload = (key: string, bucket = 'media'): WantedAccess => ({
  operation: 'upload',
  bucket,
  key: ObjectKey.parse(key),
})
const codeOf = (grants: readonly Grant[], wanted: WantedAccess) =>
  refusalOf(() => authorize(principal(...grants), wanted))?.code

// Few letters, so that prefixes meet often; both forms of é, and characters beyond 16 bits.
const segment = fc
  .array(fc.constantFrom('a', 'b', '1', 'é', 'e\u0301', '😀', '\uffff', '%2e'), {
    minLength: 1,
    maxLength: 3,
  })
  .map((parts) => parts.join(''))
const key = fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
const prefix = fc
  .array(segment, { maxLength: 2 })
  .map((parts) => parts.map((p) => `${p}/`).join(''))
const grant = fc.record({
  operations: fc.subarray([...OPERATIONS], { minLength: 1 }),
  buckets: fc.subarray(['media', 'docs'], { minLength: 1 }),
  prefix,
})
const wanted = fc.record({
  operation: fc.constantFrom(...OPERATIONS),
  bucket: fc.constantFrom('media', 'docs', 'other'),
  key: key.map((text) => ObjectKey.parse(text)),
})

describe('a permission', () => {
  it('allows a key only when its bytes start with those of the prefix', () => {
    fc.assert(
      fc.property(
        fc.array(grant, { maxLength: 4 }),
        wanted,
        (grants, { key: asked, ...access }) => {
          const allowed = codeOf(grants, { ...access, key: asked }) === undefined
          const expected = grants.some(
            (rule) =>
              rule.operations.includes(access.operation) &&
              rule.buckets.includes(access.bucket) &&
              Buffer.from(asked.text)
                .subarray(0, Buffer.byteLength(rule.prefix))
                .equals(Buffer.from(rule.prefix)),
          )
          expect(allowed).toBe(expected)
        },
      ),
      { numRuns: 500 },
    )
  })

  it('never allows less when another one joins it, nor more when one goes', () => {
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 3 }), grant, wanted, (grants, more, access) => {
        const few = codeOf(grants, access) === undefined
        const many = codeOf([...grants, more], access) === undefined
        expect(few && !many).toBe(false)
      }),
    )
  })

  it('never reaches a sibling whose name starts the same', () => {
    fc.assert(
      fc.property(segment, segment, key, (name, tail, rest) => {
        expect(codeOf([{ prefix: `${name}/` }], upload(`${name}${tail}/${rest}`))).toBe(
          'AccessDenied',
        )
      }),
    )
    expect(codeOf([{ prefix: 'tenant1/' }], upload('tenant10/x'))).toBe('AccessDenied')
    expect(codeOf([{ prefix: 'tenant1/' }], upload('tenant1/x'))).toBeUndefined()
    expect(codeOf([{ prefix: 'tenant1/' }], upload('tenant1'))).toBe('AccessDenied')
  })

  it('tells composed and decomposed forms of a name apart', () => {
    expect(codeOf([{ prefix: 'caf\u00e9/' }], upload('caf\u00e9/x'))).toBeUndefined()
    expect(codeOf([{ prefix: 'caf\u00e9/' }], upload('cafe\u0301/x'))).toBe('AccessDenied')
    expect(codeOf([{ prefix: 'cafe\u0301/' }], upload('caf\u00e9/x'))).toBe('AccessDenied')
  })

  it.each(['Private/x', 'private%2Fx', 'PRIVATE/x', 'private', 'xprivate/x'])(
    '403: %s is not below private/',
    (text) => {
      expect(codeOf([{ prefix: 'private/' }], upload(text))).toBe('AccessDenied')
    },
  )

  it('403: an unknown bucket, a forbidden bucket, key and operation are refused in the same words', () => {
    const alice = principal({ prefix: 'acme/alice/' })
    const refusals = [
      upload('acme/alice/x', 'no-such-bucket'),
      upload('acme/alice/x', 'docs'),
      upload('acme/bob/x'),
      { ...upload('acme/alice/x'), operation: 'delete' as const },
    ].map((access) => refusalOf(() => authorize(alice, access)))
    expect(new Set(refusals.map((refusal) => JSON.stringify(refusal))).size).toBe(1)
    expect(refusals[0]?.code).toBe('AccessDenied')
  })

  it.each([
    '__proto__',
    'constructor',
    'toString',
    'evil.com#',
    'a/b',
    'A_B',
    'media ',
    'Media',
    '',
  ])('403: %j is a bucket that nobody has', (bucket) => {
    expect(codeOf([{}], upload('x', bucket))).toBe('AccessDenied')
  })

  it('403: gives no operation besides its own', () => {
    for (const operation of OPERATIONS) {
      for (const other of OPERATIONS) {
        const code = codeOf([{ operations: [operation] }], { ...upload('x'), operation: other })
        expect(code).toBe(operation === other ? undefined : 'AccessDenied')
      }
    }
  })

  it('403: a principal without permissions may do nothing', () => {
    expect(codeOf([], upload('x'))).toBe('AccessDenied')
  })

  it('without a key, is asked whether anything in the bucket can be reached', () => {
    const { key: _, ...access } = upload('x')
    expect(codeOf([{ prefix: 'far/away/' }], access)).toBeUndefined()
    expect(codeOf([{ prefix: 'far/away/', buckets: ['docs'] }], access)).toBe('AccessDenied')
  })
})

describe('a permission with a size or types of its own', () => {
  const images = { prefix: 'a/', contentTypes: ['image/png'], maxSizeBytes: 10 }
  const videos = { prefix: 'a/', contentTypes: ['video/mp4'], maxSizeBytes: 100 }
  const access = (sizeBytes: number, contentType: string) => ({
    ...upload('a/x'),
    sizeBytes,
    contentType,
  })

  it('413: takes its maximum and not one byte more', () => {
    expect(codeOf([images], access(10, 'image/png'))).toBeUndefined()
    expect(codeOf([images], access(11, 'image/png'))).toBe('EntityTooLarge')
    expect(codeOf([{ maxSizeBytes: 0 }], access(0, 'image/png'))).toBeUndefined()
    expect(codeOf([{ maxSizeBytes: 0 }], access(1, 'image/png'))).toBe('EntityTooLarge')
  })

  it('415: takes its types only', () => {
    expect(codeOf([images], access(1, 'image/jpeg'))).toBe('UnsupportedMediaType')
    expect(codeOf([images], access(1, 'IMAGE/PNG'))).toBe('UnsupportedMediaType')
  })

  it('does not lend its size to the types of another rule', () => {
    expect(codeOf([images, videos], access(100, 'video/mp4'))).toBeUndefined()
    expect(codeOf([images, videos], access(100, 'image/png'))).toBe('EntityTooLarge')
    expect(codeOf([images, videos], access(101, 'video/mp4'))).toBe('EntityTooLarge')
  })

  it('403: tells nobody outside its prefix about its size', () => {
    const far = { ...access(1_000, 'image/png'), key: ObjectKey.parse('b/x') }
    expect(codeOf([images], far)).toBe('AccessDenied')
  })

  it('says nothing about reading', () => {
    const rule = { ...images, operations: ['download'] as const }
    expect(codeOf([rule], { ...upload('a/x'), operation: 'download' })).toBeUndefined()
  })
})

describe('the prefixes that may be listed', () => {
  const prefixes = (grants: readonly Grant[], bucket = 'media') =>
    readablePrefixes(principal(...grants), bucket, 'list')
  const list = { operations: ['list'] as const }

  it('are sorted, each once, none inside another', () => {
    const grants = ['b/', 'a/x/', 'a/', 'a/', 'ab/'].map((text) => ({ ...list, prefix: text }))
    expect(prefixes(grants)).toEqual(['a/', 'ab/', 'b/'])
  })

  it('are the whole bucket where one rule says so', () => {
    expect(prefixes([{ ...list, prefix: 'a/' }, list])).toEqual([''])
  })

  it('are none in other buckets and for other operations', () => {
    expect(prefixes([list], 'docs')).toEqual([])
    expect(prefixes([{ operations: ['download'] }])).toEqual([])
  })

  it('cover exactly the keys that the rules allow', () => {
    fc.assert(
      fc.property(fc.array(grant, { maxLength: 4 }), wanted, (grants, access) => {
        const alice = principal(...grants)
        const covered = readablePrefixes(alice, access.bucket, access.operation).some((text) =>
          access.key.text.startsWith(text),
        )
        expect(covered).toBe(refusalOf(() => authorize(alice, access)) === undefined)
      }),
    )
  })
})
