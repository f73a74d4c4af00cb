import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Secret } from '../../src/secret.ts'
import { CLOSE, HOST, openListeningGateway } from '../http/listening-gateway.ts'
import { expectRefused, stateOf } from '../support/expect-refused.ts'
import { TestClock } from '../support/test-clock.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'
import { startTestIssuer, type TestIssuer } from '../support/token-issuer.ts'

const SLOW_DOWN = { status: 429, code: 'SlowDown' } as const
const PROXY = '10.0.0.5'

// Every test comes from networks of its own, so one gateway is enough.
let gateway: TestGateway
let corp: TestIssuer
let partner: TestIssuer
beforeAll(async () => {
  const clock = new TestClock()
  corp = await startTestIssuer(() => clock.nowMs())
  partner = await startTestIssuer(() => clock.nowMs())
  const fromIssuer = ({ issuer, jwksUrl }: TestIssuer) => ({ issuer, jwks: { url: jwksUrl } })
  const callersOf = (issuer: TestIssuer, tenant: string) => ({
    ...fromIssuer(issuer),
    audience: 'signet',
    tenant,
    allow: [{ operations: ['upload'], buckets: ['media'], prefix: '{tenant}/{user}/' }],
  })
  const roles = [{ role: 'operator', when: { claim: 'groups', value: 'ops' } }]
  gateway = await openTestGateway({
    clock,
    server: { trustedProxies: ['10.0.0.0/8'] },
    issuers: { corp: callersOf(corp, 'acme'), partner: callersOf(partner, 'globex') },
    admin: { oidc: { ...fromIssuer(corp), audience: 'signet-admin', roles } },
    allow: { 'acme/bob': [{ networks: ['192.0.2.0/25', '2001:db8:9::/48'] }] },
  })
  await gateway.context.tokens.refreshKeys()
})
afterAll(() => Promise.all([gateway.close(), corp.close(), partner.close()]))

interface Asked {
  readonly from: string
  /** Default: alice's own key. */
  readonly credential?: string
  readonly forwardedFor?: string
  readonly app?: { request: TestGateway['app']['request'] }
  readonly path?: string
}

function ask({ from, credential, forwardedFor, app = gateway.app, path = '/v1/usage' }: Asked) {
  const headers = {
    authorization: `Bearer ${credential ?? gateway.key()}`,
    ...(forwardedFor !== undefined && { 'x-forwarded-for': forwardedFor }),
  }
  return app.request(path, { headers }, { incoming: { socket: { remoteAddress: from } } })
}

/** Alice's key id with another secret, the same for the same number. */
function wrongKey(number = 0): string {
  const secret = String(number).padEnd(43, 'x')
  return gateway.key().replace(/_[A-Za-z0-9_-]{43}_/, `_${secret}_`)
}

/** How often each status came of so many requests, one after the other. */
async function statuses(count: number, send: (number: number) => Response | Promise<Response>) {
  const seen: Record<number, number> = {}
  for (let number = 0; number < count; number += 1) {
    const { status } = await send(number)
    seen[status] = (seen[status] ?? 0) + 1
  }
  return seen
}

