import { describe, expect, it } from 'vitest'
import { type Changes, configText, load, problemsOf, warningsOf } from './config-fixture.ts'

const KEY = {
  id: 'k1',
  user: 'alice',
  hash: `v1:${'A'.repeat(43)}`,
  allow: [{ operations: ['upload'], buckets: ['media'], prefix: 'acme/alice/' }],
}
const allow = (rule: object) => ({
  'tenants.acme.keys': [{ ...KEY, allow: [{ operations: ['list'], buckets: ['media'], ...rule }] }],
})
const rate = (more: object) => ({
  'plans.standard.rates': [{ policy: 'r', per: 'user', requests: 1, windowSeconds: 1, ...more }],
})
const quota = (more: object) => ({
  'plans.standard.quotas': [{ policy: 'q', per: 'user', unit: 'bytes', limit: 1, window: 'day', ...more }],
})
const manyRates = (count: number, per: string, name: string) =>
  Array.from({ length: count }, (_, index) => ({
    policy: `${name}-${index}`,
    per,
    requests: 1,
    windowSeconds: 1,
  }))

async function expectProblem(changes: Changes, problem: string): Promise<void> {
  expect(await problemsOf(configText(changes))).toEqual([problem])
}

describe('listeners', () => {
  it.each([
    [':8080', undefined, 8080],
    ['0.0.0.0:0', '0.0.0.0', 0],
    ['[::1]:65535', '::1', 65_535],
    ['signet.internal:80', 'signet.internal', 80],
  ])('may be %s', async (listen, host, port) => {
    const { config } = await load({ 'server.listen': listen })
    expect(config.server.listen).toEqual({ host, port })
  })

  it.each(['8080', ':', ':65536', 'http://x:80', '::1:80', 'a b:80', 'x:8o', ':080808'])(
    'may not be %s',
    async (listen) => {
      await expectProblem(
        { 'server.listen': listen },
        'server.listen: must be host:port or :port, with a port to 65535',
      )
    },
  )

  it('must be two, but may both pick a free port', async () => {
    const both = (address: string) => ({ 'server.listen': address, 'server.admin': address })
    await expectProblem(both('127.0.0.1:80'), 'server.admin: must be another address than "listen"')
    expect(await problemsOf(configText(both('127.0.0.1:0')))).toEqual([])
  })

  it.each(['*', 'null', 'https://a.example/', 'https://A.example'])('origin %s is read exactly or refused', async (text) => {
    const problems = await problemsOf(configText({ 'server.cors': { origins: [text] } }))
    expect(problems.length).toBe(text.startsWith('https://') ? 0 : 1)
  })

  it('hold origins as browsers send them', async () => {
    const { config } = await load({
      'server.cors': { origins: ['https://A.example/', 'http://localhost:5173', 'https://b.example:443'] },
    })
    expect([...config.server.cors.origins]).toEqual([
      'https://a.example',
      'http://localhost:5173',
      'https://b.example',
    ])
  })
})

describe('state', () => {
  it('is in memory or in an SQLite file', async () => {
    expect((await load({ state: 'memory:' })).config.state).toEqual({ kind: 'memory' })
    const { config } = await load({ state: 'sqlite:/var/lib/x.db' })
    expect(config.state).toEqual({ kind: 'sqlite', path: '/var/lib/x.db' })
  })

  it.each(['redis://h', 'rediss://h', 'redis+sentinel://a,b/x', 'redis+cluster://a'])(
    'cannot be %s in this version, and says so',
    async (state) => {
      await expectProblem(
        { state },
        'state: names Redis, which is not in this version yet: use sqlite:PATH or memory:',
      )
    },
  )

  it.each(['sqlite:', 'memory', 'postgres://x', './data/x.db'])('cannot be %s', async (state) => {
    await expectProblem({ state }, 'state: must be memory: or sqlite:PATH')
  })
})

