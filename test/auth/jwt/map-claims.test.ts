import { describe, expect, it } from 'vitest'
import type { AdminIssuer, ClaimCondition, Issuer } from '../../../src/auth/jwt/issuer.ts'
import { adminIdentityOf, identityOf, meets } from '../../../src/auth/jwt/map-claims.ts'
import type { Permission } from '../../../src/auth/principal.ts'
import { ISSUER } from './jwt-fixture.ts'

const CLAIMS = { iss: ISSUER.issuer, sub: 'alice', tenant: 'acme', exp: 1_800_000_000 }
const identity = (claims: Record<string, unknown>, settings: Partial<Issuer> = {}) =>
  identityOf({ ...CLAIMS, ...claims }, { ...ISSUER, ...settings })

const rule = (prefix: string): Permission => ({
  operations: new Set(['upload']),
  buckets: new Set(['media']),
  prefix,
})

describe('a condition on claims', () => {
  const claims = {
    groups: ['dev', 'ops', 7],
    scope: 'read write:all',
    verified: true,
    level: 0,
    empty: null,
    no: false,
    nothing: '',
    none: [],
    realm: { roles: ['admin'], 'a.b': 'c' },
  }
  it.each<[ClaimCondition, boolean]>([
    [{ claim: ['verified'], value: true }, true],
    [{ claim: ['verified'], value: 'true' }, false],
    [{ claim: ['level'], value: 0 }, true],
    [{ claim: ['level'], value: '0' }, false],
    [{ claim: ['level'], value: false }, false],
    [{ claim: ['groups'], value: 'ops' }, true],
    [{ claim: ['groups'], value: 7 }, true],
    [{ claim: ['groups'], value: 'op' }, false],
    [{ claim: ['groups'], word: 'ops' }, false],
    [{ claim: ['groups', '1'], value: 'ops' }, false],
    [{ claim: ['groups', 'length'], value: 3 }, false],
    [{ claim: ['scope'], word: 'read' }, true],
    [{ claim: ['scope'], word: 'write' }, false],
    [{ claim: ['scope'], value: 'read' }, false],
    [{ claim: ['realm', 'roles'], value: 'admin' }, true],
    [{ claim: ['realm', 'a.b'], value: 'c' }, true],
    [{ claim: ['realm', 'a', 'b'], value: 'c' }, false],
    [{ claim: ['realm'] }, true],
    [{ claim: ['level'] }, true],
    [{ claim: ['verified'] }, true],
    [{ claim: ['groups'] }, true],
    [{ claim: ['empty'] }, false],
    [{ claim: ['no'] }, false],
    [{ claim: ['no'], value: false }, true],
    [{ claim: ['nothing'] }, false],
    [{ claim: ['none'] }, false],
    [{ claim: ['nowhere'] }, false],
    [{ claim: ['scope', 'length'] }, false],
    [{ claim: ['constructor'] }, false],
    [{ claim: ['__proto__'] }, false],
    [{ claim: ['realm', 'toString'] }, false],
  ])('%j is met: %s', (condition, met) => {
    expect(meets(claims, condition)).toBe(met)
  })
})