describe('bad keys for one real key id', () => {
  it('A12 429 SlowDown after 20 and one a second from then on; no store or ledger is asked', async () => {
    const from = '203.0.113.7'
    const before = stateOf(gateway)
    const guess = (number: number) => ask({ from, credential: wrongKey(number) })
    expect(await statuses(20, guess)).toEqual({ 401: 20 })
    const slow = await guess(20)
    expect(slow.headers.get('retry-after')).toBe('1')
    await expectRefused(slow, SLOW_DOWN, { gateway, before })
    expect((await ask({ from: `::ffff:${from}`, credential: wrongKey(21) })).status).toBe(429)
    gateway.clock.advance(999)
    expect((await guess(22)).status).toBe(429)
    gateway.clock.advance(1)
    expect(await statuses(2, (number) => guess(23 + number))).toEqual({ 401: 1, 429: 1 })
  })

  it('A12 200: the owner, elsewhere and behind the same address', async () => {
    const from = '203.0.113.8'
    const guess = (number: number) => ask({ from, credential: wrongKey(number) })
    expect(await statuses(1_000, guess)).toEqual({ 401: 20, 429: 980 })
    expect(await statuses(30, () => ask({ from }))).toEqual({ 200: 30 })
    expect(await statuses(30, () => ask({ from: '198.51.100.1' }))).toEqual({ 200: 30 })
    expect((await guess(1_000)).status).toBe(429)
    // Another key id has not been guessed at.
    const bob = gateway.key('acme/bob')
    const wrong = bob.replace(/_[A-Za-z0-9_-]{43}_/, `_${'x'.repeat(43)}_`)
    expect((await ask({ from, credential: wrong })).status).toBe(401)
  })

  it('A12 a client that repeats one bad key is slowed down for itself, not all behind its address', async () => {
    const from = '203.0.113.9'
    const repeated = () => ask({ from, credential: wrongKey(1) })
    expect(await statuses(1_000, repeated)).toEqual({ 401: 20, 429: 980 })
    expect(await statuses(20, (number) => ask({ from, credential: wrongKey(number + 2) }))).toEqual(
      { 401: 19, 429: 1 },
    )
  })

  it('A12 counts a whole /64 of IPv6 as one, and the next one for itself', async () => {
    const guess = (number: number) => {
      const from = `2001:db8:0:1:${number.toString(16)}::${number.toString(16)}`
      return ask({ from, credential: wrongKey(number) })
    }
    expect(await statuses(21, guess)).toEqual({ 401: 20, 429: 1 })
    const last = '2001:db8:0:1:ffff:ffff:ffff:ffff'
    expect((await ask({ from: last, credential: wrongKey(30) })).status).toBe(429)
    expect((await ask({ from: '2001:db8:0:2::1', credential: wrongKey(30) })).status).toBe(401)
    expect((await ask({ from: '2001:db8::1', credential: wrongKey(30) })).status).toBe(401)
  })

  it('A12 429: a name of its own for each guess helps no further than ten times; owners go on', async () => {
    const from = '203.0.113.12'
    const nameless = (number: number) =>
      ask({ from, credential: wrongKey().replace(/signet_[^_]+_/, `signet_k${number}_`) })
    expect(await statuses(210, nameless)).toEqual({ 401: 200, 429: 10 })
    expect((await ask({ from })).status).toBe(200)
    expect((await ask({ from: '203.0.113.13', credential: wrongKey() })).status).toBe(401)
    gateway.clock.advance(1_000)
    expect(await statuses(20, (number) => nameless(300 + number))).toEqual({ 401: 10, 429: 10 })
  })

  it('A12 429: a network that guesses the admin token, and the operator behind it goes on', async () => {
    const admin = { app: gateway.admin, path: '/admin/v1/plans', from: '203.0.113.10' }
    const guess = (number: number) => ask({ ...admin, credential: `guess-${number}` })
    expect(await statuses(21, guess)).toEqual({ 401: 20, 429: 1 })
    await expectRefused(await guess(21), SLOW_DOWN, { gateway })
    expect((await ask({ ...admin, credential: TEST_ADMIN_TOKEN })).status).toBe(200)
  })

  it('A12 counts no failure that is none of the credential', async () => {
    const from = '203.0.113.11'
    const credential = `${gateway.key()},x`
    expect(await statuses(30, () => ask({ from, credential }))).toEqual({ 400: 30 })
    expect((await ask({ from, credential: wrongKey() })).status).toBe(401)
  })
})

