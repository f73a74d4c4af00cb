import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OPERATIONS, type Permission } from '../../src/auth/principal.ts'
import { ObjectKey } from '../../src/object-key.ts'
import { authorize } from '../../src/policy/authorize.ts'
import { widerThan } from '../../src/policy/within-ceiling.ts'

const TENANT: Permission = {
  operations: new Set(['upload', 'download']),
  buckets: new Set(['media', 'docs']),
  prefix: 'acme/',
  maxSizeBytes: 1_000,
  contentTypes: new Set(['image/jpeg', 'image/png']),
  expiresInSecondsMax: 60,
  networks: ['10.0.0.0/8', '2001:db8::/32'],
}
const rule = (changes: Partial<Permission>): Permission => ({ ...TENANT, ...changes })
const membersOf = (changes: Partial<Permission>, ceiling = [TENANT]) =>
  widerThan(ceiling, [rule(changes)]).map(({ member }) => member)

/** A rule without one of its bounds. */
function without(name: 'maxSizeBytes' | 'contentTypes' | 'expiresInSecondsMax' | 'networks') {
  const { [name]: _, ...rest } = TENANT
  return rest
}

describe('a rule within its parent', () => {
  it('is the same rule, or one that is narrower in every way', () => {
    expect(membersOf({})).toEqual([])
    const narrow = rule({
      operations: new Set(['upload']),
      buckets: new Set(['docs']),
      prefix: 'acme/alice/',
      maxSizeBytes: 999,
      contentTypes: new Set(['image/png']),
      expiresInSecondsMax: 59,
      networks: ['10.1.0.0/16', '2001:db8:1::/48'],
    })
    expect(widerThan([TENANT], [narrow])).toEqual([])
  })

  it.each<[string, Partial<Permission>]>([
    ['operations', { operations: new Set(['upload', 'delete']) }],
    ['buckets', { buckets: new Set(['media', 'other']) }],
    ['prefix', { prefix: '' }],
    ['prefix', { prefix: 'acm/' }],
    ['prefix', { prefix: 'acme2/' }],
    ['contentTypes', { contentTypes: new Set(['image/png', 'text/html']) }],
    ['maxSizeBytes', { maxSizeBytes: 1_001 }],
    ['expiresInSecondsMax', { expiresInSecondsMax: 61 }],
    ['networks', { networks: ['10.0.0.0/7'] }],
    ['networks', { networks: ['10.0.0.0/8', '192.0.2.0/24'] }],
    ['networks', { networks: ['2001:db8::/31'] }],
    ['networks', { networks: ['::/0'] }],
  ])('is not one with wider %s: %o', (member, changes) => {
    expect(membersOf(changes)).toEqual([member])
  })

  it.each(['contentTypes', 'maxSizeBytes', 'expiresInSecondsMax', 'networks'] as const)(
    'is not one without %s where the parent has them, and may have them where it has none',
    (name) => {
      expect(widerThan([TENANT], [without(name)])).toEqual([{ rule: 0, member: name }])
      expect(widerThan([without(name)], [TENANT])).toEqual([])
    },
  )

  it('may upload in parts where its parent uploads, and not the other way round', () => {
    expect(membersOf({ operations: new Set(['multipart']) })).toEqual([])
    const parts = rule({ operations: new Set(['multipart']) })
    expect(membersOf({ operations: new Set(['upload']) }, [parts])).toEqual(['operations'])
  })

  it('takes an IPv4 network that is written as mapped for what it is', () => {
    expect(membersOf({ networks: ['::ffff:10.1.0.0/112'] })).toEqual([])
    expect(membersOf({ networks: ['::ffff:11.0.0.0/104'] })).toEqual(['networks'])
  })

  it('may take its operations, buckets and types from several rules of the parent', () => {
    const uploads = rule({ operations: new Set(['upload']), contentTypes: new Set(['image/png']) })
    const jpegs = rule({ operations: new Set(['upload']), contentTypes: new Set(['image/jpeg']) })
    const downloads = rule({ operations: new Set(['download']) })
    expect(membersOf({}, [uploads, jpegs, downloads])).toEqual([])
    expect(membersOf({}, [uploads, downloads])).toEqual(['contentTypes'])
  })

  it('is told by its place, with each member once', () => {
    const wide = rule({ operations: new Set(['delete', 'upload']), prefix: '' })
    expect(widerThan([TENANT], [TENANT, wide])).toEqual([
      { rule: 1, member: 'operations' },
      { rule: 1, member: 'prefix' },
    ])
  })

  it('is never one when the parent allows nothing', () => {
    expect(membersOf({}, [])).toEqual(['operations'])
  })
})

