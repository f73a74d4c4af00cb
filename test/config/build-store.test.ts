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

  it('warns when its upload URLs could be used to read', async () => {
    const hole = (unsignedCopySource: string, allow: boolean, more: object = {}) => ({
      'stores.main.capabilities': { unsignedCopySource, ...more },
      'stores.main.allowReadableWriteCredential': allow,
    })
    const allowed =
      'stores.main.credentials: may let every upload URL copy what "write" can read: give "write" a key pair that cannot read'
    const refused =
      'stores.main.credentials: would let every upload URL copy, so that uploads are refused: give "write" a key pair that cannot read'
    expect(await warningsOf(hole('open', true))).toEqual([allowed])
    expect(await warningsOf(hole('open', false))).toEqual([refused])
    expect(await warningsOf(hole('probe', true))).toEqual([allowed])
    expect(await warningsOf(hole('probe', false))).toEqual([])
    expect(await warningsOf(hole('closed', true))).toEqual([])
    expect(await warningsOf(hole('open', true, { writeCredentialReads: 'no' }))).toEqual([])
    const pair = (name: string) => ({ accessKeyId: name, secretAccessKey: `${name}-secret` })
    const three = { write: pair('W'), read: pair('R'), manage: pair('M') }
    expect(await warningsOf({ ...hole('open', false), 'stores.main.credentials': three })).toEqual(
      [],
    )
  })
})