describe('a store', () => {
  it.each([
    ['https://u@h.example', 'must not hold a user name or password'],
    ['https://u:p@h.example', 'must not hold a user name or password'],
    ['https://h.example/s3', 'must not have a path'],
    ['https://h.example//', 'must not have a path'],
    ['https://h.example?x=1', 'must not have a query'],
    ['https://h.example/?', 'must not have a query'],
    ['https://h.example#f', 'must not have a fragment'],
    ['ftp://h.example', 'must be an origin like https://s3.example.com'],
    ['h.example', 'must be an origin like https://s3.example.com'],
    ['https://', 'must be an origin like https://s3.example.com'],
    ['https://h\\@evil.example', 'must be an origin in plain ASCII'],
    ['https://h .example', 'must be an origin in plain ASCII'],
    ['https://bücher.example', 'must be an origin in plain ASCII'],
    ['http://2130706433', 'must name its host in the usual form'],
    ['http://127.1', 'must name its host in the usual form'],
  ])('refuses the endpoint %s', async (endpoint, problem) => {
    await expectProblem({ 'stores.main.endpoint': endpoint }, `stores.main.endpoint: ${problem}`)
    await expectProblem(
      { 'stores.main.publicEndpoint': endpoint },
      `stores.main.publicEndpoint: ${problem}`,
    )
  })

  it('leaves default port, slash and capitals out of an endpoint', async () => {
    const { config } = await load({ 'stores.main.endpoint': 'https://S3.Example.com:443/' })
    expect(config.stores.get('main')?.endpoint).toBe('https://s3.example.com')
  })

  it('must be https: in production, unless it is on this machine', async () => {
    const production = (endpoint: string) => ({
      environment: 'production',
      'stores.main.endpoint': endpoint,
      'stores.main.addressing': 'path',
    })
    for (const endpoint of ['http://127.0.0.1:7480', 'http://localhost', 'http://[::1]:1']) {
      expect(await problemsOf(configText(production(endpoint)))).toEqual([])
    }
    for (const endpoint of ['http://10.0.0.1', 'http://127.0.0.1.evil.example', 'http://h.example']) {
      await expectProblem(production(endpoint), 'stores.main.endpoint: must be https: in production')
      expect(await problemsOf(configText({ ...production(endpoint), environment: 'development' }))).toEqual([])
    }
  })

  it('takes from its provider what is not set', async () => {
    const { config } = await load({ 'stores.main.endpoint': undefined })
    expect(config.stores.get('main')).toMatchObject({
      endpoint: 'https://s3.eu-central-1.amazonaws.com',
      addressing: 'virtual',
      capabilities: { writeOnce: 'if-none-match', maxExpiresSeconds: 604_800 },
    })
    const garage = await load({
      'stores.main.provider': 'garage',
      'stores.main.region': undefined,
      'stores.main.addressing': undefined,
    })
    expect(garage.config.stores.get('main')).toMatchObject({ region: 'garage', addressing: 'path' })
  })

  it('must have a region where the provider checks the one of the bucket', async () => {
    await expectProblem(
      { 'stores.main.region': undefined },
      "stores.main.region: is required: this provider checks the bucket's",
    )
  })

  it('must have an endpoint where the provider has none of its own', async () => {
    await expectProblem(
      { 'stores.main.provider': 'minio', 'stores.main.endpoint': undefined },
      'stores.main.endpoint: is required',
    )
  })

  it('must have a provider that is known', async () => {
    await expectProblem(
      { 'stores.main.provider': 'cehp' },
      'stores.main.provider: names no profile, did you mean "ceph"?',
    )
  })

  it('cannot have the bucket before an IP address', async () => {
    await expectProblem(
      { 'stores.main.endpoint': 'https://10.0.0.1', 'stores.main.addressing': 'virtual' },
      'stores.main.addressing: must be path: no bucket name can stand before an IP address',
    )
  })

  it('may have one key pair, or one each for write, read and manage', async () => {
    const pair = (name: string) => ({ accessKeyId: name, secretAccessKey: `${name}-secret` })
    const three = { write: pair('W'), read: pair('R'), manage: pair('M') }
    const { config } = await load({ 'stores.main.credentials': three })
    const credentials = config.stores.get('main')?.credentials
    expect([credentials?.write, credentials?.read, credentials?.manage].map((c) => c?.accessKeyId)).toEqual(['W', 'R', 'M'])
    expect(credentials?.manage.secretAccessKey.reveal()).toBe('M-secret')
    const { read: _, ...two } = three
    await expectProblem(
      { 'stores.main.credentials': two },
      'stores.main.credentials.read: is required',
    )
  })

  it('may be said to do what its profile does not know, and nothing else changes', async () => {
    const { config } = await load({
      'stores.main.provider': 'ceph',
      'stores.main.capabilities': { writeOnce: 'if-none-match', unsignedCopySource: 'closed' },
    })
    expect(config.stores.get('main')?.capabilities).toMatchObject({
      writeOnce: 'if-none-match',
      unsignedCopySource: 'closed',
      signedLength: 'yes',
      ifMatch: 'probe',
    })
    await expectProblem(
      { 'stores.main.capabilities': { writeOnce: 'yes' } },
      'stores.main.capabilities.writeOnce: must be one of: if-none-match, ignored, refused, probe',
    )
  })

  it('warns when its upload URLs could be used to read', async () => {
    const minio = { 'stores.main.provider': 'minio' }
    expect(await warningsOf(minio)).toEqual([
      'stores.main.allowReadableWriteCredential: is false, and the copy-source hole is open: uploads are refused',
    ])
    expect(await warningsOf({ ...minio, 'stores.main.allowReadableWriteCredential': true })).toEqual([
      'stores.main.credentials: let every upload URL copy what "write" can read: give it a key pair that cannot read',
    ])
  })
})

