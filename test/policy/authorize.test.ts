import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OPERATIONS, type Principal } from '../../src/auth/principal.ts'
import { ObjectKey } from '../../src/object-key.ts'
import {
  accessDenied,
  allowanceOf,
  authorize,
  readablePrefixes,
  ruleVerdicts,
} from '../../src/policy/authorize.ts'
import type { WantedAccess } from '../../src/policy/rule-refusal.ts'
import { type Grant, permission, principal, refusalOf } from './policy-fixture.ts'

const upload = (key: string, bucket = 'media'): WantedAccess => ({
  operation: 'upload',
  bucket,
  key: ObjectKey.parse(key),
})
const codeOf = (rules: readonly Grant[], access: WantedAccess) =>
  refusalOf(() => authorize(principal(...rules), access))?.code

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
const TYPES = ['image/png', 'video/mp4', 'text/plain']
const NETWORKS = ['10.0.0.0/8', '10.1.0.0/16', '2001:db8::/32']
const grant = fc.record(
  {
    operations: fc.subarray([...OPERATIONS], { minLength: 1 }),
    buckets: fc.subarray(['media', 'docs'], { minLength: 1 }),
    prefix,
    maxSizeBytes: fc.nat(3),
    contentTypes: fc.subarray(TYPES, { minLength: 1 }),
    expiresInSecondsMax: fc.integer({ min: 1, max: 3 }),
    networks: fc.subarray(NETWORKS, { minLength: 1 }),
  },
  { requiredKeys: ['operations', 'buckets', 'prefix'] },
)
const grants = fc.array(grant, { maxLength: 4 })
const wanted = fc.record(
  {
    operation: fc.constantFrom(...OPERATIONS),
    bucket: fc.constantFrom('media', 'docs', 'other'),
    key: key.map((text) => ObjectKey.parse(text)),
    sizeBytes: fc.nat(4),
    contentType: fc.constantFrom(...TYPES),
  },
  { requiredKeys: ['operation', 'bucket', 'key'] },
)
const address = fc.option(fc.constantFrom('10.0.0.1', '10.1.0.1', '192.0.2.1', '2001:db8::1'), {
  nil: undefined,
})

// Most of what is drawn above is refused; these meet often enough to be allowed by two lists at once.
const closeGrant = fc
  .record({
    rule: grant,
    prefix: fc.constantFrom('', 'a/', 'a/b/', 'é/'),
    operations: fc.subarray([...OPERATIONS], { minLength: 4 }),
    buckets: fc.constant(['media']),
  })
  .map(({ rule, ...close }) => ({ ...rule, ...close }))
const closeGrants = fc.array(closeGrant, { maxLength: 4 })
const closeWanted = fc
  .record({ access: wanted, text: fc.constantFrom('a/x', 'a/b/x', 'é/x', 'e\u0301/x') })
  .map(({ access, text }) => ({ ...access, bucket: 'media', key: ObjectKey.parse(text) }))

/** Alice with these rules at an address, below what her tenant may do, where that is bounded. */
function alice(
  rules: readonly Grant[],
  { ceiling, at }: { ceiling?: readonly Grant[] | undefined; at?: string | undefined } = {},
): Principal {
  return {
    ...principal(...rules),
    ...(ceiling !== undefined && { ceiling: ceiling.map(permission) }),
    ...(at !== undefined && { address: at }),
  }
}

/** How long a grant may live for it, in seconds; 0 when it is refused. */
function secondsFor(who: Principal, access: WantedAccess): number {
  const allowance = allowanceOf(who, access)
  if (allowance === undefined) return 0
  return allowance.expiresInSecondsMax ?? Number.POSITIVE_INFINITY
}

/** Written down a second time, and in bytes. */
function ruleAllows(rule: Grant, access: WantedAccess, at: string | undefined): boolean {
  const { operations = [], buckets = [], prefix: begin = '', networks } = rule
  const { operation, sizeBytes = 0, contentType } = access
  const from = at?.split(/[.:]/) ?? []
  return (
    operations.some(
      (one) => one === operation || (one === 'upload' && operation === 'multipart'),
    ) &&
    buckets.includes(access.bucket) &&
    Buffer.from(access.key?.text ?? '')
      .subarray(0, Buffer.byteLength(begin))
      .equals(Buffer.from(begin)) &&
    (networks === undefined ||
      (from[0] === '10' && networks.includes('10.0.0.0/8')) ||
      (from[0] === '10' && from[1] === '1' && networks.includes('10.1.0.0/16')) ||
      (from[0] === '2001' && networks.includes('2001:db8::/32'))) &&
    sizeBytes <= (rule.maxSizeBytes ?? sizeBytes) &&
    (contentType === undefined || (rule.contentTypes?.includes(contentType) ?? true))
  )
}

