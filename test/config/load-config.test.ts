import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { formatProblem } from '../../src/config/problem.ts'
import { CANARIES, configText, errorOf, linesOf, load, problemsOf } from './config-fixture.ts'

describe('a configuration', () => {
  it('has the documented defaults', async () => {
    const { config, warnings } = await load()
    expect(warnings).toEqual([])
    expect(config).toMatchObject({
      environment: 'development',
      server: {
        listen: { host: undefined, port: 8080 },
        admin: { host: '127.0.0.1', port: 9090 },
        publicUrl: undefined,
        headersTimeoutMs: 10_000,
        requestTimeoutMs: 15_000,
        drainSeconds: 20,
        shutdownDelaySeconds: 0,
      },
      state: { kind: 'sqlite', path: './data/signet.db' },
      audit: { kind: 'file', path: './data/audit.jsonl' },
      log: { level: 'info' },
      signing: { presigner: 'auto' },
    })
    expect(config.server.cors.origins.size).toBe(0)
    expect(config.buckets.get('media')).toMatchObject({
      name: 'media',
      placements: [{ bucket: 'media-prod', prefix: '' }],
      upload: {
        maxSizeBytes: 5_368_709_120,
        contentTypes: new Set(),
        expiresInSeconds: 300,
        expiresInSecondsMax: 3_600,
        writeOnce: undefined,
        oversized: 'keep',
        altered: 'keep',
        multipartThresholdBytes: 67_108_864,
        multipartLifetimeSeconds: 86_400,
        strictHeaders: false,
        storageClasses: new Set(),
        tagKeys: new Set(),
        encryption: { allowed: new Set() },
      },
      download: {
        expiresInSeconds: 300,
        expiresInSecondsMax: 3_600,
        disposition: 'attachment',
        stableForSeconds: 0,
      },
    })
    expect(config.stores.get('main')).toMatchObject({
      publicEndpoint: 'https://s3.eu-central-1.amazonaws.com',
      addressing: 'virtual',
      allowReadableWriteCredential: false,
      maxTransferSeconds: 3_600,
      timeoutMs: 5_000,
      maxConcurrentCalls: 64,
    })
    expect(config.plans.get('standard')?.rates[0]?.burst).toBe(60)
    expect(config.tenants.get('acme')?.timeZone).toBe('UTC')
  })

  it('joins stores, plans and keys into one graph', async () => {
    const { config } = await load({ 'plans.pro': {}, 'tenants.acme.users.bob': { plan: 'pro' } })
    const acme = config.tenants.get('acme')
    expect(config.buckets.get('media')?.placements[0].store).toBe(config.stores.get('main'))
    expect(acme?.users.get('alice')?.plan).toBe(config.plans.get('standard'))
    expect(acme?.users.get('bob')?.plan).toBe(config.plans.get('pro'))
    expect(acme?.keys).toEqual(['k1'])
    expect(config.keys.get('k1')).toMatchObject({
      tenant: 'acme',
      user: 'alice',
      permissions: [
        { operations: new Set(['upload']), buckets: new Set(['media']), prefix: 'acme/alice/' },
      ],
    })
  })

  it('cannot be changed any more, maps and sets neither', async () => {
    const { config, secrets } = await load()
    const frozen: unknown[] = [config, config.server, config.stores.get('main'), secrets.pepper]
    expect(frozen.every((value) => Object.isFrozen(value))).toBe(true)
    const { stores, buckets } = config
    expect(() => (stores as Map<string, unknown>).set('x', {})).toThrow(TypeError)
    expect(() => (stores as Map<string, unknown>).clear()).toThrow(TypeError)
    const types = buckets.get('media')?.upload.contentTypes
    expect(() => (types as Set<string>).add('text/html')).toThrow(TypeError)
    expect(stores.size).toBe(1)
  })

  it('shows none of its secrets, however it is printed', async () => {
    const loaded = await load()
    const printed = [
      JSON.stringify(loaded),
      JSON.stringify([...loaded.config.stores.values()]),
      inspect(loaded, { depth: null, showHidden: true }),
      inspect(loaded, { depth: null, customInspect: false }),
      String(loaded.config.stores.get('main')?.credentials.write.secretAccessKey),
    ].join('\n')
    expect(printed).toContain('AKIATEST')
    for (const canary of Object.values(CANARIES)) expect(printed).not.toContain(canary)
    expect(loaded.secrets.pepper.current.secret.reveal()).toBe(CANARIES.pepper)
  })
})

