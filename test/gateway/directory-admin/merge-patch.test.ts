import { describe, expect, it } from 'vitest'
import { mergePatch } from '../../../src/gateway/directory-admin/merge-patch.ts'

describe('a merge patch', () => {
  // RFC 7396, appendix A, as far as the patch is a mapping.
  it.each([
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: 'b', c: null }, { a: 'b' }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])('of %j with %j is %j', (target, patch, expected) => {
    expect(mergePatch(target, patch)).toEqual(expected)
  })

  it('makes a member of __proto__ and changes neither argument', () => {
    const target = Object.freeze({ a: Object.freeze({ b: 1 }) })
    const patch = JSON.parse('{"__proto__":{"x":1},"a":{"c":2}}')
    const merged = mergePatch(target, patch)
    expect(Object.hasOwn(merged, '__proto__')).toBe(true)
    expect((merged as { x?: number }).x).toBeUndefined()
    expect([target, merged.a]).toEqual([{ a: { b: 1 } }, { b: 1, c: 2 }])
  })
})