describe('a bucket', () => {
  it('must name stores that are there', async () => {
    await expectProblem(
      { 'buckets.media.placements': [{ store: 'other', bucket: 'b1' }] },
      'buckets.media.placements[0].store: names no store: "other"',
    )
    expect(await problemsOf(configText({ 'buckets.media.placements': [] }))).toEqual([
      'buckets.media.placements: must have at least 1 item',
    ])
  })

  it.each(['a', '/a/', '../a/', 'a//../', 'a\\b/'])('refuses the placement prefix %s', async (prefix) => {
    const problems = await problemsOf(
      configText({ 'buckets.media.placements': [{ store: 'main', bucket: 'b1', prefix }] }),
    )
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain('buckets.media.placements[0].prefix: must ')
  })

  it.each([
    [{}, 'buckets.media.keys: must have either "template" or "callerPrefix"'],
    [{ template: '{uuid}', callerPrefix: 'a/' }, 'buckets.media.keys: must have either "template" or "callerPrefix"'],
    [{ callerPrefix: '' }, 'buckets.media.keys.callerPrefix: is empty: write "wholeBucket: true" if that is meant'],
    [{ callerPrefix: '{tenant}/{user}' }, 'buckets.media.keys.callerPrefix: must end in "/"'],
    [{ callerPrefix: '{tenant}-{user}/' }, 'buckets.media.keys.callerPrefix: must have {tenant} and {user} alone between slashes'],
    [{ callerPrefix: '{date}/' }, 'buckets.media.keys.callerPrefix: can hold {tenant} and {user} only'],
    [{ callerPrefix: 'a/', wholeBucket: true }, 'buckets.media.keys.wholeBucket: goes with an empty "callerPrefix" only'],
    [{ template: '{uuid}-{file}' }, 'buckets.media.keys.template: names "{file}"; there are {tenant}, {user}, {date}, {uuid}, {filename}, {key}'],
  ])('refuses the keys %j', async (keys, problem) => {
    expect(await problemsOf(configText({ 'buckets.media.keys': keys }))).toContain(problem)
  })

  it('may give the whole bucket to its callers, when that is written', async () => {
    const { config } = await load({ 'buckets.media.keys': { callerPrefix: '', wholeBucket: true } })
    expect(config.buckets.get('media')?.keys).toEqual({ kind: 'caller', callerPrefix: '' })
  })

  it('warns of a template whose uploads can replace each other', async () => {
    const once = { 'buckets.media.upload.writeOnce': true }
    const template = { 'buckets.media.keys': { template: '{tenant}/{user}/{filename}' } }
    expect(await warningsOf(template)).toEqual([
      'buckets.media.keys.template: has no {uuid}, so uploads can replace each other: set upload.writeOnce: true',
    ])
    expect(await warningsOf({ ...template, ...once })).toEqual([])
  })

  it('cannot promise write-once where the store ignores or refuses it', async () => {
    const once = { 'buckets.media.upload.writeOnce': true }
    const on = (writeOnce: string) => ({ ...once, 'stores.main.capabilities': { writeOnce } })
    for (const word of ['ignored', 'refused']) {
      await expectProblem(
        on(word),
        `buckets.media.upload.writeOnce: cannot be kept by store "main": the condition is ${word}`,
      )
    }
    expect(await problemsOf(configText(on('if-none-match')))).toEqual([])
    expect(await warningsOf(on('probe'))).toEqual([
      'buckets.media.upload.writeOnce: is not known to be kept by store "main": uploads are refused',
    ])
  })

  it('caps lifetimes at what callers may ask for, the store and seven days', async () => {
    for (const rules of ['upload', 'download']) {
      const set = (expiresInSeconds: number | undefined, expiresInSecondsMax: number | undefined) =>
        configText({ [`buckets.media.${rules}`]: { expiresInSeconds, expiresInSecondsMax } })
      expect(await problemsOf(set(3_600, 3_600))).toEqual([])
      expect(await problemsOf(set(3_601, 3_600))).toEqual([
        `buckets.media.${rules}.expiresInSeconds: must be at most expiresInSecondsMax, 3600`,
      ])
      expect(await problemsOf(set(300, 604_770))).toEqual([])
      // 30 s of a URL's seven days go to backdating its signature.
      expect(await problemsOf(set(300, 604_771))).toEqual([
        `buckets.media.${rules}.expiresInSecondsMax: must be at most 604770, as its store has it`,
      ])
      for (const seconds of [0, -1, 0.5, '60', '', 604_801, 1e9]) {
        expect(await problemsOf(set(seconds as number, undefined))).toEqual([
          `buckets.media.${rules}.expiresInSeconds: must be a whole number from 1 to 604800`,
        ])
      }
    }
  })

  it('takes a default lifetime down to a cap that is lower', async () => {
    const { config } = await load({ 'buckets.media.upload': { expiresInSecondsMax: 60 } })
    expect(config.buckets.get('media')?.upload).toMatchObject({
      expiresInSeconds: 60,
      expiresInSecondsMax: 60,
    })
  })

  it('cannot show types inline that run script', async () => {
    const inline = { 'buckets.media.download': { disposition: 'inline' } }
    const types = { 'buckets.media.upload': { contentTypes: ['image/png', 'image/svg+xml'] } }
    await expectProblem(
      { ...inline, ...types },
      'buckets.media.upload.contentTypes[1]: runs script in browsers, so it cannot go with disposition: inline',
    )
    expect(await problemsOf(configText(types))).toEqual([])
    expect(await problemsOf(configText(inline))).toEqual([])
  })

  it.each(['Image/png', 'image/*', 'image', 'image/png; charset=utf-8'])('cannot list the type %s', async (type) => {
    await expectProblem(
      { 'buckets.media.upload': { contentTypes: [type] } },
      'buckets.media.upload.contentTypes[0]: must be a content type in lower case: type/subtype',
    )
  })

  it('warns when another bucket holds the same objects', async () => {
    const other = (prefix: string) => ({
      'buckets.other': {
        placements: [{ store: 'main', bucket: 'media-prod', prefix }],
        keys: { template: '{uuid}' },
      },
    })
    expect(await warningsOf(other('sub/'))).toEqual([
      'buckets.other.placements: share objects with "media"',
    ])
    const apart = { 'buckets.media.placements': [{ store: 'main', bucket: 'media-prod', prefix: 'own/' }] }
    expect(await warningsOf({ ...other('sub/'), ...apart })).toEqual([])
  })

  it.each(['evil.com#', 'a/b', 'bkt?acl', '', '.hidden'])('cannot be named %j', async (name) => {
    const problems = await problemsOf(configText({ buckets: { [name]: {} } }))
    expect(problems[0]).toContain('must be named with 1 to 63')
  })
})

