import { describe, expect, it } from 'vitest'
import { configText, expectProblem, load, problemsOf, warningsOf } from './config-fixture.ts'

const KEY = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', kid: 'k' }
const ALLOW = { operations: ['upload'], buckets: ['media'], prefix: '{tenant}/{user}/' }
const CORP = {
  issuer: 'https://id.example.com',
  audience: 'signet',
  tenant: { claim: 'org.id' },
  allow: [ALLOW],
}
// YAML would make aliases of what stands in two places.
const corp = (changes: object) => structuredClone({ 'issuers.corp': { ...CORP, ...changes } })
const issuerOf = async (changes: object = {}, given?: Parameters<typeof load>[1]) =>
  (await load(corp(changes), given)).config.issuers.get('corp')
const STAFF = {
  issuer: 'https://id.example.com',
  audience: 'signet-admin',
  roles: [{ role: 'operator', when: { claim: 'groups', value: 'ops' } }],
}

describe('issuers', () => {
  it('are none unless they are configured', async () => {
    const { config } = await load()
    expect([config.issuers.size, config.adminIssuer]).toEqual([0, undefined])
  })

  it('need to say whose tokens, for whom and what for; the rest has safe defaults', async () => {
    const issuer = await issuerOf()
    expect(issuer).toMatchObject({
      name: 'corp',
      issuer: 'https://id.example.com',
      audiences: ['signet'],
      algorithms: ['RS256', 'ES256'],
      typ: 'at+jwt',
      maxAgeSeconds: 86_400,
      clockToleranceSeconds: 30,
      keys: {
        kind: 'discovery',
        url: 'https://id.example.com/.well-known/openid-configuration',
      },
      mandatory: true,
      require: [],
      tenant: { claim: ['org', 'id'] },
      user: { claim: ['sub'] },
    })
    expect(issuer?.rules).toEqual([
      { permission: expect.objectContaining({ prefix: '{tenant}/{user}/' }), when: [] },
    ])
  })

  it('A03: do not start without the issuer or the audience', async () => {
    for (const member of ['issuer', 'audience', 'tenant', 'allow']) {
      await expectProblem(corp({ [member]: undefined }), `issuers.corp.${member}: is required`)
    }
    await expectProblem(corp({ audience: [] }), 'issuers.corp.audience: must have at least 1 item')
  })

  it.each([
    [{ algorithms: ['HS256'] }, /algorithms\[0\]: must be one of: RS256/],
    [{ algorithms: ['none'] }, /algorithms\[0\]: must be one of: RS256/],
    [{ algorithms: [] }, /algorithms: must have at least 1 item/],
    [{ clockToleranceSeconds: 61 }, /must be a whole number from 0 to 60/],
    [{ maxAgeSeconds: 59 }, /must be a whole number from 60 to 2592000/],
    [{ issuer: 'id.example.com' }, /issuer: must be an https: URL/],
    [{ issuer: 'https://id.example.com?x' }, /issuer: must have no query/],
    [{ jwks: { url: 'ftp://id.example.com/jwks' } }, /jwks\.url: must be an https: URL/],
    [{ jwks: { url: 'https://a:b@id.example.com/jwks' } }, /must have no user name/],
    [{ jwks: { url: 'https://id.example.com/j', keys: [KEY] } }, /keys: goes without "url" only/],
    [{ jwks: { keys: [{ ...KEY, d: 'x' }] } }, /must be public keys of RSA, EC or OKP/],
    [{ jwks: { keys: [{ kty: 'oct', k: 'x' }] } }, /must be public keys of RSA, EC or OKP/],
    [{ jwks: { keys: '{"keys":[]}' } }, /must be public keys of RSA, EC or OKP/],
    [{ jwks: { keys: '<html>' } }, /must be a key set/],
    [{ user: { claim: 'a..b' } }, /user\.claim: must be names joined by dots/],
    [{ require: [{ claim: 'a', value: 1, word: 'b' }] }, /word: goes without "value" only/],
    [{ allow: [{ ...ALLOW, prefix: '{user}/' }] }, /prefix: must hold \{tenant\} too/],
    [{ allow: [{ ...ALLOW, when: [{ claim: '' }] }] }, /when\[0\]\.claim: /],
  ])('refuse %j', async (changes, problem) => {
    expect((await problemsOf(configText(corp(changes)))).join('\n')).toMatch(problem)
  })

  it('must have keys by https: in production, but for the machine itself', async () => {
    const production = { environment: 'production' }
    const url = (text: string) => ({ ...production, ...corp({ jwks: { url: text } }) })
    await expectProblem(
      url('http://id.example.com/jwks'),
      'issuers.corp.jwks.url: must be https: in production',
    )
    expect((await load(url('http://127.0.0.1:9/jwks'))).config.issuers.size).toBe(1)
  })

  it('take keys as a list, as JSON, and from a file', async () => {
    const keys = { kind: 'static', keys: [KEY] }
    const text = JSON.stringify({ keys: [KEY] })
    expect(await issuerOf({ jwks: { keys: [KEY] } })).toMatchObject({ keys })
    expect(await issuerOf({ jwks: { keys: text } })).toMatchObject({ keys })
    const file = await issuerOf(
      { jwks: { keys: 'file:jwks.json' } },
      { files: { 'jwks.json': text } },
    )
    expect(file).toMatchObject({ keys })
  })

  it('name claims with a dot in them as a list', async () => {
    const claim = ['https://example.com/org', 'id']
    expect(await issuerOf({ tenant: { claim } })).toMatchObject({ tenant: { claim } })
  })

  it('are two, and not one issuer twice', async () => {
    const second = structuredClone({ 'issuers.other': { ...CORP, tenant: 'globex' } })
    await expectProblem(
      { ...corp({ tenant: 'acme' }), ...second },
      'issuers.other.issuer: is that of "corp" already',
    )
  })

  const otherBeside = (own: object, others: object) => {
    const changes = { issuer: 'https://other.example.com', tenant: 'acme', ...others }
    return problemsOf(
      configText({
        ...corp({ tenant: { claim: 'org', map: { o: 'acme' } }, ...own }),
        ...structuredClone({ 'issuers.other': { ...CORP, ...changes } }),
      }),
    ).then((problems) => problems.join('\n'))
  }
  const prefixed = (prefix: string) => ({ user: { claim: 'sub', prefix } })
  const mapped = (map: object, prefix = '') => ({ user: { claim: 'sub', map, prefix } })

  it('are not several of which one speaks for all tenants', async () => {
    const problems = await otherBeside({ tenant: { claim: 'org' } }, prefixed('other:'))
    expect(problems).toContain('issuers.corp.tenant: lets this issuer speak for all tenants')
    expect(problems).not.toContain('issuers.other.tenant')
  })

  it.each([
    ['without prefixes', {}, {}],
    ['with one prefix, which a claim may begin with', prefixed('corp:'), {}],
    ['with a prefix that begins with the other', prefixed('a'), prefixed('ab')],
    ['with a fixed user and any', { user: 'x:bot' }, prefixed('x:')],
    ['with the same fixed user', { user: 'bot' }, { user: 'bot' }],
    ['with maps that meet', mapped({ a: 'x', b: 'y1' }), mapped({ c: '1' }, 'y')],
  ])('are not two that may mean the same user of a tenant: %s', async (_what, own, others) => {
    const problem = 'issuers.other.user: can be a user of "corp" in the same tenant'
    expect(await otherBeside(own, others)).toContain(problem)
    expect(await otherBeside(own, { ...others, tenant: 'globex' })).not.toContain(problem)
  })

  it.each([
    ['behind prefixes', prefixed('corp:'), prefixed('other:')],
    ['of whom one is fixed', { user: 'bot' }, prefixed('other:')],
    ['by maps', mapped({ a: 'x', b: 'y' }), mapped({ c: '1' }, 'y')],
  ])('are two with users of their own in one tenant: %s', async (_what, own, others) => {
    expect(await otherBeside(own, others)).not.toContain('.user')
  })
  it('warn of tokens that an ID token looks like', async () => {
    const warning = 'issuers.corp.typ: is what ID tokens can have too'
    expect((await warningsOf(corp({ typ: 'JWT' }))).join('\n')).toContain(warning)
    const told = corp({ typ: 'JWT', require: [{ claim: 'client_id' }] })
    expect((await warningsOf(told)).join('\n')).not.toContain(warning)
  })
})

describe('an issuer of administrators', () => {
  it('has roles by claims', async () => {
    const { config } = await load({ 'admin.oidc': STAFF })
    expect(config.adminIssuer).toMatchObject({
      name: 'oidc',
      roles: [{ role: 'operator', when: { claim: ['groups'], value: 'ops' } }],
    })
  })

  it.each([{ claim: 'is_admin' }, { claim: ['is_admin'] }])(
    'has no role by a claim that is merely there, as in %j',
    async (when) => {
      const roles = [{ role: 'operator', when }]
      await expectProblem(
        { 'admin.oidc': { ...STAFF, roles } },
        'admin.oidc.roles[0].when: must say more than that the claim is there: add "value" or "word"',
      )
    },
  )

  it('A15: shares no audience with the public API', async () => {
    const shared = { ...STAFF, audience: ['x', 'signet'] }
    await expectProblem(
      { ...corp({}), 'admin.oidc': shared },
      'admin.oidc.audience: is one of "corp": no token may be good for both listeners',
    )
    expect((await load({ ...corp({}), 'admin.oidc': STAFF })).config.issuers.size).toBe(1)
  })
})