describe('a permission', () => {
  it('allows a key only when its bytes start with those of the prefix', () => {
    let allowed = 0
    fc.assert(
      fc.property(grants, wanted, address, (rules, access, at) => {
        const expected = rules.some((rule) => ruleAllows(rule, access, at))
        if (expected) allowed += 1
        expect(refusalOf(() => authorize(alice(rules, { at }), access)) === undefined).toBe(
          expected,
        )
      }),
      { numRuns: 2_000 },
    )
    expect(allowed).toBeGreaterThan(50)
  })

  it('never allows less when another one joins it, nor more when one goes', () => {
    fc.assert(
      fc.property(closeGrants, closeGrant, closeWanted, address, (rules, more, access, at) => {
        const few = secondsFor(alice(rules, { at }), access)
        const many = secondsFor(alice([...rules, more], { at }), access)
        expect(many).toBeGreaterThanOrEqual(few)
      }),
      { numRuns: 1_000 },
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
    const who = principal({ prefix: 'acme/alice/' })
    const refusals = [
      upload('acme/alice/x', 'no-such-bucket'),
      upload('acme/alice/x', 'docs'),
      upload('acme/bob/x'),
      { ...upload('acme/alice/x'), operation: 'delete' as const },
    ].map((access) => refusalOf(() => authorize(who, access)))
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

  it('403: gives no operation besides its own; whoever uploads may do so in parts', () => {
    for (const operation of OPERATIONS) {
      for (const other of OPERATIONS) {
        const code = codeOf([{ operations: [operation] }], { ...upload('x'), operation: other })
        const isPart = operation === 'upload' && other === 'multipart'
        expect(code).toBe(operation === other || isPart ? undefined : 'AccessDenied')
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

describe('a permission that is bound to networks', () => {
  const office = { networks: ['10.0.0.0/8', '2001:db8::/32'] }
  const codeFrom = (at: string | undefined) =>
    refusalOf(() => authorize(alice([office], { at }), upload('x')))?.code

  it.each(['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3', '2001:db8:ffff::1'])(
    'allows from %s',
    (at) => {
      expect(codeFrom(at)).toBeUndefined()
    },
  )

  it.each(['9.255.255.255', '11.0.0.0', '2001:db9::', '::ffff:11.0.0.1', '::10.0.0.1', '', 'x'])(
    '403: refuses from %j',
    (at) => {
      expect(codeFrom(at)).toBe('AccessDenied')
    },
  )

  it('403: refuses when the address is not known', () => {
    expect(codeFrom(undefined)).toBe('AccessDenied')
  })
})

describe('what a permission is called, and how long its grants live', () => {
  const allowed = (rules: readonly Grant[], ceiling?: readonly Grant[]) =>
    authorize(alice(rules, { ceiling }), upload('a/x'))

  it('is the name, or the place where there is none', () => {
    expect(allowed([{ prefix: 'b/' }, { name: 'own' }])).toEqual({ rule: 'own' })
    expect(allowed([{ prefix: 'b/' }, {}])).toEqual({ rule: 'allow[1]' })
  })

  it('is the one that lets them live longest, then the first', () => {
    const short = { name: 'short', expiresInSecondsMax: 5 }
    const long = { name: 'long', expiresInSecondsMax: 60 }
    expect(allowed([short, long])).toEqual({ rule: 'long', expiresInSecondsMax: 60 })
    expect(allowed([short, { name: 'any' }, long, {}])).toEqual({ rule: 'any' })
    expect(allowed([long, { ...short, expiresInSecondsMax: 60 }])).toMatchObject({ rule: 'long' })
  })

  it('is no longer than the tenant may have', () => {
    expect(allowed([{}], [{ expiresInSecondsMax: 7 }])).toMatchObject({ expiresInSecondsMax: 7 })
    expect(allowed([{ expiresInSecondsMax: 6 }], [{ expiresInSecondsMax: 7 }])).toMatchObject({
      expiresInSecondsMax: 6,
    })
    expect(allowed([{ expiresInSecondsMax: 6 }], [{}])).toMatchObject({ expiresInSecondsMax: 6 })
  })
})

describe('what the tenant may do', () => {
  const codeBelow = (
    ceiling: readonly Grant[],
    access: WantedAccess,
    rules: readonly Grant[] = [{}],
  ) => refusalOf(() => authorize(alice(rules, { ceiling }), access))?.code

  it('has to allow it as well, by one rule', () => {
    expect(codeBelow([{ prefix: 'a/' }], upload('a/x'))).toBeUndefined()
    expect(codeBelow([{ prefix: 'a/' }], upload('b/x'))).toBe('AccessDenied')
    expect(codeBelow([], upload('a/x'))).toBe('AccessDenied')
    const halves = [{ prefix: 'a/', operations: ['list'] as const }, { buckets: ['docs'] }]
    expect(codeBelow(halves, upload('a/x'))).toBe('AccessDenied')
  })

  it('413, 415: tells of its size and types as the credential does, and 403 before both', () => {
    const png = { ...upload('a/x'), sizeBytes: 10, contentType: 'image/png' }
    expect(codeBelow([{ maxSizeBytes: 9 }], png)).toBe('EntityTooLarge')
    expect(codeBelow([{ contentTypes: ['image/jpeg'] }], png)).toBe('UnsupportedMediaType')
    expect(codeBelow([{ maxSizeBytes: 9 }], png, [{ contentTypes: ['image/gif'] }])).toBe(
      'UnsupportedMediaType',
    )
    expect(codeBelow([{ prefix: 'b/' }], png, [{ maxSizeBytes: 9 }])).toBe('AccessDenied')
    expect(codeBelow([{ maxSizeBytes: 9 }], png, [{ prefix: 'b/' }])).toBe('AccessDenied')
  })

  it('never widens what the credential allows, nor the credential what the tenant may do', () => {
    let allowed = 0
    fc.assert(
      fc.property(closeGrants, closeGrants, closeWanted, address, (...drawn) => {
        const [rules, ceiling, access, at] = drawn
        const both = secondsFor(alice(rules, { ceiling, at }), access)
        const own = secondsFor(alice(rules, { at }), access)
        const bound = secondsFor(alice(ceiling, { at }), access)
        if (both > 0) allowed += 1
        expect(both).toBe(Math.min(own, bound))
      }),
      { numRuns: 2_000 },
    )
    expect(allowed).toBeGreaterThan(30)
  })
})

describe('why nothing allowed it', () => {
  const verdicts = (who: Principal, access: WantedAccess) => {
    try {
      authorize(who, access)
    } catch (error) {
      return ruleVerdicts(error)
    }
    throw new Error('it was allowed')
  }

  it('is told of each rule of the credential, and of no other', () => {
    const png = { ...upload('a/x'), sizeBytes: 10, contentType: 'image/png' }
    const rules: Grant[] = [
      { name: 'readers', operations: ['download'] },
      { buckets: ['docs'] },
      { prefix: 'b/' },
      { networks: ['10.0.0.0/8'] },
      { contentTypes: ['image/jpeg'] },
      { maxSizeBytes: 9 },
      { name: 'wide' },
    ]
    const who = alice(rules, { ceiling: [{ name: 'of-the-tenant', prefix: 'c/' }] })
    expect(verdicts(who, png)).toEqual([
      { rule: 'readers', reason: 'operation' },
      { rule: 'allow[1]', reason: 'bucket' },
      { rule: 'allow[2]', reason: 'prefix' },
      { rule: 'allow[3]', reason: 'network' },
      { rule: 'allow[4]', reason: 'contentType' },
      { rule: 'allow[5]', reason: 'sizeBytes' },
      { rule: 'wide', reason: 'tenant' },
    ])
  })

  it('is not to be had of other errors', () => {
    expect(ruleVerdicts(accessDenied())).toBeUndefined()
    expect(ruleVerdicts('AccessDenied')).toBeUndefined()
  })
})

describe('the prefixes that may be listed', () => {
  const prefixes = (rules: readonly Grant[], bucket = 'media') =>
    readablePrefixes(principal(...rules), bucket, 'list')
  const list = { operations: ['list'] as const }

  it('are sorted, each once, none inside another', () => {
    const rules = ['b/', 'a/x/', 'a/', 'a/', 'ab/'].map((text) => ({ ...list, prefix: text }))
    expect(prefixes(rules)).toEqual(['a/', 'ab/', 'b/'])
  })

  it('are the whole bucket where one rule says so', () => {
    expect(prefixes([{ ...list, prefix: 'a/' }, list])).toEqual([''])
  })

  it('are none in other buckets and for other operations', () => {
    expect(prefixes([list], 'docs')).toEqual([])
    expect(prefixes([{ operations: ['download'] }])).toEqual([])
  })

  it('are those that the tenant may list too', () => {
    const below = (ceiling: readonly Grant[], ...own: string[]) =>
      readablePrefixes(
        alice(
          own.map((text) => ({ ...list, prefix: text })),
          { ceiling: ceiling.map((rule) => ({ ...list, ...rule })) },
        ),
        'media',
        'list',
      )
    expect(below([{ prefix: 'a/' }], '')).toEqual(['a/'])
    expect(below([{}], 'a/', 'b/')).toEqual(['a/', 'b/'])
    expect(below([{ prefix: 'a/x/' }, { prefix: 'b/' }], 'a/', 'c/')).toEqual(['a/x/'])
    expect(below([{ operations: ['download'] }], 'a/')).toEqual([])
  })

  it('cover exactly the keys that the rules allow', () => {
    fc.assert(
      fc.property(
        grants,
        fc.option(grants, { nil: undefined }),
        wanted,
        (rules, ceiling, access) => {
          const who = alice(rules, { ceiling, at: '10.0.0.1' })
          const { operation, bucket, key: asked } = access
          const covered = readablePrefixes(who, bucket, operation).some((text) =>
            asked.text.startsWith(text),
          )
          const isAllowed = allowanceOf(who, { operation, bucket, key: asked }) !== undefined
          expect(covered).toBe(isAllowed)
        },
      ),
      { numRuns: 1_000 },
    )
  })
})