describe('a plan', () => {
  it('wants a window for what is counted in one, and none for what stands', async () => {
    for (const unit of ['bytes', 'objects', 'requests']) {
      await expectProblem(
        quota({ unit, window: undefined }),
        `plans.standard.quotas[0].window: is required for unit: ${unit}`,
      )
    }
    for (const unit of ['stored-bytes', 'stored-objects', 'pending-uploads']) {
      await expectProblem(
        quota({ unit }),
        `plans.standard.quotas[0].window: must be left out for unit: ${unit}`,
      )
      expect(await problemsOf(configText(quota({ unit, window: undefined })))).toEqual([])
    }
  })

  it('takes limits from 0 to 2^50', async () => {
    expect(await problemsOf(configText(quota({ limit: 0 })))).toEqual([])
    expect(await problemsOf(configText(quota({ limit: 2 ** 50 })))).toEqual([])
    for (const limit of [-1, 0.5, 2 ** 50 + 1, '10']) {
      expect(await problemsOf(configText(quota({ limit })))).toHaveLength(1)
    }
  })

  it('names each policy once', async () => {
    await expectProblem(
      { ...rate({ policy: 'same' }), ...quota({ policy: 'same' }) },
      'plans.standard.quotas[0].policy: is there more than once in this plan',
    )
  })

  it('refuses rates that the ledger could not count exactly', async () => {
    expect(await problemsOf(configText(rate({ requests: 100_000 })))).toEqual([])
    await expectProblem(
      rate({ requests: 100_001 }),
      'plans.standard.rates[0].requests: must be at most 100,000 for each second of the window',
    )
    const day = { windowSeconds: 86_400, requests: 1 }
    expect(await problemsOf(configText(rate({ ...day, burst: 366 })))).toEqual([])
    await expectProblem(
      rate({ ...day, burst: 367 }),
      'plans.standard.rates[0].burst: must come back within 366 days',
    )
  })

  it('has at most 32 limits, alone and with the plan of the tenant', async () => {
    const none = { 'plans.standard.quotas': [] }
    const own = (count: number) => ({ ...none, 'plans.standard.rates': manyRates(count, 'user', 'a') })
    expect(await problemsOf(configText(own(32)))).toEqual([])
    await expectProblem(own(33), 'plans.standard: has more than 32 limits')
    const pair = (count: number) => ({
      ...none,
      'plans.standard.rates': manyRates(16, 'tenant', 'a'),
      'plans.pro.rates': manyRates(count, 'user', 'b'),
      'tenants.acme.users': { alice: { plan: 'pro' } },
    })
    expect(await problemsOf(configText(pair(16)))).toEqual([])
    await expectProblem(
      pair(17),
      "tenants.acme.users.alice.plan: makes more than 32 limits together with the tenant's plan",
    )
  })

  it('of a user may not name a policy that the tenant’s plan counts for the tenant', async () => {
    const plans = (per: string) => ({
      'plans.standard.rates': [],
      'plans.standard.quotas': [{ policy: 'x', per, unit: 'stored-bytes', limit: 1 }],
      'plans.pro.quotas': [{ policy: 'x', per: 'user', unit: 'stored-bytes', limit: 2 }],
      'tenants.acme.users': { alice: { plan: 'pro' } },
    })
    expect(await problemsOf(configText(plans('user')))).toEqual([])
    await expectProblem(
      plans('tenant'),
      'tenants.acme.users.alice.plan: has a user\'s policy "x", as has the tenant\'s plan',
    )
  })
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

  it.each(['', 'a\nb', 'x'.repeat(129), 'a\u202eb'])('cannot have a user named %j', async (user) => {
    const problems = await problemsOf(configText({ 'tenants.acme.users': { alice: {}, [user]: {} } }))
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain('must be an id of 1 to 128 characters')
  })

  it('may have users of any name on one line', async () => {
    const users = { alice: {}, 'a@example.com': {}, '..': {}, 'a/b': {}, constructor: {}, ü: {} }
    const { config } = await load({ 'tenants.acme.users': users })
    expect([...(config.tenants.get('acme')?.users.keys() ?? [])]).toEqual(Object.keys(users))
  })
})

