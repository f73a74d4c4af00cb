import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Issuer } from '../../src/auth/jwt/issuer.ts'
import { documentName } from '../../src/config/directory/document-name.ts'
import { REMOVED } from '../../src/config/directory/entity-documents.ts'
import { createTokenVerifiers } from '../../src/gateway/token-verifiers.ts'
import { ISSUER, keyPorts } from '../auth/jwt/jwt-fixture.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { startTestIssuer, type TestIssuer } from '../support/token-issuer.ts'

const DENIED = { status: 403, code: 'AccessDenied' } as const
const REFUSED = { status: 401, code: 'Unauthenticated' } as const

let clock: TestClock
let issuer: TestIssuer
let gateway: TestGateway

beforeAll(async () => {
  clock = new TestClock()
  issuer = await startTestIssuer(() => clock.nowMs())
  const common = { issuer: issuer.issuer, jwks: { url: issuer.jwksUrl } }
  gateway = await openTestGateway({
    clock,
    tenantSettings: { asleep: { plan: 'test', suspended: true } },
    tenants: { acme: ['alice'], asleep: [] },
    issuers: {
      corp: {
        ...common,
        audience: 'signet',
        tenant: { claim: 'tenant' },
        plan: { claim: 'plan' },
        allow: [
          { operations: ['upload'], buckets: ['media'], prefix: '{tenant}/{user}/' },
          {
            name: 'readers',
            operations: ['download'],
            buckets: ['media'],
            prefix: '{tenant}/',
            when: [{ claim: 'groups', value: 'readers' }],
          },
        ],
      },
    },
    admin: {
      oidc: {
        ...common,
        audience: 'signet-admin',
        name: 'staff',
        roles: [
          { role: 'operator', when: { claim: 'groups', value: 'ops' } },
          { role: 'viewer', when: { claim: 'groups', value: 'dev' } },
        ],
      },
    },
  })
})
afterAll(() => Promise.all([gateway.close(), issuer.close()]))

const bearer = async (claims: Readonly<Record<string, unknown>> = {}) => ({
  authorization: `Bearer ${await issuer.token(claims)}`,
})

async function upload(key: string, claims?: Readonly<Record<string, unknown>>) {
  return gateway.call('POST', '/v1/uploads', uploadBody({ key }), { headers: await bearer(claims) })
}

describe('callers by token', () => {
  it('201: a user whom nobody configured appears, with a key space of its own', async () => {
    expect((await upload('acme/zoe/cat.jpg', { sub: 'zoe' })).status).toBe(201)
    expect(gateway.context.config.tenants.get('acme')?.users.has('zoe')).toBe(true)
    await expectRefused(await upload('acme/alice/cat.jpg', { sub: 'zoe' }), DENIED, { gateway })
    expect(gateway.audited.at(-1)).toMatchObject({ tenant: 'acme', user: 'zoe', issuer: 'corp' })
  })

  it('201: a user who is configured is the same by token and by API key', async () => {
    expect((await upload('acme/alice/dog.jpg')).status).toBe(201)
    const usage = await gateway.call('GET', '/v1/usage')
    const { limits } = await usage.json()
    expect(limits).toContainEqual(
      expect.objectContaining({ policy: 'user-bytes-day', pending: 1_000 }),
    )
  })

  it('403: for a tenant that is not there, and for one that is suspended, and no user appears', async () => {
    const told = new Set<unknown>()
    for (const [tenant, reason] of [
      ['nowhere', 'its tenant is not there'],
      ['asleep', 'its tenant is suspended'],
    ] as const) {
      const answer = await upload(`${tenant}/alice/x`, { tenant })
      told.add((await expectRefused(answer, DENIED, { gateway })).detail)
      expect(gateway.audited.at(-1)).toMatchObject({
        ...{ event: 'request.refused', code: 'AccessDenied' },
        ...{ tenant, user: 'alice', issuer: 'corp', reason },
      })
    }
    // Outside, what is not there and what is suspended look the same.
    expect(told.size).toBe(1)
    await gateway.context.sightings.settled()
    expect(gateway.context.config.tenants.get('asleep')?.users.size).toBe(0)
    expect(gateway.context.config.tenants.has('nowhere')).toBe(false)
  })

  it('201: a user is judged by the plan of this token, be the one before gone by now', async () => {
    const plan = async (value: unknown) =>
      gateway.context.directory.put({
        name: documentName({ kind: 'plan', plan: 'trial' }),
        value: JSON.stringify(value),
      })
    await plan({ rates: [], quotas: [] })
    const yan = { sub: 'yan', plan: 'trial' }
    expect((await upload('acme/yan/1.jpg', yan)).status).toBe(201)
    await gateway.context.sightings.settled()
    await plan(REMOVED)
    await expectRefused(await upload('acme/yan/2.jpg', yan), DENIED, { gateway })
    expect((await upload('acme/yan/2.jpg', { sub: 'yan' })).status).toBe(201)
  })

  it('403: where no rule holds whose conditions the token meets', async () => {
    const body = { bucket: 'media', key: 'acme/bob/x' }
    const read = async (groups: unknown) =>
      gateway.call('POST', '/v1/downloads', body, { headers: await bearer({ groups }) })
    await expectRefused(await read(['writers']), DENIED, { gateway })
    await expectRefused(await read(undefined), DENIED, { gateway })
    expect((await read(['writers', 'readers'])).status).toBe(200)
  })

  it('400: a token beside another credential', async () => {
    const ambiguous = { status: 400, code: 'AmbiguousCredentials' } as const
    const { authorization } = await bearer()
    for (const headers of [
      { authorization, 'x-api-key': 'x' },
      { authorization: `${authorization}, ${authorization}` },
    ]) {
      const answer = await gateway.call('GET', '/v1/usage', undefined, { headers })
      await expectRefused(answer, ambiguous, { gateway })
    }
  })
})

