import { describe, expect, it } from 'vitest'
import { changedSettings } from '../../src/config/changed-settings.ts'
import { CANARIES, type Changes, load } from './config-fixture.ts'

async function changed(before: Changes, after: Changes): Promise<readonly string[]> {
  return changedSettings(await load(before), await load(after))
}

describe('what a new configuration changes', () => {
  it('is nothing in the same one read twice, networks and zones included', async () => {
    const changes = {
      'server.trustedProxies': ['10.0.0.0/8', '2001:db8::/32'],
      'tenants.acme.timeZone': 'Europe/Berlin',
    }
    expect(await changed(changes, changes)).toEqual([])
  })

  it('is the tenant, by any member of one of its keys', async () => {
    const { config } = await load({})
    const [key] = config.keys.values()
    const rule = { operations: ['upload'], buckets: ['media'], prefix: 'acme/narrow/' }
    const set = { id: key?.id, user: key?.user, hash: key?.hashes[0]?.hash, allow: [rule] }
    const others = [
      { ...set, allow: [{ ...rule, prefix: 'acme/' }] },
      { ...set, hash: `v1:B${'A'.repeat(42)}` },
      { ...set, user: 'bob' },
    ]
    for (const other of others) {
      const [one, two] = [[set], [other]].map((keys) => ({ 'tenants.acme.keys': keys }))
      expect(await changed(one ?? {}, two ?? {})).toEqual(['tenants.acme'])
    }
  })

  it.each<[Changes, string[]]>([
    [{ 'stores.main.timeoutMs': 4_000 }, ['stores.main', 'buckets.media']],
    [{ 'tenants.acme.keys': [] }, ['tenants.acme']],
    [{ 'tenants.globex': { plan: 'standard' } }, ['tenants.globex']],
    [
      { 'server.trustedProxies': ['10.0.0.0/8'], 'log.level': 'warn' },
      ['server.trustedProxies', 'log.level'],
    ],
    [{ 'secrets.adminToken': `${CANARIES.adminToken}-2` }, ['secrets.adminToken']],
  ])('is named one level deep: %j', async (changes, names) => {
    expect(await changed({}, changes)).toEqual(names)
    expect((await changed(changes, {})).toSorted()).toEqual(names.toSorted())
  })
})
