import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { partSize, planMultipart } from '../../src/signing/multipart-plan.ts'
import { ABLE } from '../stores/store-fixture.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30

describe('the plan of a multipart upload', () => {
  it.each([
    ['nothing', 0, { partSizeBytes: 8 * MIB, partCount: 1 }],
    ['one byte', 1, { partSizeBytes: 8 * MIB, partCount: 1 }],
    ['exactly one part', 8 * MIB, { partSizeBytes: 8 * MIB, partCount: 1 }],
    ['a byte more', 8 * MIB + 1, { partSizeBytes: 8 * MIB, partCount: 2 }],
    ['the most of the preferred size', 80_000 * MIB, { partSizeBytes: 8 * MIB, partCount: 10_000 }],
    ['a byte more than that', 80_000 * MIB + 1, { partSizeBytes: 9 * MIB, partCount: 8_889 }],
    ['the largest object of S3', 5 * 2 ** 40, { partSizeBytes: 525 * MIB, partCount: 9_987 }],
    ['the most of all', 50_000 * GIB, { partSizeBytes: 5 * GIB, partCount: 10_000 }],
  ])('cuts %s', (_, sizeBytes, plan) => {
    expect(planMultipart(ABLE, sizeBytes)).toEqual(plan)
  })

  it('422: a byte more than the parts of the store hold', () => {
    expect(() => planMultipart(ABLE, 50_000 * GIB + 1)).toThrow(
      expect.objectContaining({
        code: 'UnsupportedByStore',
        details: { capability: 'multipart' },
      }),
    )
  })

  it('never takes less than the least part, nor more than the largest, whatever is preferred', () => {
    const small = { ...ABLE, preferredPartBytes: 1 }
    expect(planMultipart(small, 20 * MIB)).toEqual({ partSizeBytes: 5 * MIB, partCount: 4 })
    const large = { ...ABLE, preferredPartBytes: 6 * GIB }
    expect(planMultipart(large, 20 * GIB)).toEqual({ partSizeBytes: 5 * GIB, partCount: 4 })
    const odd = { ...ABLE, maxParts: 2, maxPartBytes: 8 * MIB + 7 }
    expect(planMultipart(odd, 16 * MIB + 14)).toEqual({ partSizeBytes: 8 * MIB + 7, partCount: 2 })
  })

  it('covers every byte once with equal parts within the limits of the store', () => {
    const limits = fc.record({
      maxParts: fc.integer({ min: 1, max: 50 }),
      minPartBytes: fc.integer({ min: 1, max: 5 * MIB }),
      maxPartBytes: fc.integer({ min: 5 * MIB, max: 50 * MIB }),
      preferredPartBytes: fc.integer({ min: 1, max: 60 * MIB }),
    })
    fc.assert(
      fc.property(limits, fc.integer({ min: 0, max: 2_500 * MIB }), (store, sizeBytes) => {
        if (sizeBytes > store.maxParts * store.maxPartBytes) {
          expect(() => planMultipart(store, sizeBytes)).toThrow('Cannot sign for this store')
          return
        }
        const plan = planMultipart(store, sizeBytes)
        const sizes = Array.from({ length: plan.partCount }, (_, index) =>
          partSize(plan, sizeBytes, index + 1),
        )
        expect(sizes.length).toBeLessThanOrEqual(store.maxParts)
        expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(sizeBytes)
        const last = sizes.pop() ?? Number.NaN
        expect(new Set(sizes).size).toBeLessThanOrEqual(1)
        for (const size of sizes) expect(size).toBe(plan.partSizeBytes)
        expect(plan.partSizeBytes).toBeGreaterThanOrEqual(store.minPartBytes)
        expect(plan.partSizeBytes).toBeLessThanOrEqual(store.maxPartBytes)
        expect(last).toBeLessThanOrEqual(plan.partSizeBytes)
        expect(last).toBeGreaterThanOrEqual(sizeBytes === 0 ? 0 : 1)
      }),
      { numRuns: 1_000 },
    )
  })

  it.each([0, -1, 3, 1.5, Number.NaN])('has no part %s', (partNumber) => {
    const plan = planMultipart(ABLE, 9 * MIB)
    expect(plan.partCount).toBe(2)
    expect(() => partSize(plan, 9 * MIB, partNumber)).toThrow(RangeError)
  })
})