describe('administrators by token', () => {
  const admin = async (method: string, claims: Readonly<Record<string, unknown>>) =>
    gateway.admin.request('/admin/v1/tenants/acme', {
      method,
      headers: await bearer({ aud: 'signet-admin', ...claims }),
    })

  it('200: a viewer looks, and may change nothing', async () => {
    expect((await admin('GET', { groups: ['dev'] })).status).toBe(200)
    await expectRefused(await admin('DELETE', { groups: ['dev'] }), DENIED, { gateway })
  })

  it('409: an operator may change what the file does not set, and is named in the audit log', async () => {
    const answer = await admin('DELETE', { sub: 'olga', groups: ['ops'] })
    await expectRefused(answer, { status: 409, code: 'UnmodifiableEntity' }, { gateway })
    expect(gateway.audited.at(-1)).toMatchObject({ admin: 'staff:olga' })
  })

  it('A15 401: without a role, or with a token for callers', async () => {
    await expectRefused(await admin('GET', {}), REFUSED, { gateway })
    await expectRefused(await admin('GET', { groups: ['sales'] }), REFUSED, { gateway })
    await expectRefused(await admin('GET', { aud: 'signet', groups: ['ops'] }), REFUSED, {
      gateway,
    })
    const headers = await bearer({ aud: 'signet-admin', groups: ['ops'] })
    await expectRefused(await gateway.call('GET', '/v1/usage', undefined, { headers }), REFUSED)
  })
})

describe('a gateway without issuers', () => {
  it('has all keys that it needs, and refuses every token', async () => {
    const config = { issuers: new Map<string, Issuer>(), adminIssuer: undefined }
    const tokens = createTokenVerifiers(() => config, keyPorts({ clock }).ports)
    expect(tokens.hadKeys).toBe(true)
    await tokens.refreshKeys()
    expect(tokens.hadKeys).toBe(true)
    const token = await issuer.token()
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'Unauthenticated' })
    await expect(tokens.verifyAdmin(token)).rejects.toMatchObject({ code: 'Unauthenticated' })
  })

  it('stays in service when one is added whose keys cannot be had', async () => {
    const lost: Issuer = {
      ...ISSUER,
      mandatory: true,
      issuer: issuer.issuer,
      keys: { kind: 'url', url: `${issuer.jwksUrl}/nowhere` },
    }
    let config = { issuers: new Map<string, Issuer>(), adminIssuer: undefined }
    const verifiers = () => createTokenVerifiers(() => config, keyPorts({ clock }).ports)
    const [before, after] = [verifiers(), verifiers()]
    expect(before.hadKeys).toBe(true)
    config = { ...config, issuers: new Map([['lost', lost]]) }
    for (const tokens of [before, after]) await tokens.refreshKeys()
    expect(before.hadKeys).toBe(true)
    expect(after.hadKeys).toBe(false)
  })

  it.each([
    [true, { kind: 'static', keys: [] }, true],
    [false, { kind: 'url', url: 'https://id.example/jwks' }, true],
    [true, { kind: 'url', url: 'https://id.example/jwks' }, false],
  ] as const)('knows before it looks for keys: mandatory %s, %j: %s', (mandatory, keys, had) => {
    const one: Issuer = { ...ISSUER, mandatory, keys }
    const config = { issuers: new Map([['one', one]]), adminIssuer: undefined }
    expect(createTokenVerifiers(() => config, keyPorts({ clock }).ports).hadKeys).toBe(had)
  })
})

describe('issuers that change while the gateway runs', () => {
  it('are followed: keys of those that stay are kept, tokens of those that go are refused', async () => {
    const corp: Issuer = {
      ...ISSUER,
      issuer: issuer.issuer,
      keys: { kind: 'url', url: issuer.jwksUrl },
    }
    let config: Parameters<typeof createTokenVerifiers>[0] extends () => infer C ? C : never = {
      issuers: new Map([['corp', corp]]),
      adminIssuer: undefined,
    }
    const tokens = createTokenVerifiers(() => config, keyPorts({ clock }).ports)
    const token = await issuer.token()
    const seen = issuer.requests.length
    expect(await tokens.verify(token)).toMatchObject({ user: 'alice' })
    config = { ...config, issuers: new Map([['corp', { ...corp, user: { fixed: 'service' } }]]) }
    expect(await tokens.verify(token)).toMatchObject({ user: 'service' })
    expect(issuer.requests.length - seen).toBe(1)
    config = { ...config, issuers: new Map() }
    await tokens.refreshKeys()
    await expect(tokens.verify(token)).rejects.toMatchObject({ code: 'Unauthenticated' })
    await expect(tokens.verifyAdmin(token)).rejects.toMatchObject({ code: 'Unauthenticated' })
  })
})
