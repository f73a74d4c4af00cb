import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ObjectKey } from '../../src/object-key.ts'
import { authorize } from '../../src/policy/authorize.ts'
import { renderPermissions } from '../../src/policy/render-permissions.ts'
import { permission, principal, refusalOf } from './policy-fixture.ts'

const own = permission({ prefix: '{tenant}/{user}/' })
const prefixOf = (tenant: string, user: string, prefix: string) =>
  renderPermissions([permission({ prefix })], { tenant, user })[0]?.prefix

describe('variables in the prefix of a rule', () => {
  it('stand for the tenant and the user who ask', () => {
    expect(prefixOf('acme', 'alice', '{tenant}/{user}/')).toBe('acme/alice/')
    expect(prefixOf('acme', 'alice', 'in/{user}/')).toBe('in/alice/')
    expect(prefixOf('acme', 'alice', '')).toBe('')
  })

  it('keep everything else of the rule', () => {
    const rule = permission({ prefix: '{user}/', maxSizeBytes: 5, contentTypes: ['image/png'] })
    expect(renderPermissions([rule], { tenant: 'acme', user: 'alice' })).toEqual([
      { ...rule, prefix: 'alice/' },
    ])
  })

  it.each([
    ['..', '%2E%2E/'],
    ['a/b', 'a%2Fb/'],
    ['a\\b', 'a%5Cb/'],
    ['100%', '100%25/'],
    ['{tenant}', '{tenant}/'],
  ])('are one segment for the id %j', (user, rendered) => {
    expect(prefixOf('acme', user, '{user}/')).toBe(rendered)
  })

  it('never let one user into the key space of another, of whatever tenant', () => {
    const part = fc.constantFrom('a', 'b', '/', '.', '..', '%', '%2F', '{user}', '{tenant}', '-')
    const id = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''))
    const owner = fc.record({ tenant: id, user: id })
    fc.assert(
      fc.property(owner, owner, (one, other) => {
        const [theirs] = renderPermissions([own], other)
        const key = ObjectKey.parse(`${theirs?.prefix}x`)
        const asked = { operation: 'upload', bucket: 'media', key } as const
        const who = { ...principal(), ...one, permissions: renderPermissions([own], one) }
        const same = one.tenant === other.tenant && one.user === other.user
        expect(refusalOf(() => authorize(who, asked))?.code).toBe(same ? undefined : 'AccessDenied')
      }),
      { numRuns: 500 },
    )
  })
})