describe('bad tokens of one issuer', () => {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  /** Says that the issuer signed it, who did not. */
  const forged = (issuer: TestIssuer, number: number) =>
    `${part({ alg: 'ES256', typ: 'at+jwt' })}.${part({ iss: issuer.issuer, jti: number })}.c2ln`
  const fresh = () => corp.token({ jti: crypto.randomUUID() })

  it('A12 429 for its network and issuer; another issuer and network have not failed', async () => {
    const from = '203.0.113.20'
    const before = stateOf(gateway)
    const guess = (number: number) => ask({ from, credential: forged(corp, number) })
    expect(await statuses(30, guess)).toEqual({ 401: 20, 429: 10 })
    await expectRefused(await guess(30), SLOW_DOWN, { gateway, before })
    const others = [
      { from, credential: forged(partner, 0) },
      { from: '203.0.113.21', credential: forged(corp, 0) },
    ]
    for (const other of others) expect((await ask(other)).status).toBe(401)
    gateway.clock.advance(1_000)
    expect(await statuses(2, (number) => guess(40 + number))).toEqual({ 401: 1, 429: 1 })
  })

  it('A12 200: a new token of the owner behind the same address, as long as the flood lasts', async () => {
    const from = '203.0.113.22'
    const guess = (number: number) => ask({ from, credential: forged(corp, number) })
    await statuses(20, guess)
    const owner: number[] = []
    for (let second = 1; second <= 30; second += 1) {
      gateway.clock.advance(1_000)
      await statuses(2, (number) => guess(20 + 2 * second + number))
      owner.push((await ask({ from, credential: await fresh() })).status)
    }
    expect(new Set(owner)).toEqual(new Set([200]))
  })

  it('A12 200: the operator by token and by a bootstrap token that looks like one', async () => {
    const admin = { app: gateway.admin, path: '/admin/v1/plans', from: '203.0.113.25' }
    await statuses(21, (number) => ask({ ...admin, credential: forged(corp, number) }))
    await statuses(21, (number) => ask({ ...admin, credential: `a.${number}.b` }))
    const operator = await corp.token({ aud: 'signet-admin', groups: 'ops' })
    const { file, secrets } = gateway.context.live
    const dotted = new Secret(TEST_ADMIN_TOKEN.replace('Adm1n-token-', 'Adm1n.token.'))
    const adminToken = { current: { version: 2, secret: dotted } }
    gateway.context.live.replaceFile({ config: file, secrets: { ...secrets, adminToken } })
    for (const credential of [operator, dotted.reveal()]) {
      expect((await ask({ ...admin, credential })).status).toBe(200)
    }
  })

  it('A12 a token that has ended and is sent on and on keeps no other guess from its 401', async () => {
    const from = '203.0.113.26'
    const ended = forged(corp, 1)
    expect(await statuses(100, () => ask({ from, credential: ended }))).toEqual({
      401: 20,
      429: 80,
    })
    expect((await ask({ from, credential: forged(corp, 2) })).status).toBe(401)
    expect((await ask({ from, credential: await fresh() })).status).toBe(200)
  })

  it('A12 503 counts for nobody: an issuer that is away is no guess', async () => {
    const from = '203.0.113.23'
    partner.mode = 'error'
    gateway.clock.advance(25 * 3_600_000)
    await gateway.context.tokens.refreshKeys()
    const unsure = (number: number) => ask({ from, credential: forged(partner, number) })
    expect(await statuses(30, unsure)).toEqual({ 503: 30 })
    partner.mode = 'keys'
    gateway.clock.advance(30_000)
    await gateway.context.tokens.refreshKeys()
    expect((await unsure(99)).status).toBe(401)
  })

  it('A12 429: what has two dots and is no token counts as well', async () => {
    const from = '203.0.113.24'
    const junk = (number: number) => ask({ from, credential: `a.${number}.b` })
    expect(await statuses(21, junk)).toEqual({ 401: 20, 429: 1 })
  })
})