describe('a broken configuration', () => {
  it('names all of its problems at once, each with file, line, column and path', async () => {
    const text = configText({
      'server.lisen': ':1',
      'buckets.media.placements': [{ store: 'mian', bucket: 'media-prod' }],
      'buckets.media.upload.maxSizeBytes': '10 MB',
      'stores.main.endpoint': 'https://user:pw@s3.example.com/path',
      'secrets.adminToken': 'changeme',
      'tenants.acme.plan': 'standrad',
      'tenants.acme.timeZone': 'Europe/Atlantis',
    })
    const lines = await linesOf(text)
    const at = (pattern: RegExp) => text.split('\n').findIndex((line) => pattern.test(line)) + 1
    expect(lines).toEqual([
      `signet.yaml:${at(/adminToken/)}:15 secrets.adminToken: is a placeholder, not a secret`,
      `signet.yaml:${at(/endpoint/)}:15 stores.main.endpoint: must not hold a user name or password`,
      `signet.yaml:${at(/mian/)}:16 buckets.media.placements[0].store: names no store: "mian", did you mean "main"?`,
      `signet.yaml:${at(/maxSize/)}:21 buckets.media.upload.maxSizeBytes: must be a whole number from 1 to 1125899906842624`,
      `signet.yaml:${at(/standrad/)}:11 tenants.acme.plan: names no plan: "standrad", did you mean "standard"?`,
      `signet.yaml:${at(/Atlantis/)}:15 tenants.acme.timeZone: is no time zone that is known here, like Europe/Berlin`,
      `signet.yaml:${at(/lisen/)}:3 server.lisen: is unknown, did you mean "listen"?`,
    ])
  })

  it('points at the nearest thing there is when a member is missing', async () => {
    const text = configText({ 'stores.main.credentials': undefined, plans: undefined })
    const line = text.split('\n').findIndex((entry) => /^ {2}main:/.test(entry)) + 1
    expect(await linesOf(text)).toContain(
      `signet.yaml:${line}:3 stores.main.credentials: is required`,
    )
    expect(await linesOf(text)).toContain('signet.yaml:1:1 plans: is required')
  })

  it('names a bucket, store, user or member that is there twice', async () => {
    const doubled = `${configText()}\nbuckets: {}\n`
    expect(await problemsOf(doubled)).toContain('buckets: is there more than once')
    const inner = configText().replace('  media:', '  media: {}\n  media:')
    expect(await problemsOf(inner)).toContain('buckets.media: is there more than once')
  })

  it.each([
    ['at the top', {}, '__proto__: {}\n'],
    ['as a bucket', { buckets: undefined }, 'buckets: { __proto__: {} }\n'],
  ])('refuses the name __proto__ %s', async (_, changes, more) => {
    const problems = await problemsOf(configText(changes) + more)
    expect(problems.some((line) => line.includes('must not have a member "__proto__"'))).toBe(true)
  })

  it('tells every unknown member, and what was meant', async () => {
    const problems = await problemsOf(
      configText({
        bukets: {},
        'secrets.peper': 'x',
        'stores.main.credentials.secretAcessKey': 'x',
        'stores.main.credentials.secretAccessKey': undefined,
        'buckets.media.download': { disposistion: 'inline' },
        'tenants.acme.users.alice': { plna: 'standard' },
      }),
    )
    expect(problems).toEqual(
      expect.arrayContaining([
        'bukets: is unknown, did you mean "buckets"?',
        'secrets.peper: is unknown, did you mean "pepper"?',
        'stores.main.credentials.secretAcessKey: is unknown, did you mean "secretAccessKey"?',
        'stores.main.credentials.secretAccessKey: is required',
        'buckets.media.download.disposistion: is unknown, did you mean "disposition"?',
        'tenants.acme.users.alice.plna: is unknown, did you mean "plan"?',
      ]),
    )
    expect(problems).toHaveLength(6)
  })

  it('says where the text is no YAML, and stops there', async () => {
    const lines = await linesOf('server:\n  listen: [1\nstores: }\n')
    expect(lines.length).toBeGreaterThan(0)
    for (const line of lines) expect(line).toMatch(/^signet\.yaml:[23]:\d+ is not YAML: /)
  })

  it.each([
    ['nothing at all', '', ': is empty, but must be a mapping'],
    ['a list', '- a\n', ': must be a mapping'],
    ['an alias', 'a: &x {}\nb: *x\n', 'b: is an alias: write the value out'],
    ['a name that is no text', '? [a]\n: b\n', ': has a member whose name is no text'],
    ['an empty section', configText({ buckets: null }), 'buckets: is empty, but must be a mapping'],
    [
      'a number where text goes',
      configText({ 'stores.main.region': 7 }),
      'stores.main.region: must be text of 1 to 63 characters: put it in quotes',
    ],
  ])('that is %s is refused', async (_, text, problem) => {
    expect(await problemsOf(text)).toContain(problem)
  })

  it('is told without its secrets, in one line a problem', async () => {
    const error = await errorOf(
      configText({
        'server.listen': CANARIES.store,
        'stores.main.endpoint': `https://x:${CANARIES.store}@host`,
        'stores.main.credentials.secretAccessKey': `${CANARIES.store} with spaces`,
        'secrets.adminToken': `${CANARIES.adminToken} ,`,
        'tenants.acme.keys': [{ id: 'k1', user: 'alice', hash: CANARIES.pepper, allow: [] }],
        'odd\nname\u001b[31m': 1,
      }),
    )
    const printed = `${error?.message}\n${inspect(error)}\n${JSON.stringify(error)}`
    for (const canary of Object.values(CANARIES)) expect(printed).not.toContain(canary)
    for (const problem of error?.problems ?? []) {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that is the point
      expect(formatProblem(problem)).not.toMatch(/[\u0000-\u001f\u007f]/)
    }
    expect(error?.problems).toHaveLength(6)
  })
})
