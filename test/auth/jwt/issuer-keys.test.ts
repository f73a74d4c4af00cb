import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Issuer, KeySource } from '../../../src/auth/jwt/issuer.ts'
import type { KeyPorts } from '../../../src/auth/jwt/issuer-keys.ts'
import { COOLDOWN_MS, MAX_STALE_MS, REFRESH_MS } from '../../../src/auth/jwt/issuer-keys.ts'
import { TestClock } from '../../support/test-clock.ts'
import { type KeyServerMode, startTestIssuer, type TestIssuer } from '../../support/token-issuer.ts'
import { ISSUER, verifierFor } from './jwt-fixture.ts'

let issuer: TestIssuer
let clock: TestClock

beforeAll(async () => {
  issuer = await startTestIssuer(() => clock.nowMs())
})
afterAll(() => issuer.close())
beforeEach(() => {
  clock = new TestClock()
  issuer.mode = 'keys'
})

function open({ keys, ...ports }: { keys?: KeySource } & Partial<KeyPorts> = {}) {
  const settings: Issuer = {
    ...ISSUER,
    issuer: issuer.issuer,
    keys: keys ?? { kind: 'url', url: issuer.jwksUrl },
  }
  const seen = issuer.requests.length
  const opened = verifierFor(settings, { clock, ...ports })
  return {
    ...opened,
    settings,
    keys: opened.keyRing.of(settings),
    fetches: () => issuer.requests.length - seen,
  }
}

const outcomeOf = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'ok',
    (error: { code?: string }) => error.code,
  )

describe('keys of an issuer', () => {
  it('are fetched once, however many tokens ask for them at the same time', async () => {
    const { verify, fetches } = open()
    const tokens = [await issuer.token(), await issuer.token({ sub: 'bob' })]
    await Promise.all([...tokens, ...tokens].map(verify))
    await verify(await issuer.token({ sub: 'carol' }))
    expect(fetches()).toBe(1)
  })

  it('come by discovery as well, from where the right issuer says', async () => {
    const url = `${issuer.issuer}/.well-known/openid-configuration`
    const { verify, fetches } = open({ keys: { kind: 'discovery', url } })
    expect(await verify(await issuer.token())).toMatchObject({ user: 'alice' })
    expect(fetches()).toBe(2)
  })

  it('are not taken from the discovery document of another issuer', async () => {
    const { log, keyRing } = open()
    const url = `${issuer.issuer}/.well-known/openid-configuration`
    const other: Issuer = { ...ISSUER, keys: { kind: 'discovery', url } }
    await keyRing.refresh([other])
    expect(keyRing.missing([other])).toEqual(['corp'])
    expect(log.join()).toContain('it is of another issuer')
  })

  it('stand in the settings as well: then nothing is fetched', async () => {
    const publicKey = issuer.publicKey('key-1')
    const { verify, fetches, keys } = open({
      keys: { kind: 'static', keys: [{ ...publicKey, kty: 'EC' }] },
    })
    clock.advance(MAX_STALE_MS)
    expect(await outcomeOf(verify(await issuer.token()))).toBe('ok')
    expect(await outcomeOf(verify(await issuer.token({}, { header: { kid: 'x' } })))).toBe(
      'Unauthenticated',
    )
    await keys.refresh()
    expect(fetches()).toBe(0)
  })

  it('are fetched again in the background when they are ten minutes old', async () => {
    const { keys, verify, fetches } = open()
    await keys.refresh()
    clock.advance(REFRESH_MS - 1)
    await keys.refresh()
    expect(fetches()).toBe(1)
    clock.advance(1)
    issuer.mode = 'hang'
    expect(await outcomeOf(verify(await issuer.token()))).toBe('ok')
  })

  it('end with the issuer having taken them back, for tokens that are remembered too', async () => {
    const kid = await issuer.addKey()
    const { keys, verify } = open()
    const token = await issuer.token({ exp: clock.nowMs() / 1000 + 3_000 }, { kid })
    expect(await outcomeOf(verify(token))).toBe('ok')
    issuer.withdraw(kid)
    clock.advance(REFRESH_MS)
    expect(await outcomeOf(verify(token))).toBe('ok')
    await keys.refresh()
    expect(await outcomeOf(verify(token))).toBe('Unauthenticated')
  })

  it('serve for 24 hours without the issuer, and no second longer', async () => {
    const { keys, verify } = open()
    await keys.refresh()
    issuer.mode = 'error'
    clock.advance(MAX_STALE_MS - 1)
    const token = await issuer.token()
    expect(await outcomeOf(verify(token))).toBe('ok')
    clock.advance(1)
    expect(await outcomeOf(verify(token))).toBe('AuthUnavailable')
    issuer.mode = 'keys'
    clock.advance(COOLDOWN_MS)
    expect(await outcomeOf(verify(token))).toBe('ok')
  })

  it('are fetched by a connection of its own, for a kept one may be closed just as it is used', async () => {
    const connections: unknown[] = []
    const { keys } = open({
      fetch(url, init) {
        connections.push(new Headers(init?.headers).get('connection'))
        return fetch(url, init)
      },
    })
    await keys.refresh()
    expect([keys.isLoaded, connections]).toEqual([true, ['close']])
  })

  it('do not hang on a clock that is set back', async () => {
    const { keys, fetches } = open()
    await keys.refresh()
    clock.advance(-MAX_STALE_MS)
    await keys.refresh()
    expect(fetches()).toBe(2)
  })
})

describe('an issuer that misbehaves', () => {
  const modes: readonly KeyServerMode[] = ['error', 'html', 'redirect', 'huge', 'empty', 'useless']

  it.each(modes)(
    'gives no keys by "%s": before the first good set 503, then that set',
    async (mode) => {
      const { verify, fetches, log, outcomes } = open()
      issuer.mode = mode
      const token = await issuer.token()
      expect(await outcomeOf(verify(token))).toBe('AuthUnavailable')
      expect(fetches()).toBe(1)
      expect(issuer.requests.at(-1)).toBe('/jwks')
      issuer.mode = 'keys'
      clock.advance(5_000)
      expect(await outcomeOf(verify(token))).toBe('ok')
      issuer.mode = mode
      clock.advance(REFRESH_MS)
      expect(await outcomeOf(verify(await issuer.token()))).toBe('ok')
      const unknown = await issuer.token({}, { header: { kid: 'unknown' } })
      expect(await outcomeOf(verify(unknown))).toBe('AuthUnavailable')
      expect(outcomes).toEqual(['failed', 'ok', 'failed'])
      expect(log.join()).not.toContain(issuer.issuer)
    },
  )

  it('is waited for by nobody whose key is known, and by others not for long', async () => {
    const { verify } = open({ waitMs: 20 })
    const token = await issuer.token()
    await verify(token)
    issuer.mode = 'hang'
    clock.advance(COOLDOWN_MS)
    const unknown = await issuer.token({}, { header: { kid: 'unknown' } })
    expect(await outcomeOf(verify(unknown))).toBe('AuthUnavailable')
    expect(await outcomeOf(verify(await issuer.token({ sub: 'bob' })))).toBe('ok')
  })

  it('is waited for by a hundred requests at most', async () => {
    const { verify } = open({ waitMs: 50 })
    issuer.mode = 'hang'
    const token = await issuer.token()
    const order: string[] = []
    const attempts = Array.from({ length: 101 }, (_, index) =>
      outcomeOf(verify(token)).then((outcome) => order.push(`${index} ${outcome}`)),
    )
    await Promise.all(attempts)
    expect(order[0]).toBe('100 AuthUnavailable')
  })
})