describe('rules within their parent', () => {
  const permission = fc.record({
    operations: fc.uniqueArray(fc.constantFrom(...OPERATIONS), { minLength: 1, maxLength: 3 }),
    buckets: fc.uniqueArray(fc.constantFrom('a', 'b'), { minLength: 1 }),
    prefix: fc.constantFrom('', 'x/', 'x/y/', 'z/'),
    maxSizeBytes: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    contentTypes: fc.option(fc.uniqueArray(fc.constantFrom('a/a', 'b/b'), { minLength: 1 }), {
      nil: undefined,
    }),
  })
  const permissions = fc.array(permission.map(permissionOf), { maxLength: 3 })

  it('never allow what their parent refuses', () => {
    const wanted = fc.record({
      operation: fc.constantFrom(...OPERATIONS),
      bucket: fc.constantFrom('a', 'b'),
      key: fc.constantFrom('x/k', 'x/y/k', 'z/k', 'k').map((key) => ObjectKey.parse(key)),
      sizeBytes: fc.integer({ min: 0, max: 4 }),
      contentType: fc.constantFrom('a/a', 'b/b', 'c/c'),
    })
    let within = 0
    fc.assert(
      fc.property(permissions, permissions, wanted, (parent, child, access) => {
        if (child.length === 0 || widerThan(parent, child).length > 0) return
        within += 1
        if (isAllowed(child, access)) expect(isAllowed(parent, access)).toBe(true)
      }),
      { numRuns: 5_000 },
    )
    expect(within).toBeGreaterThan(50)
  })

  it('are looked at once each, however many combinations their lists make', () => {
    let looks = 0
    /** Counts the items that were looked at. */
    class Watched<Item> extends Set<Item> {
      override has(item: Item) {
        looks += 1
        return super.has(item)
      }
      override *[Symbol.iterator]() {
        for (const item of super.values()) {
          looks += 1
          yield item
        }
        return undefined
      }
    }
    const many = (name: string, count: number) =>
      Array.from({ length: count }, (_, at) => `${name}${at}`)
    const wide = {
      ...TENANT,
      operations: new Watched(OPERATIONS),
      buckets: new Watched(many('bucket', 20)),
      contentTypes: new Watched(many('image/', 50)),
    }
    const items = [wide.operations, wide.buckets, wide.contentTypes].map(({ size }) => size)
    const rules = Array.from({ length: 10 }, () => wide)
    expect(widerThan(rules, rules)).toEqual([])
    const each = items.reduce((sum, size) => sum + size)
    expect(looks).toBeLessThanOrEqual(2 * rules.length * (each + OPERATIONS.length * 20))
  })

  it('are within themselves, and with more rules in the parent', () => {
    fc.assert(
      fc.property(permissions, permissions, (child, more) => {
        expect(widerThan([...more, ...child], child)).toEqual([])
      }),
    )
  })
})

interface Drawn {
  readonly operations: Permission['operations'] extends ReadonlySet<infer Each> ? Each[] : never
  readonly buckets: string[]
  readonly prefix: string
  readonly maxSizeBytes: number | undefined
  readonly contentTypes: string[] | undefined
}

function permissionOf({
  operations,
  buckets,
  prefix,
  maxSizeBytes,
  contentTypes,
}: Drawn): Permission {
  return {
    operations: new Set(operations),
    buckets: new Set(buckets),
    prefix,
    ...(maxSizeBytes !== undefined && { maxSizeBytes }),
    ...(contentTypes !== undefined && { contentTypes: new Set(contentTypes) }),
  }
}

function isAllowed(
  permissions: readonly Permission[],
  wanted: Parameters<typeof authorize>[1],
): boolean {
  try {
    authorize({ tenant: 't', user: 'u', permissions }, wanted)
    return true
  } catch {
    // Whoever may upload may do so in parts.
    return wanted.operation === 'multipart' && isAllowed(permissions, asUpload(wanted))
  }
}

function asUpload(wanted: Parameters<typeof authorize>[1]): Parameters<typeof authorize>[1] {
  return { ...wanted, operation: 'upload' }
}
