import { createHmac } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { exportSPKI, importJWK } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'
import { type KeyServerMode, startTestIssuer, type TestIssuer } from '../support/token-issuer.ts'
import { until } from '../support/until.ts'

const COOLDOWN_MS = 30_000
const HEADER = { alg: 'ES256', typ: 'at+jwt' }
const REFUSED = { status: 401, code: 'Unauthenticated' } as const

let clock: TestClock
let corp: TestIssuer
/** Somebody else's issuer, which the gateway takes tokens of as well. */
let partner: TestIssuer
/** An attacker with keys and a server of its own. */
let attacker: TestIssuer
let gateway: TestGateway

beforeAll(async () => {
  clock = new TestClock()
  const issuers = await Promise.all([1, 2, 3].map(() => startTestIssuer(() => clock.nowMs())))
  ;[corp, partner, attacker] = issuers as [TestIssuer, TestIssuer, TestIssuer]
  gateway = await openTestGateway({
    clock,
    issuers: {
      corp: { ...issuerSettings(corp), algorithms: ['RS256', 'ES256'] },
      partner: { ...issuerSettings(partner), tenant: 'globex' },
    },
  })
  await gateway.context.tokens.refreshKeys()
})
afterAll(async () => {
  await gateway.close()
  await Promise.all([corp, partner, attacker].map((issuer) => issuer.close()))
})

/** Later, with keys just fetched. */
beforeEach(async () => {
  corp.mode = 'keys'
  clock.advance(10 * 60_000)
  await gateway.context.tokens.refreshKeys()
})

function issuerSettings({ issuer, jwksUrl }: TestIssuer) {
  return {
    issuer,
    audience: 'signet',
    maxAgeSeconds: 3_600,
    jwks: { url: jwksUrl },
    require: [{ claim: 'tenant' }],
    tenant: { claim: 'tenant', map: { acme: 'acme' } },
    allow: [{ operations: ['upload'], buckets: ['media'], prefix: '{tenant}/{user}/' }],
  }
}

const usage = (token: string, at = gateway) =>
  at.call('GET', '/v1/usage', undefined, { headers: { authorization: `Bearer ${token}` } })
const upload = (token: string) =>
  gateway.call('POST', '/v1/uploads', uploadBody(), {
    headers: { authorization: `Bearer ${token}` },
  })

/** Refused before anything was decided; the one that differs in nothing else passes. */
async function expectNoToken(token: string, right = corp.token()): Promise<void> {
  const before = stateOf(gateway)
  await expectRefused(await upload(token), REFUSED, { gateway, before })
  expect(gateway.audited).toEqual([])
  expect((await usage(await right)).status).toBe(200)
}

/** The first ones ask for keys, which on a slow machine may take longer than a request waits. */
async function untilAnswered(status: number, token: () => string): Promise<void> {
  await until(`a token is answered ${status}`, async () => (await usage(token())).status === status)
}

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

describe('tokens that nobody signed', () => {
  it('A01 401: alg none, in any spelling, with and without a signature (CVE-2026-33322)', async () => {
    const [, payload, signature] = (await corp.token()).split('.')
    for (const alg of ['none', 'None', 'nOnE', 'NONE', '', null, undefined]) {
      const header = part({ alg, typ: 'at+jwt', kid: 'key-1' })
      await expectNoToken(`${header}.${payload}.`)
      await expectNoToken(`${header}.${payload}.${signature}`)
    }
  })

  it("A01 401: HS256 signed with the issuer's public key, as PEM, as JWK and as nothing", async () => {
    const kid = await corp.addKey({ alg: 'RS256' })
    clock.advance(COOLDOWN_MS)
    const jwk = corp.publicKey(kid)
    const rightToken = await corp.token({}, { kid })
    const right = Promise.resolve(rightToken)
    await untilAnswered(200, () => rightToken)
    const pem = await exportSPKI((await importJWK(jwk, 'RS256')) as CryptoKey)
    for (const secret of [pem, pem.trim(), JSON.stringify(jwk), jwk.n ?? '', '']) {
      for (const alg of ['HS256', 'HS512']) {
        const [, payload] = (await corp.token()).split('.')
        const signed = `${part({ alg, typ: 'at+jwt', kid })}.${payload}`
        const hash = alg.replace('HS', 'sha')
        const signature = createHmac(hash, secret).update(signed).digest('base64url')
        await expectNoToken(`${signed}.${signature}`, right)
      }
    }
    corp.withdraw(kid)
  })
})

