import { describe, expect, it } from 'vitest'
import { configText, expectProblem, load, problemsOf, warningsOf } from './config-fixture.ts'

const KEY = {
  id: 'k1',
  user: 'alice',
  hash: `v1:${'A'.repeat(43)}`,
  allow: [{ operations: ['upload'], buckets: ['media'], prefix: 'acme/alice/' }],
}

const allow = (rule: object) => ({
  'tenants.acme.keys': [{ ...KEY, allow: [{ operations: ['list'], buckets: ['media'], ...rule }] }],
})

describe('a tenant', () => {
  it('has keys of its own users only', async () => {
    await expectProblem(
      { 'tenants.acme.keys': [{ ...KEY, user: 'alcie' }] },
      'tenants.acme.keys[0].user: is no user of this tenant: "alcie", did you mean "alice"?',
    )
  })

  it('shares no key id with another', async () => {
    await expectProblem(
      { 'tenants.other': { plan: 'standard', users: { alice: {} }, keys: [KEY] } },
      'tenants.other.keys[0].id: is there more than once: "k1"',
    )
  })

  it.each(['', 'a\nb', 'x'.repeat(129), 'a\u202eb'])(
    'cannot have a user named %j',
    async (user) => {
      const problems = await problemsOf(
        configText({ 'tenants.acme.users': { alice: {}, [user]: {} } }),
      )
      expect(problems).toHaveLength(1)
      expect(problems[0]).toContain('must be an id of 1 to 128 characters')
    },
  )

  it('may have users of any name on one line', async () => {
    const users = { alice: {}, 'a@example.com': {}, '..': {}, 'a/b': {}, constructor: {}, ü: {} }
    const { config } = await load({ 'tenants.acme.users': users })
    expect([...(config.tenants.get('acme')?.users.keys() ?? [])]).toEqual(Object.keys(users))
  })
})

