import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Issuer, PublicJwk } from '../../../src/auth/jwt/issuer.ts'
import type { IssuerKeys } from '../../../src/auth/jwt/issuer-keys.ts'
import type { KeyRing } from '../../../src/auth/jwt/key-ring.ts'
import { createTokenVerifier } from '../../../src/auth/jwt/token-verifier.ts'
import { TestClock } from '../../support/test-clock.ts'
import { startTestIssuer, type TestIssuer } from '../../support/token-issuer.ts'
import { countedHashing } from '../auth-fixture.ts'
import { ISSUER, verifierFor } from './jwt-fixture.ts'

const clock = new TestClock()
const NOW = clock.nowMs() / 1000
const { clockToleranceSeconds: TOLERANCE, maxAgeSeconds: MAX_AGE } = ISSUER

let issuer: TestIssuer
let stranger: TestIssuer
let settings: Issuer

beforeAll(async () => {
  issuer = await startTestIssuer(() => clock.nowMs())
  stranger = await startTestIssuer(() => clock.nowMs())
  const key: PublicJwk = { ...issuer.publicKey('key-1'), kty: 'EC' }
  settings = { ...ISSUER, issuer: issuer.issuer, keys: { kind: 'static', keys: [key] } }
})
afterAll(() => Promise.all([issuer.close(), stranger.close()]))