describe('tokens without an end', () => {
  it('A02 401: no exp, one in the year 9999, one that is no number, one that is over', async () => {
    const nowSeconds = clock.nowMs() / 1000
    const far = Date.UTC(9999, 11, 31) / 1000
    for (const exp of [
      undefined,
      far,
      1e308,
      'soon',
      `${nowSeconds + 60}`,
      null,
      nowSeconds - 30,
    ]) {
      await expectNoToken(await corp.token({ exp }))
    }
    for (const iat of [undefined, nowSeconds + 31, nowSeconds - 3_600, 'now']) {
      await expectNoToken(await corp.token({ iat, exp: nowSeconds + 60 }))
    }
    await expectNoToken(await corp.token({ exp: nowSeconds + 3_601 }))
    expect((await usage(await corp.token({ exp: nowSeconds + 3_600 }))).status).toBe(200)
  })
})

describe('tokens for or of somebody else', () => {
  it('A03 401: another audience (CVE-2025-62610)', async () => {
    for (const aud of ['other', ['other'], [], undefined, 'SIGNET', 'signet/', ['signet/x']]) {
      await expectNoToken(await corp.token({ aud }))
    }
    expect((await usage(await corp.token({ aud: ['other', 'signet'] }))).status).toBe(200)
  })

  it('A03 401: one issuer in the name of another with the same kid', async () => {
    await expectNoToken(await partner.token({ iss: corp.issuer }), partner.token())
    await expectNoToken(await corp.token({ iss: partner.issuer }))
    await expectNoToken(await attacker.token())
    await expectNoToken(await attacker.token({ iss: corp.issuer }))
    for (const iss of [`${corp.issuer}/`, undefined, [corp.issuer], 'corp', '__proto__']) {
      await expectNoToken(await corp.token({ iss }))
    }
  })

  it('A04 401: an ID token, and one without a claim that the issuer requires', async () => {
    for (const typ of ['JWT', 'id_token', undefined]) {
      await expectNoToken(await corp.token({}, { header: { typ } }))
    }
    await expectNoToken(await corp.token({ tenant: undefined }))
    await expectNoToken(await corp.token({ sub: undefined }))
  })
})

describe('tokens that bring their key along', () => {
  it('A05 401: jku, x5u, jwk and x5c are ignored, and nobody is asked', async () => {
    const seen = attacker.requests.length
    const jwk = attacker.publicKey('key-1')
    const url = attacker.jwksUrl
    for (const header of [{ jku: url }, { x5u: url }, { jwk }, { jku: url, jwk, x5u: url }]) {
      await expectNoToken(await attacker.token({ iss: corp.issuer }, { header }))
      await expectNoToken(
        await attacker.token({ iss: corp.issuer }, { header: { ...header, kid: 'theirs' } }),
      )
    }
    await expectNoToken(await attacker.token({}, { header: { jku: url } }))
    expect(attacker.requests.length).toBe(seen)
  })

  it('A07 401: ten thousand tokens with random kids cost one fetch per cooldown', async () => {
    const [, payload, signature] = (await corp.token()).split('.')
    const flooding = () =>
      `${part({ ...HEADER, kid: crypto.randomUUID() })}.${payload}.${signature}`
    const flood = async (count: number) => {
      const codes = new Set<unknown>()
      for (let sent = 0; sent < count; sent += 1) {
        // As requests from a network do: what else is under way goes on.
        if (sent % 250 === 0) await setImmediate()
        const authorization = `Bearer ${flooding()}`
        const presented = { authorization, hasQueryCredential: false, hasOtherCredential: false }
        await Promise.resolve(gateway.context.authenticate(presented)).catch(({ code }) =>
          codes.add(code),
        )
      }
      await expectRefused(await usage(flooding()), REFUSED, { gateway })
      return [...codes]
    }
    const seen = corp.requests.length
    expect(await flood(5_000)).toEqual(['Unauthenticated'])
    clock.advance(COOLDOWN_MS - 1)
    expect(await flood(100)).toEqual(['Unauthenticated'])
    expect(corp.requests.length - seen).toBe(0)
    clock.advance(1)
    await untilAnswered(401, flooding)
    expect(await flood(4_900)).toEqual(['Unauthenticated'])
    expect(corp.requests.length - seen).toBe(1)
    const metrics = await gateway.context.readMetrics?.()
    const counted = /^signet_issuer_key_fetches_total\{issuer="corp",outcome="ok".*\} (\d+)$/m
    expect(Number(counted.exec(metrics ?? '')?.[1])).toBe(corp.requests.length)
  })
})