describe('what a tenant may do', () => {
  const rule = { operations: ['list'], buckets: ['media'], prefix: '{tenant}/{user}/' }

  it('bounds each of its keys, in the key space of its user', async () => {
    const { config } = await load({
      'tenants.acme.allow': [{ ...rule, operations: ['upload', 'list'] }],
    })
    expect(config.tenants.get('acme')?.allow).toMatchObject([{ prefix: '{tenant}/{user}/' }])
    expect(config.keys.get('k1')?.ceiling).toMatchObject([{ prefix: 'acme/alice/' }])
  })

  it('is never less than a key of the file allows', async () => {
    const at = 'tenants.acme.keys[0].allow[0]'
    const wider = 'allows more than "allow" of the tenant'
    const bounded = (bound: object) =>
      problemsOf(
        configText({ 'tenants.acme.allow': [{ ...rule, operations: ['upload'], ...bound }] }),
      )
    expect(await bounded({})).toEqual([])
    expect(await bounded({ prefix: 'acme/bob/' })).toEqual([`${at}.prefix: ${wider}`])
    expect(await bounded({ operations: ['list'] })).toEqual([`${at}.operations: ${wider}`])
    expect(await bounded({ maxSizeBytes: 1_000 })).toEqual([`${at}.maxSizeBytes: ${wider}`])
    expect(await bounded({ networks: ['10.0.0.0/8'] })).toEqual([`${at}.networks: ${wider}`])
  })

  it('may be bounded to networks while a key names what is none', async () => {
    const at = 'tenants.acme.keys[0].allow[0].networks'
    const problems = await problemsOf(
      configText({
        ...allow({ prefix: 'acme/', networks: ['10.0.0.0/8x'] }),
        'tenants.acme.allow': [{ ...rule, prefix: 'acme/', networks: ['10.0.0.0/8'] }],
      }),
    )
    expect(problems).toEqual([
      `${at}: allows more than "allow" of the tenant`,
      expect.stringContaining(`${at}[0]: must be an address or a network`),
    ])
  })

  it('is not bounded unless it says so', async () => {
    const { config } = await load()
    expect(config.tenants.get('acme')).not.toHaveProperty('allow')
    expect(config.keys.get('k1')).not.toHaveProperty('ceiling')
  })

  it('is some rules, or not given at all', async () => {
    await expectProblem(
      { 'tenants.acme.allow': [] },
      'tenants.acme.allow: must have at least 1 item',
    )
    await expectProblem(
      { 'tenants.acme.allow': [{ ...rule, buckets: ['medai'] }] },
      'tenants.acme.allow[0].buckets[0]: names no bucket: "medai", did you mean "media"?',
    )
  })

  it('names the plans of its users, its own among them', async () => {
    const plans = { standard: {}, free: {}, pro: {} }
    const { config } = await load({
      plans,
      'tenants.acme.userPlans': ['free'],
      'tenants.acme.users': { alice: {}, bob: { plan: 'free' } },
    })
    const { userPlans, users } = config.tenants.get('acme') ?? {}
    expect(userPlans).toEqual(new Set(['standard', 'free']))
    expect([users?.get('alice')?.planName, users?.get('bob')?.planName]).toEqual([
      'standard',
      'free',
    ])
    const users2 = { alice: { plan: 'pro' }, bob: { plan: 'standard' } }
    await expectProblem(
      { plans, 'tenants.acme.userPlans': ['free'], 'tenants.acme.users': users2 },
      'tenants.acme.users.alice.plan: is none of the tenant\'s userPlans: "pro"',
    )
    await expectProblem(
      { plans, 'tenants.acme.userPlans': ['fee'] },
      'tenants.acme.userPlans[0]: names no plan: "fee", did you mean "free"?',
    )
  })

  it('is nothing while it is suspended, and so is a user', async () => {
    const { config } = await load({
      'tenants.acme.suspended': true,
      'tenants.acme.users': { alice: { suspended: true }, bob: { suspended: false } },
    })
    const acme = config.tenants.get('acme')
    expect(acme?.suspended).toBe(true)
    expect(acme?.users.get('alice')?.suspended).toBe(true)
    expect(acme?.users.get('bob')).not.toHaveProperty('suspended')
  })
})

