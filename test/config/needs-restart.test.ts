import { describe, expect, it } from 'vitest'
import { needsRestart, reloaded } from '../../src/config/needs-restart.ts'
import { CANARIES, type Changes, load } from './config-fixture.ts'

const REDIS: Changes = {
  state: 'rediss://signet@redis.example:6379/0',
  'ledger.password': 'redis-password-one',
}

/** What is named when the first becomes the second. */
async function named(before: Changes, after: Changes): Promise<readonly string[]> {
  return needsRestart((await load(before)).config, (await load(after)).config)
}

describe('what needs a restart', () => {
  it('is nothing where nothing has changed, secrets and maps included', async () => {
    expect(await named({}, {})).toEqual([])
    expect(await named(REDIS, REDIS)).toEqual([])
  })

  it.each<[string, Changes]>([
    ['a store', { 'stores.main.endpoint': 'https://s3.example.com' }],
    ['a key pair', { 'stores.main.credentials.secretAccessKey': 'another-secret-of-the-store' }],
    ['a bucket', { 'buckets.media.upload': { maxSizeBytes: 5 } }],
    ['a plan', { 'plans.standard.rates': [] }],
    ['a user', { 'tenants.acme.users.dora': {} }],
    ['a key', { 'tenants.acme.keys': [] }],
    ['environment', { environment: 'production' }],
    ['how it stops', { 'server.drainSeconds': 3, 'server.shutdownDelaySeconds': 1 }],
    ['the public URL', { 'server.publicUrl': 'https://signet.example' }],
    ['who keeps the rates meanwhile', { ...REDIS, 'ledger.whenAway': { requests: 'closed' } }],
    ['how many gateways there are', { ...REDIS, 'ledger.gateways': 3 }],
    ['trusted proxies', { 'server.trustedProxies': ['10.0.0.0/8'] }],
    ['who may call from a browser', { 'server.cors': { origins: ['https://app.example'] } }],
    ["Signet's own secrets", { 'secrets.adminToken': `${CANARIES.adminToken}-2` }],
  ])('is nothing: %s', async (_, changes) => {
    expect(await named('state' in changes ? REDIS : {}, changes)).toEqual([])
  })

  it.each<[string, Changes, Changes]>([
    ['server.listen', {}, { 'server.listen': ':8081' }],
    ['server.admin', {}, { 'server.admin': '127.0.0.1:9091' }],
    ['server.maxConnections', {}, { 'server.maxConnections': 7 }],
    ['server.headersTimeoutMs', {}, { 'server.headersTimeoutMs': 700 }],
    ['server.requestTimeoutMs', {}, { 'server.requestTimeoutMs': 700 }],
    ['server.keepAliveTimeoutMs', {}, { 'server.keepAliveTimeoutMs': 700 }],
    ['state', {}, { state: 'memory:' }],
    ['state', {}, { state: 'sqlite:./other.db' }],
    ['state', REDIS, { ...REDIS, state: 'rediss://signet@redis.example:6379/1' }],
    ['ledger.username', REDIS, { ...REDIS, state: 'rediss://other@redis.example:6379/0' }],
    ['ledger.password', REDIS, { ...REDIS, 'ledger.password': 'redis-password-two' }],
    ['ledger.tls', REDIS, { ...REDIS, 'ledger.tls': { serverName: 'other.example' } }],
    ['ledger.commandTimeoutMs', REDIS, { ...REDIS, 'ledger.commandTimeoutMs': 400 }],
    ['ledger.retentionHours', {}, { 'ledger.retentionHours': 48 }],
    ['audit', {}, { 'audit.file': './other.jsonl' }],
    ['signing.presigner', {}, { 'signing.presigner': 'aws4fetch' }],
  ])('is %s', async (name, before, after) => {
    expect(await named(before, after)).toEqual([name])
    expect(await named(after, before)).toEqual([name])
  })

  it('is each setting once, in the order of the configuration', async () => {
    expect(
      await named({ state: 'redis://one.example/0' }, { state: 'redis://two.example/1' }),
    ).toEqual(['state'])
    expect(await named({}, { 'server.listen': ':1', 'server.admin': ':2' })).toEqual([
      'server.listen',
      'server.admin',
    ])
  })

  it('is what nobody has said can be reloaded', async () => {
    const { config } = await load()
    const wanted = { ...config, later: { member: 1 }, other: new Map([['x', 1]]) }
    expect(needsRestart(config, wanted)).toEqual(['later.member', 'other'])
    expect(reloaded(config, wanted)).not.toHaveProperty('later.member')
  })
})

describe('a configuration that is reloaded', () => {
  it('has what can be changed from the file, and the rest from the start', async () => {
    const before = await load({ state: 'redis://one.example/0', 'ledger.retentionHours': 24 })
    const after = await load({
      state: 'redis://two.example/0',
      'server.listen': ':8081',
      'server.drainSeconds': 3,
      'ledger.retentionHours': 48,
      'ledger.gateways': 2,
      'tenants.acme.users.dora': {},
    })
    const config = reloaded(before.config, after.config)
    expect(config).toMatchObject({
      state: before.config.state,
      server: { listen: before.config.server.listen, drainSeconds: 3 },
      ledger: { retentionHours: 24, gateways: 2 },
    })
    expect(config.tenants.get('acme')?.users.has('dora')).toBe(true)
    expect(needsRestart(config, after.config)).toEqual([
      'server.listen',
      'state',
      'ledger.retentionHours',
    ])
    expect(needsRestart(before.config, config)).toEqual([])
  })

  it('loses what was taken out of the file, and is frozen', async () => {
    const before = await load({ 'server.publicUrl': 'https://signet.example' })
    const config = reloaded(before.config, (await load()).config)
    expect(config.server.publicUrl).toBeUndefined()
    expect(Object.isFrozen(config) && Object.isFrozen(config.server)).toBe(true)
  })
})
