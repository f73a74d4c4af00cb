import { describe, expect, it } from 'vitest'
import { changedMembers } from '../../../src/gateway/directory-admin/changed-members.ts'

describe('what the audit log says of a change', () => {
  it('is which members are other ones, and what plan, suspension and limits are then', () => {
    const before = { plan: 'trial', allow: [], timeZone: 'UTC', userPlans: ['a'] }
    const after = { plan: 'gold', allow: [{}], suspended: true, userPlans: ['a'] }
    expect(changedMembers(before, after)).toEqual({
      changed: ['plan', 'allow', 'timeZone', 'suspended'],
      values: { plan: 'gold', timeZone: null, suspended: true },
    })
    expect(changedMembers(undefined, { plan: 'gold' })).toEqual({
      changed: ['plan'],
      values: { plan: 'gold' },
    })
    expect(changedMembers(before, before)).toEqual({ changed: [] })
    expect(changedMembers(before, { removed: true })).toEqual({})
  })

  it('names single limits by policy, in lists and mappings', () => {
    const day = { policy: 'day', per: 'user', limit: 5 }
    const kept = { policy: 'kept', limit: 1 }
    expect(
      changedMembers(
        { quotas: [day, kept, { policy: 'gone', limit: 1 }], overrides: { day: { limit: 1 } } },
        { quotas: [kept, { ...day, limit: 6 }], overrides: { day: { limit: 2 } } },
      ).values,
    ).toEqual({ 'quotas.day.limit': 6, 'quotas.gone': null, 'overrides.day.limit': 2 })
  })

  it('never has what a key is made of, and is bounded', () => {
    const key = { label: 'x', hashes: [{ hash: 'canary' }], expiresAtMs: 5 }
    expect(changedMembers({}, key)).toEqual({ changed: ['label', 'secrets', 'expiresAt'] })
    const overrides = Object.fromEntries(
      Array.from({ length: 17 }, (_, at) => [`p${at}`, { limit: at }]),
    )
    const { values = {} } = changedMembers({}, { overrides })
    expect(Object.keys(values)).toHaveLength(16)
    const { values: long } = changedMembers({}, { plan: 'x'.repeat(129) })
    expect(long).toEqual({ plan: 'x'.repeat(128) })
  })
})
