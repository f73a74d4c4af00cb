import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import type { Bucket } from '../../src/stores/bucket.ts'
import {
  placementName,
  placementsFor,
  placementsToSearch,
} from '../../src/stores/placement-order.ts'
import type { Placement } from '../../src/stores/store.ts'
import { exampleBucket, examplePlacement } from './store-fixture.ts'

const RUNS = { numRuns: 60 }
const KEYS = Array.from({ length: 4_000 }, (_, index) => `acme/alice/${index}`)

function bucketOf(
  strategy: 'primary' | 'weighted',
  placements: readonly Partial<Placement>[],
): Bucket {
  const made = placements.map((each, index) => examplePlacement({ bucket: `b${index}`, ...each }))
  const [first = examplePlacement(), ...others] = made
  return exampleBucket({
    placements: [first, ...others],
    placing: { strategy, whenDown: 'sign' },
  })
}

function objectOf(key: string) {
  return { tenant: 'acme', region: 'eu', key, contentType: 'image/png', sizeBytes: 10 }
}

const firstOf = (bucket: Bucket, key: string) =>
  placementsFor(bucket, objectOf(key), nodeHashing)[0]?.bucket

const terms = fc.option(
  fc
    .record({
      tenants: fc.option(fc.constantFrom(new Set(['acme']), new Set(['globex']))),
      regions: fc.option(fc.constantFrom(new Set(['eu']), new Set(['us', 'eu']), new Set(['us']))),
      contentTypes: fc.option(
        fc.constantFrom(new Set(['image/png']), new Set(['image/*']), new Set(['video/mp4'])),
      ),
      minSizeBytes: fc.option(fc.integer({ min: 8, max: 12 })),
      maxSizeBytes: fc.option(fc.integer({ min: 8, max: 12 })),
    })
    .map((members) =>
      Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null)),
    ),
  { nil: undefined },
)
const anyPlacements = fc.array(
  fc
    .record({ weight: fc.constantFrom(undefined, 0, 1, 5), takes: terms })
    .map(({ weight, takes }) => ({
      ...(weight !== undefined && { weight }),
      ...(takes !== undefined && { takes }),
    })),
  { minLength: 1, maxLength: 5 },
)
const strategies = fc.constantFrom('primary' as const, 'weighted' as const)

describe('placements that take a new object', () => {
  it('are exactly those of weight whose every term holds, whatever the strategy', () => {
    fc.assert(
      fc.property(strategies, anyPlacements, (strategy, placements) => {
        const bucket = bucketOf(strategy, placements)
        const taken = placementsFor(bucket, objectOf('k'), nodeHashing).map((each) => each.bucket)
        const expected = bucket.placements.filter(({ weight = 1, takes = {} }) => {
          const { tenants, regions, contentTypes, minSizeBytes = 0, maxSizeBytes = 99 } = takes
          return (
            weight > 0 &&
            (tenants?.has('acme') ?? true) &&
            (regions?.has('eu') ?? true) &&
            (contentTypes === undefined ||
              contentTypes.has('image/png') ||
              contentTypes.has('image/*')) &&
            minSizeBytes <= 10 &&
            10 <= maxSizeBytes
          )
        })
        expect(new Set(taken)).toEqual(new Set(expected.map((each) => each.bucket)))
        if (strategy === 'primary') expect(taken).toEqual(expected.map((each) => each.bucket))
      }),
      RUNS,
    )
  })

  it('a caller of unknown region is in none', () => {
    const bucket = bucketOf('primary', [{ takes: { regions: new Set(['eu']) } }, {}])
    const { region: _, ...unknown } = objectOf('k')
    const taken = placementsFor(bucket, unknown, nodeHashing).map((each) => each.bucket)
    expect(taken).toEqual(['b1'])
  })
})