describe('the address that failures are counted for', () => {
  const guess = (number: number, from: string, forwardedFor?: string) =>
    ask({ from, credential: wrongKey(number), ...(forwardedFor !== undefined && { forwardedFor }) })

  it('Q06 429: a stranger that sends X-Forwarded-For itself is counted by its own address', async () => {
    const from = '203.0.113.30'
    const spoofed = (number: number) => guess(number, from, `198.51.100.${number}`)
    expect(await statuses(21, spoofed)).toEqual({ 401: 20, 429: 1 })
  })

  it('Q06 429: behind a trusted proxy the last address that is none counts, whatever is before it', async () => {
    const spoofed = (number: number) =>
      guess(number, PROXY, `10.1.1.${number}, 198.51.100.${number}, 203.0.113.31, 10.0.0.9`)
    expect(await statuses(21, spoofed)).toEqual({ 401: 20, 429: 1 })
    // Who comes through the same proxy from elsewhere has not failed.
    expect((await guess(30, PROXY, '203.0.113.32')).status).toBe(401)
    expect((await guess(30, '203.0.113.31')).status).toBe(429)
    expect((await guess(30, `::ffff:${PROXY}`, '::ffff:203.0.113.31')).status).toBe(429)
  })

  it('Q06 429: addresses of one /64 behind a proxy are one network', async () => {
    const rotating = (number: number) => guess(number, PROXY, `2001:db8:7:7::${number + 1}`)
    expect(await statuses(21, rotating)).toEqual({ 401: 20, 429: 1 })
    expect((await guess(30, PROXY, '2001:db8:7:8::1')).status).toBe(401)
  })

  it('Q06 no header but X-Forwarded-For says where a request comes from', async () => {
    const names = ['forwarded', 'x-real-ip', 'cf-connecting-ip', 'true-client-ip', 'x-client-ip']
    const answers = await statuses(21, (number) => {
      const claims = names.map((name) => [name, `203.0.113.${100 + number}`])
      const headers = {
        authorization: `Bearer ${wrongKey(number)}`,
        'x-forwarded-for': '203.0.113.33',
        ...Object.fromEntries(claims),
      }
      const bindings = { incoming: { socket: { remoteAddress: PROXY } } }
      return gateway.app.request('/v1/usage', { headers }, bindings)
    })
    expect(answers).toEqual({ 401: 20, 429: 1 })
  })

  it.each([
    ['192.0.2.127', undefined, 200],
    ['192.0.2.128', undefined, 403],
    ['::ffff:192.0.2.1', undefined, 200],
    ['2001:db8:9:ffff::1', undefined, 200],
    ['2001:db8:a::1', undefined, 403],
    ['192.0.2.128', '192.0.2.1', 403],
    [PROXY, undefined, 403],
    [PROXY, '192.0.2.1', 200],
    [PROXY, '192.0.2.1, 192.0.2.128', 403],
    [PROXY, '192.0.2.128, ::ffff:192.0.2.1, 10.0.0.9', 200],
    [PROXY, 'unknown', 403],
  ])('Q06 a rule’s networks from %s, forwarded for %s: %i', async (from, forwardedFor, status) => {
    const headers = {
      authorization: `Bearer ${gateway.key('acme/bob')}`,
      'content-type': 'application/json',
      ...(forwardedFor !== undefined && { 'x-forwarded-for': forwardedFor }),
    }
    const body = JSON.stringify({ bucket: 'media', key: 'acme/bob/cat.jpg' })
    const bindings = { incoming: { socket: { remoteAddress: from } } }
    const init = { method: 'POST', headers, body }
    const answer = await gateway.app.request('/v1/downloads', init, bindings)
    expect(answer.status).toBe(status)
  })

  it('Q06 403: a rule’s networks where the runtime does not know who asks', async () => {
    const asked = { bucket: 'media', key: 'acme/bob/cat.jpg' }
    const headers = { 'x-forwarded-for': '192.0.2.1' }
    const answer = await gateway.call('POST', '/v1/downloads', asked, { who: 'acme/bob', headers })
    await expectRefused(answer, { status: 403, code: 'AccessDenied' }, { gateway })
  })

  it('Q06 429: of two headers on the wire the last one was written last', async () => {
    const server = { trustedProxies: ['127.0.0.1', '::1'] }
    const listening = await openListeningGateway({ server })
    try {
      const spoofed = (number: number) =>
        listening.send([
          ...['GET /v1/usage HTTP/1.1', HOST, CLOSE],
          `Authorization: Bearer ${listening.key()}${number}`,
          ...[`X-Forwarded-For: 198.51.100.${number}`, 'X-Forwarded-For: 203.0.113.34'],
        ])
      expect(await statuses(21, spoofed)).toEqual({ 401: 20, 429: 1 })
    } finally {
      await listening.close()
    }
  })
})