/** Mostly right, else one of these. */
function mostly<Value>(right: Value, ...others: readonly unknown[]) {
  return fc.oneof(
    { weight: 8, arbitrary: fc.constant<unknown>(right) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  )
}

const number = (...edges: readonly number[]) =>
  mostly(edges[0], ...edges, undefined, null, 'soon', '1', 1e300, -1e300, true, [1])

const wanted = fc.record({
  signedBy: mostly('issuer', 'stranger'),
  alg: mostly('ES256', 'ES384'),
  kid: mostly('key-1', undefined, 'key-2', '', 7, null),
  typ: mostly('at+jwt', 'AT+JWT', 'application/at+jwt', 'JWT', 'id+jwt', undefined, null, 5),
  iss: mostly('right', 'wrong', undefined, null, ['right'], ''),
  aud: mostly('signet', ['x', 'signet'], 'signet ', 'Signet', ['x'], [], undefined, { signet: 1 }),
  sub: mostly('alice', 'b', undefined, '', 5, 'a\nb', 'x'.repeat(129), ['alice'], null),
  exp: number(NOW + 600, NOW, NOW + 1, NOW - TOLERANCE + 1, NOW + MAX_AGE, 253_402_300_799),
  iat: number(NOW, NOW + TOLERANCE, NOW + TOLERANCE + 1, NOW - MAX_AGE, NOW + 600 - MAX_AGE, 0),
  nbf: mostly(undefined, NOW, NOW + TOLERANCE, NOW + TOLERANCE + 1, 'soon', null, -5),
  tenant: mostly('acme', 42, '', null, undefined, 'a\u0000', { id: 'acme' }, ['acme'], 4.5, true),
})
type Wanted = typeof wanted extends fc.Arbitrary<infer Value> ? Value : never

/** RFC 7519 and the settings once more, without jose. */
function isAcceptable(token: Wanted): boolean {
  const { signedBy, alg, kid, typ, aud, sub, tenant } = token
  const { exp, iat, nbf } = token
  const isId = (value: unknown) => typeof value === 'string' && /^[!-~]{1,128}$/.test(value)
  const audiences = Array.isArray(aud) ? aud : [aud]
  return (
    signedBy === 'issuer' &&
    alg === 'ES256' &&
    (kid === 'key-1' || kid === undefined) &&
    typeof typ === 'string' &&
    /^(?:application\/)?at\+jwt$/i.test(typ) &&
    token.iss === 'right' &&
    audiences.includes('signet') &&
    isId(sub) &&
    (isId(tenant) || tenant === 42) &&
    typeof exp === 'number' &&
    typeof iat === 'number' &&
    (nbf === undefined || typeof nbf === 'number') &&
    exp > NOW &&
    iat <= NOW + TOLERANCE &&
    iat >= NOW - MAX_AGE - TOLERANCE &&
    exp - iat <= MAX_AGE &&
    (nbf ?? NOW) <= NOW + TOLERANCE
  )
}

async function signed({ signedBy, alg, kid, typ, iss, ...claims }: Wanted): Promise<string> {
  const by = signedBy === 'issuer' ? issuer : stranger
  const right = (text: unknown) => (text === 'right' ? issuer.issuer : text)
  const header = { alg: 'ES256', kid, typ }
  const token = await by.token(
    { ...claims, iss: Array.isArray(iss) ? iss.map(right) : right(iss) },
    { header, kid: 'key-1' },
  )
  if (alg === 'ES256') return token
  // What is signed stays; what says how it is signed does not.
  const [, payload, signature] = token.split('.')
  const other = Buffer.from(JSON.stringify({ ...header, alg })).toString('base64url')
  return `${other}.${payload}.${signature}`
}

describe('verification of tokens', () => {
  // Two seeds: one that is always the same, one that is printed by fast-check when it fails.
  it.each([2026, undefined])(
    'accepts a token exactly when a reference does (seed %s)',
    async (seed) => {
      const { verify } = verifierFor(settings, { clock })
      const accepted: boolean[] = []
      const property = fc.asyncProperty(wanted, async (token) => {
        const identity = await signed(token)
          .then(verify)
          .catch((error) => {
            expect(error.code).toBe('Unauthenticated')
            return undefined
          })
        accepted.push(identity !== undefined)
        expect(identity !== undefined).toBe(isAcceptable(token))
      })
      await fc.assert(property, { numRuns: 500, ...(seed !== undefined && { seed }) })
      expect(accepted.filter(Boolean).length).toBeGreaterThan(50)
    },
  )

  it('answers any text with the same refusal', async () => {
    const { verify } = verifierFor(settings, { clock })
    const [header, payload, signature] = (await issuer.token({}, { kid: 'key-1' })).split('.')
    for (const text of [
      '',
      '..',
      'a.b.c',
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${payload}.${signature}.x`,
      `${header}.${payload}.${signature}=`,
      `.${payload}.${signature}`,
      `${header}.bnVsbA.${signature}`,
      `${header}.W10.${signature}`,
      'e30.e30.e30',
    ]) {
      await expect(verify(text)).rejects.toMatchObject({ code: 'Unauthenticated' })
    }
  })

  it('takes no header that wants to be understood, nor a payload that is not encoded', async () => {
    const { verify } = verifierFor(settings, { clock })
    const [, payload, signature] = (await issuer.token({}, { kid: 'key-1' })).split('.')
    for (const more of [{ crit: ['x'], x: 1 }, { crit: ['b64'], b64: false }, { crit: [] }]) {
      const parts = { alg: 'ES256', kid: 'key-1', typ: 'at+jwt', ...more }
      const header = Buffer.from(JSON.stringify(parts)).toString('base64url')
      await expect(verify(`${header}.${payload}.${signature}`)).rejects.toMatchObject({
        code: 'Unauthenticated',
      })
    }
  })

  it('takes tokens without a type where the issuer makes such, and then no others', async () => {
    const { verify } = verifierFor({ ...settings, typ: 'none' }, { clock })
    const untyped = await issuer.token({}, { header: { typ: undefined }, kid: 'key-1' })
    expect(await verify(untyped)).toMatchObject({ user: 'alice' })
    const typed = await issuer.token({}, { kid: 'key-1' })
    await expect(verify(typed)).rejects.toMatchObject({ code: 'Unauthenticated' })
  })
})

describe('a token without a key id', () => {
  it('is held against up to four keys that it may be signed by, as while keys are rotated', async () => {
    const rotating = await startTestIssuer(() => clock.nowMs())
    const kids = ['key-1']
    for (const _ of [2, 3, 4, 5]) kids.push(await rotating.addKey())
    const verifyBy = (published: readonly string[]) => {
      const keys = published.map((kid): PublicJwk => ({ ...rotating.publicKey(kid), kty: 'EC' }))
      return verifierFor({ ...settings, issuer: rotating.issuer, keys: { kind: 'static', keys } })
        .verify
    }
    const signedBy = (kid: string) => rotating.token({}, { kid, header: { kid: undefined } })
    const refused = { code: 'Unauthenticated' }
    const four = verifyBy(kids.slice(0, 4))
    for (const kid of kids.slice(0, 4)) {
      expect(await four(await signedBy(kid))).toMatchObject({ user: 'alice' })
    }
    await expect(four(await signedBy('key-5'))).rejects.toMatchObject(refused)
    await expect(verifyBy(kids)(await signedBy('key-5'))).rejects.toMatchObject(refused)
    // A key id that it has is believed.
    const misnamed = await rotating.token({}, { kid: 'key-1', header: { kid: 'key-2' } })
    await expect(four(misnamed)).rejects.toMatchObject(refused)
    await rotating.close()
  })
})

describe('a token whose subject is too long for an id', () => {
  it('is refused, and the log says so', async () => {
    const { verify, log } = verifierFor(settings, { clock })
    const kid = 'key-1'
    expect(await verify(await issuer.token({ sub: 'x'.repeat(128) }, { kid }))).toBeDefined()
    const token = await issuer.token({ sub: 'x'.repeat(129) }, { kid })
    await expect(verify(token)).rejects.toMatchObject({ code: 'Unauthenticated' })
    expect(log.join()).toContain('sub longer than 128')
  })
})

/** Counts how often a key is asked for. */
function countedRing(ring: Pick<KeyRing, 'of'>) {
  const counted = {
    count: 0,
    of(issuer: Issuer): IssuerKeys {
      const keys = ring.of(issuer)
      return {
        ...keys,
        version: keys.version,
        keyFor(...asked) {
          counted.count += 1
          return keys.keyFor(...asked)
        },
      }
    },
  }
  return counted
}

describe('a token that was verified', () => {
  it('costs one SHA-256 from then on, until it ends', async () => {
    const hashing = countedHashing()
    const moving = new TestClock()
    const { ports, keyRing } = verifierFor(settings, { clock: moving })
    const ring = countedRing(keyRing)
    const verify = createTokenVerifier([settings], { ...ports, hashing, keyRing: ring })
    const token = await issuer.token({ exp: NOW + 60 }, { kid: 'key-1' })
    const first = await verify(token)
    moving.advance(59_999)
    expect(await verify(token)).toBe(first)
    expect(ring.count).toBe(1)
    expect(first.expiresAtMs).toBe((NOW + 60) * 1000)
    moving.advance(1)
    await expect(verify(token)).rejects.toMatchObject({ code: 'Unauthenticated' })
  })

  it('is not looked at again either when its signature was wrong', async () => {
    const { ports, keyRing } = verifierFor(settings, { clock })
    const ring = countedRing(keyRing)
    const verify = createTokenVerifier([settings], { ...ports, keyRing: ring })
    const forged = await stranger.token({ iss: issuer.issuer }, { kid: 'key-1' })
    for (const _ of [1, 2, 3]) {
      await expect(verify(forged)).rejects.toMatchObject({ code: 'Unauthenticated' })
    }
    expect(ring.count).toBe(1)
  })
})