describe('a key', () => {
  it.each(['k1', 'signet_k1_x', 'v1:short', '', `v0:${'A'.repeat(43)}`])(
    'is not stored as %j',
    async (hash) => {
      const problems = await problemsOf(configText({ 'tenants.acme.keys': [{ ...KEY, hash }] }))
      expect(problems).toHaveLength(1)
    },
  )

  it('must be of a pepper that is still there', async () => {
    const hash = `v2:${'A'.repeat(43)}`
    await expectProblem(
      { 'tenants.acme.keys': [{ ...KEY, hash }] },
      'tenants.acme.keys[0].hash: was made with pepper version 2, which is not in secrets.pepper',
    )
    const pepper = { current: 'new-abcdefghijklmnopqrstuvwxyz012345', version: 2 }
    expect(
      await problemsOf(
        configText({ 'tenants.acme.keys': [{ ...KEY, hash }], 'secrets.pepper': pepper }),
      ),
    ).toEqual([])
  })

  it.each([
    [{ prefix: 'acme/alice' }, 'prefix: must end in "/", or it would match its neighbours too'],
    [{ prefix: '' }, 'prefix: is empty: write "wholeBucket: true" if that is meant'],
    [{}, 'prefix: is required; for a whole bucket write "wholeBucket: true" instead'],
    [
      { prefix: '', wholeBucket: false },
      'prefix: is empty: write "wholeBucket: true" if that is meant',
    ],
    [{ prefix: 'a/', wholeBucket: true }, 'wholeBucket: goes with an empty prefix only'],
    [{ prefix: '/a/' }, 'prefix: must be the beginning of a key, of at most 1024 bytes'],
    [{ prefix: 'a/../b/' }, 'prefix: must be the beginning of a key, of at most 1024 bytes'],
    [
      { prefix: 'a/', buckets: ['medai'] },
      'buckets[0]: names no bucket: "medai", did you mean "media"?',
    ],
    [{ prefix: 'a/', buckets: ['constructor'] }, 'buckets[0]: names no bucket: "constructor"'],
    [
      { prefix: 'a/', operations: ['read'] },
      'operations[0]: must be one of: upload, download, list, delete, overwrite, multipart, versions',
    ],
    [{ prefix: 'a/', operations: [] }, 'operations: must have at least 1 item'],
    [{ prefix: 'a/', contentTypes: [] }, 'contentTypes: must have at least 1 item'],
    [
      { prefix: 'a/', contentTypes: ['PNG'] },
      'contentTypes[0]: must be a content type in lower case',
    ],
    [{ prefix: 'a/', deny: true }, 'deny: is unknown'],
    [{ prefix: 'a/{date}/' }, 'prefix: can hold the variables {tenant} and {user} only'],
    [{ prefix: 'a/{user/' }, 'prefix: can hold the variables {tenant} and {user} only'],
    [{ prefix: 'a-{user}/' }, 'prefix: must have {tenant} and {user} alone between slashes'],
    [{ prefix: 'a/{user}' }, 'prefix: must end in "/", or it would match its neighbours too'],
    [
      { prefix: 'a/', networks: ['10.0.0.0/33'] },
      'networks[0]: must be an address or a network, like 10.0.0.0/8 or 2001:db8::/32',
    ],
    [
      { prefix: 'a/', networks: ['::1', '10.0.0.1/8'] },
      'networks[1]: must have no bits set behind the length of its prefix',
    ],
    [{ prefix: 'a/', networks: [] }, 'networks: must have at least 1 item'],
    [
      { prefix: 'a/', expiresInSecondsMax: 0 },
      'expiresInSecondsMax: must be a whole number from 1 to 604800',
    ],
  ])('may not be allowed %j', async (rule, problem) => {
    await expectProblem(allow(rule), `tenants.acme.keys[0].allow[0].${problem}`)
  })

  it('has rules of different names', async () => {
    const named = (name: string) => ({
      name,
      operations: ['list'],
      buckets: ['media'],
      prefix: 'a/',
    })
    const rules = [named('own'), named('b'), named('own')]
    await expectProblem(
      { 'tenants.acme.keys': [{ ...KEY, allow: rules }] },
      'tenants.acme.keys[0].allow[2].name: is there more than once: "own"',
    )
  })

  it('may be bound to networks, a lifetime and the key space of its own user', async () => {
    const rule = {
      name: 'own',
      prefix: '{tenant}/{user}/in/',
      networks: ['10.0.0.0/8', '2001:db8::/32'],
      expiresInSecondsMax: 60,
    }
    const { config, warnings } = await load(allow(rule))
    expect(config.keys.get('k1')?.permissions).toEqual([
      {
        ...rule,
        operations: new Set(['list']),
        buckets: new Set(['media']),
        prefix: 'acme/alice/in/',
      },
    ])
    expect(warnings).toEqual([])
  })

  it('may be allowed a whole bucket, when that is written', async () => {
    const { config } = await load(allow({ wholeBucket: true }))
    expect(config.keys.get('k1')?.permissions[0]?.prefix).toBe('')
  })

  it('warns when it never lets its user upload', async () => {
    const rule = { operations: ['upload'], prefix: 'acme/bob/' }
    expect(await warningsOf(allow(rule))).toEqual([
      'tenants.acme.keys[0].allow[0].prefix: never lets this user upload to "media", whose keys start with "acme/alice/"',
    ])
    expect(await warningsOf(allow({ ...rule, prefix: 'acme/' }))).toEqual([])
    expect(await warningsOf(allow({ ...rule, prefix: 'acme/alice/in/' }))).toEqual([])
  })
})
