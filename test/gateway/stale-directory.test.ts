import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { KNOWN_FOR_MS, UNKNOWN_AFTER_MS } from '../../src/auth/authenticate.ts'
import { documentName } from '../../src/config/directory/document-name.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/port.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'
import { startTestIssuer, type TestIssuer } from '../support/token-issuer.ts'

const AWAY = { status: 503, code: 'AuthUnavailable' } as const
const DENIED = { status: 403, code: 'AccessDenied' } as const

let clock: TestClock
let issuer: TestIssuer
let gateway: TestGateway

beforeAll(async () => {
  clock = new TestClock()
  issuer = await startTestIssuer(() => clock.nowMs())
})
afterAll(() => issuer.close())

/** A gateway that shares its state with others, and may or may not be able to read it. */
async function openShared(state: StateStore): Promise<TestGateway> {
  const opened = await openTestGateway({
    clock,
    stateUrl: 'redis://127.0.0.1:1',
    overrides: { state },
    tenants: { acme: ['alice'] },
    issuers: {
      corp: {
        issuer: issuer.issuer,
        audience: 'signet',
        jwks: { url: issuer.jwksUrl },
        tenant: { claim: 'tenant' },
        plan: { claim: 'plan' },
        allow: [{ operations: ['upload'], buckets: ['media'], prefix: '{tenant}/{user}/' }],
      },
    },
  })
  await opened.context.tokens.refreshKeys()
  return opened
}

async function usage(claims: Readonly<Record<string, unknown>>): Promise<Response> {
  const headers = { authorization: `Bearer ${await issuer.token(claims)}` }
  return gateway.call('GET', '/v1/usage', undefined, { headers })
}

const ALICE = { tenant: 'acme', sub: 'alice' }
const ZOE = { tenant: 'acme', sub: 'zoe' }
const PETER = { tenant: 'initech', sub: 'peter' }

describe('a token while the directory is not heard', () => {
  beforeAll(async () => {
    gateway = await openShared(openMemoryState())
    const name = documentName({ kind: 'tenant', tenant: 'initech' })
    await gateway.context.directory.put({ name, value: '{"plan":"test"}' })
  })
  beforeEach(() => gateway.context.directory.sync())
  afterAll(() => gateway.close())

  it.each([
    ['a tenant', { tenant: 'nowhere', sub: 'alice' }],
    ['a plan', { ...ALICE, plan: 'gold' }],
  ])('A14 403, then 503: %s that is not known may have been made', async (_what, claims) => {
    clock.advance(UNKNOWN_AFTER_MS)
    await expectRefused(await usage(claims), DENIED, { gateway })
    clock.advance(1)
    await expectRefused(await usage(claims), AWAY, { gateway })
    expect((await usage({ ...ALICE })).status).toBe(200)
  })

  it.each([
    ['of the directory', PETER],
    ['of a tenant of the file', ZOE],
  ])('A14 200, then 503: a user %s goes on for a minute', async (_what, claims) => {
    clock.advance(KNOWN_FOR_MS)
    expect((await usage(claims)).status).toBe(200)
    await gateway.context.sightings.settled()
    await gateway.context.directory.sync()
    clock.advance(KNOWN_FOR_MS + 1)
    await expectRefused(await usage(claims), AWAY, { gateway })
    expect((await usage(ALICE)).status).toBe(200)
    await gateway.context.directory.sync()
    expect((await usage(claims)).status).toBe(200)
  })
})

describe('a token at a gateway that never heard the directory', () => {
  beforeAll(async () => {
    const away = () => Promise.reject(new Error('no answer'))
    gateway = await openShared({ ...openMemoryState(), changes: away })
  })
  afterAll(() => gateway.close())

  it('A14 503: of whom the file does not name, be the tenant known or not', async () => {
    for (const claims of [PETER, ZOE]) await expectRefused(await usage(claims), AWAY, { gateway })
    expect((await usage(ALICE)).status).toBe(200)
  })
})