describe('a key', () => {
  it.each(['k1', 'signet_k1_x', 'v1:short', '', `v0:${'A'.repeat(43)}`])('is not stored as %j', async (hash) => {
    const problems = await problemsOf(configText({ 'tenants.acme.keys': [{ ...KEY, hash }] }))
    expect(problems).toHaveLength(1)
  })

  it('must be of a pepper that is still there', async () => {
    const hash = `v2:${'A'.repeat(43)}`
    await expectProblem(
      { 'tenants.acme.keys': [{ ...KEY, hash }] },
      'tenants.acme.keys[0].hash: was made with pepper version 2, which is not in secrets.pepper',
    )
    const pepper = { current: 'c'.repeat(8) + 'abcdefghijklmnopqrstuvwxyz', version: 2 }
    expect(
      await problemsOf(configText({ 'tenants.acme.keys': [{ ...KEY, hash }], 'secrets.pepper': pepper })),
    ).toEqual([])
  })

  it.each([
    [{ prefix: 'acme/alice' }, 'prefix: must end in "/", or it would match its neighbours too'],
    [{ prefix: '' }, 'prefix: is empty: write "wholeBucket: true" if that is meant'],
    [{}, 'prefix: is required; for a whole bucket write "wholeBucket: true" instead'],
    [{ prefix: '', wholeBucket: false }, 'prefix: is empty: write "wholeBucket: true" if that is meant'],
    [{ prefix: 'a/', wholeBucket: true }, 'wholeBucket: goes with an empty prefix only'],
    [{ prefix: '/a/' }, 'prefix: must be the beginning of a key, of at most 1024 bytes'],
    [{ prefix: 'a/../b/' }, 'prefix: must be the beginning of a key, of at most 1024 bytes'],
    [{ prefix: 'a/', buckets: ['medai'] }, 'buckets[0]: names no bucket: "medai", did you mean "media"?'],
    [{ prefix: 'a/', buckets: ['constructor'] }, 'buckets[0]: names no bucket: "constructor"'],
    [{ prefix: 'a/', operations: ['read'] }, 'operations[0]: must be one of: upload, download, list, delete, overwrite, versions'],
    [{ prefix: 'a/', operations: [] }, 'operations: must have at least 1 item'],
    [{ prefix: 'a/', contentTypes: [] }, 'contentTypes: must have at least 1 item'],
    [{ prefix: 'a/', contentTypes: ['PNG'] }, 'contentTypes[0]: must be a content type in lower case'],
    [{ prefix: 'a/', deny: true }, 'deny: is unknown'],
  ])('may not be allowed %j', async (rule, problem) => {
    await expectProblem(allow(rule), `tenants.acme.keys[0].allow[0].${problem}`)
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

describe('production', () => {
  const production = { environment: 'production' }

  it('warns of what is only good for trying out', async () => {
    expect(
      await warningsOf({
        ...production,
        state: 'memory:',
        'audit.file': 'none',
        'server.admin': ':9090',
      }),
    ).toEqual([
      'audit.file: keeps no record of decisions',
      'server.admin: can be reached from other machines: keep strangers off it',
      'state: is kept in memory: a restart forgets all quotas',
    ].toSorted((a, b) => ORDER.indexOf(a.slice(0, 5)) - ORDER.indexOf(b.slice(0, 5))))
  })

  it('refuses a placeholder for a store’s secret, which development only warns of', async () => {
    const placeholder = { 'stores.main.credentials.secretAccessKey': 'minioadmin' }
    const told = 'stores.main.credentials.secretAccessKey: is a placeholder, not a secret'
    await expectProblem({ ...production, ...placeholder }, told)
    expect(await warningsOf(placeholder)).toEqual([told])
  })
})

// As `configText` writes them: what is new comes last, in the order of the changes.
const ORDER = ['state', 'audit', 'serve']
