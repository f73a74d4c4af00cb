import { describe, expect, it } from 'vitest'
import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import {
  createAuthenticator,
  KNOWN_FOR_MS,
  type OutdatedHash,
  UNKNOWN_AFTER_MS,
} from '../../src/auth/authenticate.ts'
import type { KeyRecord } from '../../src/auth/key-record.ts'
import type { RotatingSecret } from '../../src/auth/rotating-secret.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import {
  authorization,
  bytesFrom,
  countedHashing,
  keyAndRecord,
  pepper,
  refusalOf,
} from './auth-fixture.ts'

const { text, record } = keyAndRecord('k1')
const shared: KeyRecord = { ...record, source: 'admin' }
const other = keyAndRecord('k2')
const hashWith = (version: number, of = text) =>
  hashApiKey(nodeHashing, pepper(version), new Secret(of))

/** An authenticator over keys, pepper, clock and directory that a test changes. */
function watched(first: KeyRecord = shared) {
  const hashing = countedHashing()
  const outdated: OutdatedHash[] = []
  const peppers: RotatingSecret = { current: pepper(1) }
  const world = { nowMs: 1_000, staleMs: 0, peppers, keys: new Map([[first.id, first]]) }
  const authenticate = createAuthenticator({
    hashing,
    clock: { nowMs: () => world.nowMs },
    keys: () => world.keys,
    peppers: () => world.peppers,
    staleMs: () => world.staleMs,
    onOutdated: (hash) => outdated.push(hash),
  })
  const principal = (key = text) => authenticate(authorization(`Bearer ${key}`))
  const outcome = (key = text) => {
    try {
      return principal(key).keyId
    } catch {
      return refusalOf(() => principal(key)).code
    }
  }
  return { world, hashing, outdated, principal, outcome }
}

describe('a key that changes while it is remembered', () => {
  it('A11 401: is refused as soon as it is gone', () => {
    const { world, outcome } = watched()
    expect(outcome()).toBe('k1')
    world.keys = new Map()
    expect(outcome()).toBe('Unauthenticated')
  })

  it('A11 401: is refused as soon as it has another secret', () => {
    const { world, outcome } = watched()
    expect(outcome()).toBe('k1')
    world.keys = new Map([['k1', { ...shared, hashes: other.record.hashes }]])
    expect(outcome()).toBe('Unauthenticated')
  })

  it('has its new rules at once, and costs one HMAC for it', () => {
    const { world, hashing, principal } = watched()
    principal()
    const permissions: KeyRecord['permissions'] = [
      { operations: new Set(['list']), buckets: new Set(['media']), prefix: 'acme/' },
    ]
    world.keys = new Map([['k1', { ...shared, permissions }]])
    hashing.calls.hmacSha256 = 0
    expect(principal().permissions).toBe(permissions)
    expect(principal().permissions).toBe(permissions)
    expect(hashing.calls.hmacSha256).toBe(1)
  })

  it('401: works until its end and not at it, and says its end', () => {
    const { world, principal, outcome } = watched({ ...shared, expiresAtMs: 2_000 })
    world.nowMs = 1_999
    expect(principal().expiresAtMs).toBe(2_000)
    world.nowMs = 2_000
    expect(outcome()).toBe('Unauthenticated')
  })
})

describe('a key that is being rotated', () => {
  const newer = createApiKey(bytesFrom('another secret'), 'k1').reveal()
  const rotated: KeyRecord = {
    ...shared,
    hashes: [{ hash: hashWith(1, newer) }, { hash: hashWith(1), expiresAtMs: 2_000 }],
  }

  it('401: opens with the older secret until that ends, and with the newer one for good', () => {
    const { world, outcome, principal } = watched(rotated)
    world.nowMs = 1_999
    expect([principal().expiresAtMs, principal(newer).expiresAtMs]).toEqual([2_000, undefined])
    world.nowMs = 2_000
    expect([outcome(), outcome(newer)]).toEqual(['Unauthenticated', 'k1'])
  })

  it('ends with the key where that is sooner', () => {
    const { principal } = watched({
      ...shared,
      expiresAtMs: 1_500,
      hashes: [{ hash: hashWith(1), expiresAtMs: 2_000 }],
    })
    expect(principal().expiresAtMs).toBe(1_500)
  })

  it('costs an HMAC for each secret that works', () => {
    const costOf = (nowMs: number) => {
      const { world, hashing, principal } = watched(rotated)
      world.nowMs = nowMs
      principal(newer)
      return hashing.calls.hmacSha256
    }
    expect([costOf(1_999), costOf(2_000)]).toEqual([2, 1])
  })
})