describe('placements in which an object is looked for', () => {
  it('are all of them once, and those that may have taken it come first', () => {
    fc.assert(
      fc.property(strategies, anyPlacements, (strategy, placements) => {
        const bucket = bucketOf(strategy, placements)
        const found = placementsToSearch(bucket, objectOf('k'), nodeHashing)
        expect(found).toHaveLength(bucket.placements.length)
        expect(new Set(found.map(placementName))).toEqual(
          new Set(bucket.placements.map(placementName)),
        )
        const mayHave = found.map(
          ({ takes }) =>
            (takes?.tenants?.has('acme') ?? true) && (takes?.regions?.has('eu') ?? true),
        )
        expect(mayHave).toEqual([...mayHave].sort((a, b) => Number(b) - Number(a)))
      }),
      RUNS,
    )
  })

  it('are not those of other tenants alone, of what has its tenant in its name', () => {
    const bucket = {
      ...bucketOf('primary', [
        { takes: { tenants: new Set(['globex']) } },
        { takes: { tenants: new Set(['acme', 'a/b']) } },
        {},
      ]),
      keys: { kind: 'caller', callerPrefix: '{tenant}/' } as const,
    }
    const asked = (key: string, tenant = 'acme') =>
      placementsToSearch(bucket, { tenant, key }, nodeHashing).map((each) => each.bucket)
    const all = ['b1', 'b2', 'b0']
    expect([asked('acme/x'), asked('acme/'), asked('a%2Fb/x', 'a/b')]).toEqual([
      ['b1', 'b2'],
      ['b1', 'b2'],
      ['b1', 'b2'],
    ])
    // Of whom these are nobody can tell.
    for (const key of ['acme', 'globex/x', 'shared/x', '']) expect(asked(key)).toEqual(all)
    expect(asked('initech/x', 'initech')).toEqual(['b2'])
    const shared = { ...bucket, keys: { kind: 'template', template: '{key}/{tenant}/x' } as const }
    const object = { tenant: 'acme', key: 'acme/acme/x' }
    expect(placementsToSearch(shared, object, nodeHashing)).toHaveLength(3)
  })

  it('a new object is looked for first where it would go', () => {
    const bucket = bucketOf('weighted', [{ weight: 1 }, { weight: 3 }, { weight: 2 }])
    for (const key of KEYS.slice(0, 100)) {
      const [first] = placementsToSearch(bucket, objectOf(key), nodeHashing)
      expect(first?.bucket).toBe(firstOf(bucket, key))
    }
  })
})

describe('strategy weighted', () => {
  it('gives each placement its share of keys', () => {
    const bucket = bucketOf('weighted', [{ weight: 1 }, { weight: 3 }, { weight: 4 }])
    const counts = new Map<string | undefined, number>()
    for (const key of KEYS) {
      const name = firstOf(bucket, key)
      counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    const shares = ['b0', 'b1', 'b2'].map((name) => (counts.get(name) ?? 0) / KEYS.length)
    // Four standard deviations of a share of a half are 3.2 %; keys never change, so neither do counts.
    for (const [index, share] of [1 / 8, 3 / 8, 4 / 8].entries()) {
      expect(Math.abs((shares[index] ?? 0) - share)).toBeLessThan(0.032)
    }
  })

  it('is the same on every gateway, in whatever order placements are listed', () => {
    const placements = [{ weight: 1 }, { weight: 3 }, { weight: 4 }].map((each, index) => ({
      ...each,
      bucket: `b${index}`,
    }))
    const one = bucketOf('weighted', placements)
    const other = bucketOf('weighted', placements.toReversed())
    for (const key of KEYS.slice(0, 200)) expect(firstOf(other, key)).toBe(firstOf(one, key))
  })

  it('a larger weight moves keys to that placement and between no others', () => {
    const before = bucketOf('weighted', [{ weight: 1 }, { weight: 1 }, { weight: 1 }])
    const after = bucketOf('weighted', [{ weight: 1 }, { weight: 2 }, { weight: 1 }])
    const moved = KEYS.filter((key) => firstOf(before, key) !== firstOf(after, key))
    expect(new Set(moved.map((key) => firstOf(after, key)))).toEqual(new Set(['b1']))
    // From a third to a half.
    expect(Math.abs(moved.length / KEYS.length - 1 / 6)).toBeLessThan(0.03)
  })

  it('a placement that takes nothing new any more gives its keys to all others by their weights', () => {
    const before = bucketOf('weighted', [{ weight: 2 }, { weight: 2 }, { weight: 4 }])
    const after = bucketOf('weighted', [{ weight: 2 }, { weight: 2 }, { weight: 0 }])
    for (const key of KEYS) {
      const name = firstOf(before, key)
      if (name !== 'b2') expect(firstOf(after, key)).toBe(name)
    }
  })
})
