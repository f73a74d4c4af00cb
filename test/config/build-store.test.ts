import { describe, expect, it } from 'vitest'
import { configText, expectProblem, load, problemsOf, warningsOf } from './config-fixture.ts'

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
    ['http://[fe80::1%25eth0]:9000', 'must be an origin like https://s3.example.com'],
    ['http://[2001:db8:0:0::1]', 'must name its host in the usual form'],
    ['http://::1:9000', 'must be an origin like https://s3.example.com'],
    ['https://h.example:0x50', 'must be an origin like https://s3.example.com'],
    ['https://h.example:65536', 'must be an origin like https://s3.example.com'],
    ['https://u@[::1]', 'must not hold a user name or password'],
  ])('refuses the endpoint %s', async (endpoint, problem) => {
    await expectProblem({ 'stores.main.endpoint': endpoint }, `stores.main.endpoint: ${problem}`)
    await expectProblem(
      { 'stores.main.publicEndpoint': endpoint },
      `stores.main.publicEndpoint: ${problem}`,
    )
  })

  it('takes 1 to 1,000 calls at once', async () => {
    for (const calls of [1, 1_000]) {
      const { config } = await load({ 'stores.main.maxConcurrentCalls': calls })
      expect(config.stores.get('main')?.maxConcurrentCalls).toBe(calls)
    }
    for (const calls of [0, 1_001, 1.5, 'many']) {
      const problems = await problemsOf(configText({ 'stores.main.maxConcurrentCalls': calls }))
      expect(problems).toHaveLength(1)
    }
  })

  it('leaves default port, slash and capitals out of an endpoint', async () => {
    const { config } = await load({ 'stores.main.endpoint': 'https://S3.Example.com:443/' })
    expect(config.stores.get('main')?.endpoint).toBe('https://s3.example.com')
  })

  it.each([
    ['https://[2001:DB8::1]:9000', 'https://[2001:db8::1]:9000'],
    ['http://[::1]', 'http://[::1]'],
    ['http://10.0.0.1:9000/', 'http://10.0.0.1:9000'],
    ['http://minio:9000', 'http://minio:9000'],
    ['https://s3.dualstack.eu-central-1.amazonaws.com', undefined],
    ['https://xn--bcher-kva.example:8443', undefined],
    ['https://s3.example.com:65535', undefined],
  ])('takes the endpoint %s', async (endpoint, text = endpoint) => {
    const { config } = await load({
      'stores.main.endpoint': endpoint,
      'stores.main.publicEndpoint': endpoint,
      'stores.main.addressing': 'path',
    })
    expect(config.stores.get('main')).toMatchObject({ endpoint: text, publicEndpoint: text })
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
    for (const endpoint of [
      'http://10.0.0.1',
      'http://127.0.0.1.evil.example',
      'http://h.example',
    ]) {
      await expectProblem(
        production(endpoint),
        'stores.main.endpoint: must be https: in production',
      )
      expect(
        await problemsOf(configText({ ...production(endpoint), environment: 'development' })),
      ).toEqual([])
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
    for (const member of ['endpoint', 'publicEndpoint']) {
      for (const origin of ['https://10.0.0.1', 'https://[2001:db8::1]:9000']) {
        await expectProblem(
          {
            'stores.main.provider': 'generic',
            'stores.main.endpoint': 'https://s3.example.com',
            [`stores.main.${member}`]: origin,
            'stores.main.addressing': 'virtual',
          },
          'stores.main.addressing: must be path: no bucket name can stand before an IP address',
        )
      }
    }
  })

  it('may have one key pair, or one each for write, read and manage', async () => {
    const pair = (name: string) => ({ accessKeyId: name, secretAccessKey: `${name}-secret` })
    const three = { write: pair('W'), read: pair('R'), manage: pair('M') }
    const { config } = await load({ 'stores.main.credentials': three })
    const credentials = config.stores.get('main')?.credentials
    expect(
      [credentials?.write, credentials?.read, credentials?.manage].map((c) => c?.accessKeyId),
    ).toEqual(['W', 'R', 'M'])
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

  it('warns when its upload URLs could be used to read, and of the override at every load', async () => {
    const hole = (unsignedCopySource: string, allow: boolean, more: object = {}) => ({
      'stores.main.capabilities': { unsignedCopySource, ...more },
      'stores.main.allowReadableWriteCredential': allow,
    })
    const allowed =
      'stores.main.allowReadableWriteCredential: lets upload URLs be signed that may copy what "write" can read: give "write" a key pair that cannot read'
    const refused =
      'stores.main.credentials: would let every upload URL copy, so that uploads are refused: give "write" a key pair that cannot read'
    for (const known of ['open', 'probe', 'closed']) {
      expect(await warningsOf(hole(known, true))).toEqual([allowed])
      expect(await warningsOf(hole(known, true, { writeCredentialReads: 'no' }))).toEqual([allowed])
    }
    expect(await warningsOf(hole('open', false))).toEqual([refused])
    expect(await warningsOf(hole('probe', false))).toEqual([])
    expect(await warningsOf(hole('closed', false))).toEqual([])
    expect(await warningsOf(hole('open', false, { writeCredentialReads: 'no' }))).toEqual([])
    const pair = (name: string) => ({ accessKeyId: name, secretAccessKey: `${name}-secret` })
    const three = { write: pair('W'), read: pair('R'), manage: pair('M') }
    expect(await warningsOf({ ...hole('open', false), 'stores.main.credentials': three })).toEqual(
      [],
    )
  })
})

describe('a path before the bucket', () => {
  const supabase = (endpoint: string, more: object = {}) => ({
    'stores.main': {
      provider: 'supabase',
      endpoint,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'AKIATEST', secretAccessKey: 'canary-store-secret' },
      ...more,
    },
  })

  it('is the profile\u2019s, and may be written in the endpoint or left out', async () => {
    for (const path of ['', '/', '/storage/v1/s3', '/storage/v1/s3/']) {
      const { config } = await load(supabase(`https://p.supabase.co${path}`))
      expect(config.stores.get('main')).toMatchObject({
        endpoint: 'https://p.supabase.co',
        addressing: 'path',
      })
    }
  })

  it.each(['/s3', '/storage/v1/s3/more', '//storage/v1/s3', '/x/storage/v1/s3'])(
    'is no other one: %s',
    async (path) => {
      await expectProblem(
        supabase(`https://p.supabase.co${path}`),
        'stores.main.endpoint: must not have a path',
      )
    },
  )

  it('leaves no other style than path', async () => {
    await expectProblem(
      supabase('https://p.supabase.co', { addressing: 'virtual' }),
      'stores.main.addressing: must be path: this provider has no other',
    )
  })
})