describe('a directory of keys that is not heard', () => {
  it('A14 503: leaves open whether a key is there that it does not know', () => {
    const { world, outcome } = watched()
    world.staleMs = UNKNOWN_AFTER_MS
    expect(outcome(other.text)).toBe('Unauthenticated')
    world.staleMs = UNKNOWN_AFTER_MS + 1
    expect(outcome(other.text)).toBe('AuthUnavailable')
  })

  it('A14 503: leaves open whether a key has another secret by now', () => {
    const { world, outcome } = watched({ ...shared, hashes: other.record.hashes })
    world.staleMs = UNKNOWN_AFTER_MS + 1
    expect(outcome()).toBe('AuthUnavailable')
  })

  it('A14 lets a known key go on for a minute, remembered or not, and then answers 503', () => {
    for (const before of [true, false]) {
      const { world, outcome } = watched()
      if (before) outcome()
      world.staleMs = KNOWN_FOR_MS
      expect(outcome()).toBe('k1')
      world.staleMs = KNOWN_FOR_MS + 1
      expect(outcome()).toBe('AuthUnavailable')
      world.staleMs = 0
      expect(outcome()).toBe('k1')
    }
  })

  it('A14 changes nothing for keys of the configuration, nor for what is no key at all', () => {
    const { world, outcome } = watched(record)
    world.staleMs = Infinity
    expect(outcome()).toBe('k1')
    expect(outcome(`${text.slice(0, -1)}~`)).toBe('Unauthenticated')
    world.keys = new Map([['k1', { ...record, hashes: other.record.hashes }]])
    expect(outcome()).toBe('Unauthenticated')
  })
})

describe('a hash that hangs on an older pepper', () => {
  const both = { current: pepper(2), previous: pepper(1) }

  it('is told with what replaces it, at each use until it is replaced', () => {
    const { world, outdated, outcome } = watched()
    outcome()
    expect(outdated).toEqual([])
    world.peppers = both
    outcome()
    outcome()
    const told = { id: 'k1', from: hashWith(1), to: hashWith(2) }
    expect(outdated).toEqual([told, told])
    world.keys = new Map([['k1', { ...shared, hashes: [{ hash: told.to }] }]])
    expect(outcome()).toBe('k1')
    expect(outdated).toHaveLength(2)
    world.peppers = { current: pepper(2) }
    expect(outcome()).toBe('k1')
  })

  it('401: opens nothing any more when that pepper is taken away, remembered or not', () => {
    const { world, outcome } = watched()
    outcome()
    world.peppers = { current: pepper(2) }
    expect(outcome()).toBe('Unauthenticated')
  })

  it('is not told for a key of the configuration, which nobody here can change', () => {
    const { world, outdated, outcome } = watched(record)
    world.peppers = both
    expect(outcome()).toBe('k1')
    expect(outdated).toEqual([])
  })
})

describe('a key that another gateway has hashed with a newer pepper', () => {
  const hashes = [{ hash: hashWith(2), expiresAtMs: 2_000 }]

  it('503: is not called wrong while that secret works, and is known with that pepper', () => {
    const { world, outcome } = watched({ ...shared, hashes })
    world.nowMs = 1_999
    expect(outcome()).toBe('AuthUnavailable')
    world.peppers = { current: pepper(2), previous: pepper(1) }
    expect(outcome()).toBe('k1')
  })

  it('401: is refused from its end on, and where the pepper is an older one', () => {
    const { world, outcome } = watched({ ...shared, hashes })
    world.nowMs = 2_000
    expect(outcome()).toBe('Unauthenticated')
    world.nowMs = 1_999
    world.keys = new Map([['k1', { ...shared, hashes, expiresAtMs: 1_999 }]])
    expect(outcome()).toBe('Unauthenticated')
    world.keys = new Map([['k1', { ...shared, hashes }]])
    world.peppers = { current: pepper(3) }
    expect(outcome()).toBe('Unauthenticated')
  })

  it('401: is refused where the configuration file has it, for every gateway reads that', () => {
    const { outcome } = watched({ ...record, hashes })
    expect(outcome()).toBe('Unauthenticated')
  })
})