describe('claims', () => {
  it('give tenant and user, and no plan unless one is mapped', () => {
    expect(identity({ plan: 'gold' })).toEqual({
      issuer: 'corp',
      subject: 'alice',
      tenant: 'acme',
      user: 'alice',
      permissions: [],
      expiresAtMs: 1_800_000_000_000,
    })
    const plan = { claim: ['plan'] }
    expect(identity({ plan: 'gold' }, { plan })).toMatchObject({ plan: 'gold' })
    expect(identity({}, { plan })).not.toHaveProperty('plan')
  })

  it('stand for nobody where a tenant, user or plan is no id', () => {
    for (const value of [
      '',
      ' \n',
      'a\u202eb',
      'x'.repeat(129),
      1.5,
      2 ** 53,
      true,
      {},
      ['acme'],
    ]) {
      expect(identity({ tenant: value })).toBeUndefined()
      expect(identity({ name: value }, { user: { claim: ['name'] } })).toBeUndefined()
      expect(identity({ plan: value }, { plan: { claim: ['plan'] } })).toBeUndefined()
    }
    expect(identity({ tenant: 'x'.repeat(128) })).toMatchObject({ tenant: 'x'.repeat(128) })
    expect(identity({ tenant: 2 ** 53 - 1 })).toMatchObject({ tenant: '9007199254740991' })
  })

  it('stand for nobody without a subject, whoever the user is', () => {
    const settings: Partial<Issuer> = { user: { fixed: 'service' } }
    expect(identity({}, settings)).toMatchObject({ user: 'service', subject: 'alice' })
    for (const sub of [undefined, '', 5, null]) expect(identity({ sub }, settings)).toBeUndefined()
  })

  it('mean what the map says, and nothing where it says nothing', () => {
    const tenant = { claim: ['org'], map: new Map([['o-1', 'acme']]), prefix: '' }
    expect(identity({ org: 'o-1' }, { tenant })).toMatchObject({ tenant: 'acme' })
    expect(identity({ org: 'acme' }, { tenant })).toBeUndefined()
    const plan = { claim: ['tier'], map: new Map([['1', 'gold']]) }
    expect(identity({ tier: 1 }, { plan })).toMatchObject({ plan: 'gold' })
    // A plan that is not known must not become the tenant's default, which may be wider.
    expect(identity({ tier: 2 }, { plan })).toBeUndefined()
  })

  it('get a prefix, so that users of two issuers are not one', () => {
    const user = { claim: ['sub'], prefix: 'corp:' }
    expect(identity({}, { user })).toMatchObject({ user: 'corp:alice' })
    expect(identity({ sub: 'x'.repeat(124) }, { user })).toBeUndefined()
  })

  it('stand for nobody without all that the issuer requires', () => {
    const require: Issuer['require'] = [
      { claim: ['client_id'] },
      { claim: ['use'], value: 'access' },
    ]
    expect(identity({ client_id: 'x', use: 'access' }, { require })).toBeDefined()
    expect(identity({ client_id: 'x' }, { require })).toBeUndefined()
    expect(identity({ use: 'access' }, { require })).toBeUndefined()
  })

  it('hold the rules whose conditions they meet all', () => {
    const rules: Issuer['rules'] = [
      { permission: rule('a/'), when: [] },
      { permission: rule('b/'), when: [{ claim: ['g'], value: 'x' }] },
      {
        permission: rule('c/'),
        when: [
          { claim: ['g'], value: 'x' },
          { claim: ['g'], value: 'y' },
        ],
      },
    ]
    const prefixes = (g: unknown) =>
      identity({ g }, { rules })?.permissions.map(({ prefix }) => prefix)
    expect(prefixes(undefined)).toEqual(['a/'])
    expect(prefixes(['x'])).toEqual(['a/', 'b/'])
    expect(prefixes(['y'])).toEqual(['a/'])
    expect(prefixes(['x', 'y'])).toEqual(['a/', 'b/', 'c/'])
  })

  it('name an administrator by issuer and subject, with the first role whose condition is met', () => {
    const settings: AdminIssuer = {
      ...ISSUER,
      name: 'staff',
      roles: [
        { role: 'operator', when: { claim: ['groups'], value: 'ops' } },
        { role: 'viewer', when: { claim: ['groups'], value: 'dev' } },
      ],
    }
    const admin = (groups: unknown) => adminIdentityOf({ ...CLAIMS, groups }, settings)
    expect(admin(['dev', 'ops'])).toEqual({ name: 'staff:alice', role: 'operator' })
    expect(admin('dev')).toEqual({ name: 'staff:alice', role: 'viewer' })
    expect(admin(['sales'])).toBeUndefined()
    expect(admin(undefined)).toBeUndefined()
  })
})