describe('an issuer in trouble', () => {
  const modes: readonly KeyServerMode[] = ['error', 'html', 'redirect', 'huge', 'hang']

  it.each(modes)('R12: keys that answer by "%s": the last good set serves on', async (mode) => {
    corp.mode = mode
    clock.advance(10 * 60_000)
    expect((await usage(await corp.token())).status).toBe(200)
    clock.advance(23 * 3_600_000)
    expect((await usage(await corp.token())).status).toBe(200)
    // Whether there is such a key, nobody can tell now: not 401, which makes clients drop their token.
    const kid = await corp.addKey()
    const refused = { status: 503, code: 'AuthUnavailable' } as const
    await expectRefused(await usage(await corp.token({}, { kid })), refused, { gateway })
    expect((await usage(await corp.token({}, { kid: 'key-1' }))).status).toBe(200)
    if (mode !== 'hang') {
      corp.mode = 'keys'
      clock.advance(COOLDOWN_MS)
      const renewed = await corp.token({}, { kid })
      await untilAnswered(200, () => renewed)
    }
    corp.withdraw(kid)
  })

  it('R12: without any keys callers are told to come again, and the gateway is not ready', async () => {
    corp.mode = 'error'
    const settings = { clock, issuers: { corp: issuerSettings(corp) } }
    const fresh = await openTestGateway(settings)
    await fresh.context.tokens.refreshKeys()
    expect((await fresh.app.request('/readyz')).status).toBe(503)
    const refused = { status: 503, code: 'AuthUnavailable' } as const
    await expectRefused(await usage(await corp.token(), fresh), refused, { gateway: fresh })
    // API keys need no issuer.
    expect((await fresh.call('GET', '/v1/usage')).status).toBe(200)
    corp.mode = 'keys'
    clock.advance(5_000)
    await fresh.context.tokens.refreshKeys()
    expect((await fresh.app.request('/readyz')).status).toBe(200)
    corp.mode = 'error'
    clock.advance(48 * 3_600_000)
    await fresh.context.tokens.refreshKeys()
    expect((await fresh.app.request('/readyz')).status).toBe(200)
    await expectRefused(await usage(await corp.token(), fresh), refused, { gateway: fresh })
    await fresh.close()
  })

  it('R13 401: a token before its key is published costs one fetch, and works when it is', async () => {
    const kid = await corp.addKey({ published: false })
    const early = await corp.token({ exp: clock.nowMs() / 1000 + 600 }, { kid })
    clock.advance(COOLDOWN_MS)
    const seen = corp.requests.length
    await untilAnswered(401, () => early)
    for (const _ of [1, 2, 3]) await expectRefused(await usage(early), REFUSED, { gateway })
    expect(corp.requests.length - seen).toBe(1)
    corp.publish(kid)
    clock.advance(COOLDOWN_MS - 1)
    await expectRefused(await usage(early), REFUSED, { gateway })
    clock.advance(1)
    await untilAnswered(200, () => early)
    expect(corp.requests.length - seen).toBe(2)
    corp.withdraw(kid)
  })
})