describe('a public endpoint', () => {
  const own =
    "stores.main.publicEndpoint: cannot be a domain of one's own: this provider signs for its own names only"
  const on = (provider: string, endpoint: string | undefined, publicEndpoint: string) => ({
    'stores.main.provider': provider,
    'stores.main.endpoint': endpoint,
    'stores.main.publicEndpoint': publicEndpoint,
  })

  it.each([
    ['aws', undefined],
    ['r2', 'https://acct.r2.cloudflarestorage.com'],
    ['hetzner', undefined],
    ['storj', undefined],
  ])('cannot be a domain of one\u2019s own on %s', async (provider, endpoint) => {
    for (const host of ['cdn.example.com', 'amazonaws.com.example.com', 'r2.example.com']) {
      await expectProblem(on(provider, endpoint, `https://${host}`), own)
    }
  })

  it.each([
    ['aws', undefined, 's3.dualstack.eu-central-1.amazonaws.com'],
    ['aws', 'https://s3.cn-north-1.amazonaws.com.cn', 's3.dualstack.cn-north-1.amazonaws.com.cn'],
    ['r2', 'https://acct.r2.cloudflarestorage.com', 'acct.eu.r2.cloudflarestorage.com'],
    ['storj', 'https://gateway.own.example.com', 'gateway.own.example.com'],
    ['minio', 'http://minio.example.com', 'files.example.net'],
    ['tigris', undefined, 'files.example.net'],
    ['generic', 'http://minio.example.com', 'files.example.net'],
  ])('may be another name of %s (%s): %s', async (provider, endpoint, host) => {
    expect(await problemsOf(configText(on(provider, endpoint, `https://${host}`)))).toEqual([])
  })
})

describe('a temporary key pair', () => {
  const pair = (more: object) => ({
    'stores.main.credentials': {
      accessKeyId: 'A',
      secretAccessKey: 'canary-store-secret',
      ...more,
    },
  })

  it('may say when it ends', async () => {
    const expiresAt = '2026-12-31T23:59:59+01:00'
    const { config } = await load(pair({ sessionToken: 'token', expiresAt }))
    const credential = config.stores.get('main')?.credentials.write
    expect(credential?.expiresAtMs).toBe(Date.UTC(2026, 11, 31, 22, 59, 59))
    const unsaid = await load(pair({ sessionToken: 'token' }))
    expect(unsaid.config.stores.get('main')?.credentials.write).not.toHaveProperty('expiresAtMs')
  })

  it.each(['tomorrow', '2026-12-31', '2026-02-31T00:00:00Z', '2026-12-31 23:59:59Z'])(
    'cannot end %s',
    async (expiresAt) => {
      await expectProblem(
        pair({ sessionToken: 'token', expiresAt }),
        'stores.main.credentials.expiresAt: must be a time like 2026-12-31T23:59:59Z',
      )
    },
  )

  it('is one with a token', async () => {
    await expectProblem(
      pair({ expiresAt: '2026-12-31T23:59:59Z' }),
      'stores.main.credentials.expiresAt: goes with sessionToken only',
    )
  })
})
