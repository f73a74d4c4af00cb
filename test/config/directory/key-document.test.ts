import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { hashApiKey } from '../../../src/auth/api-key.ts'
import {
  changedKey,
  keyStatus,
  rehashedKey,
  revokedKey,
  rotatedKey,
} from '../../../src/config/directory/change-key.ts'
import {
  type KeyDocument,
  MAX_LIVE_SECRETS,
  readKeyDocument,
  writeKeyDocument,
} from '../../../src/config/directory/key-document.ts'
import { nodeHashing } from '../../../src/runtime/node-hashing.ts'
import { Secret } from '../../../src/secret.ts'
import { pepper, refusalOf } from '../../auth/auth-fixture.ts'

const hashOf = (secret: string, version = 1) =>
  hashApiKey(nodeHashing, pepper(version), new Secret(secret))
const KEY: KeyDocument = {
  id: 'k1',
  tenant: 'acme',
  user: 'alice',
  allow: [{ operations: ['upload'], buckets: ['media'], prefix: '{tenant}/{user}/' }],
  hashes: [{ hash: hashOf('one'), last4: 'abcd', createdAtMs: 1_000 }],
  createdAtMs: 1_000,
}
const read = (value: unknown) => readKeyDocument(JSON.parse(JSON.stringify(value)))
const problemOf = (changes: Readonly<Record<string, unknown>>) => {
  const result = read({ ...KEY, ...changes })
  return 'problem' in result ? result.problem : undefined
}
const rotate = (key: KeyDocument, name: string, nowMs: number, overlapMs: number) =>
  rotatedKey(key, { hash: hashOf(name), last4: 'wxyz', nowMs, overlapMs })
const endsOf = ({ hashes }: KeyDocument) =>
  hashes.map(({ hash, expiresAtMs }) => [
    ['one', 'two', 'three', 'four', 'five'].find((name) => hashOf(name) === hash),
    expiresAtMs,
  ])

describe('a key in the directory', () => {
  it('is read back as it was written', () => {
    const whole: KeyDocument = {
      ...rotate(KEY, 'two', 2_000, 500),
      label: 'nightly job',
      expiresAtMs: 9_000,
    }
    for (const key of [KEY, whole, revokedKey(whole, 3_000)]) {
      expect(readKeyDocument(JSON.parse(writeKeyDocument(key)))).toEqual({ key })
    }
  })

  it.each([
    ['a member that a later version may have added', { onlyOnMondays: true }, /unknown here/],
    ['a rule with such a member', { allow: [{ ...KEY.allow[0], at: 'night' }] }, /^"allow.0" has/],
    ['no rule', { allow: [] }, /^"allow" must have at least 1 item/],
    ['no secret, without being revoked', { hashes: [] }, /^"hashes" must have a hash/],
    ['a secret, although it is revoked', { revokedAtMs: 5 }, /^"hashes" must have a hash/],
    ['a hash that is none', { hashes: [{ ...KEY.hashes[0], hash: 'v1:abc' }] }, /^"hashes.0.hash"/],
    ['an id that a key cannot carry', { id: 'k_1' }, /^"id" must be 1 to 64/],
    ['a label of two lines', { label: 'a\nb' }, /^"label" must be/],
    ['a label of 129 characters', { label: 'a'.repeat(129) }, /^"label" must be/],
    ['an end that is no moment', { expiresAtMs: -1 }, /^"expiresAtMs" must be a whole number/],
    ['another tenant than text', { tenant: 7 }, /^"tenant" must be text/],
  ])('is refused with %s, and told without what it holds', (_, changes, expected) => {
    const problem = problemOf(changes)
    expect(problem).toMatch(expected)
    expect(problem).not.toMatch(/onlyOnMondays|night|k_1|abc/)
  })

  it('is refused where it is no object at all', () => {
    for (const value of [null, [], 'k1', 1]) expect(read(value)).toHaveProperty('problem')
  })

  it('takes a label of 128 characters', () => {
    expect(problemOf({ label: 'a'.repeat(128) })).toBeUndefined()
  })
})

describe('changing a key', () => {
  it('replaces what is named, takes away what is null, and leaves the rest', () => {
    const labelled = changedKey(KEY, { label: 'a', expiresAtMs: 5_000 })
    expect(labelled).toEqual({ ...KEY, label: 'a', expiresAtMs: 5_000 })
    expect(changedKey(labelled, {})).toEqual(labelled)
    expect(changedKey(labelled, { label: null, expiresAtMs: null })).toEqual(KEY)
    const allow = [{ operations: ['list' as const], buckets: ['b'], wholeBucket: true }]
    expect(changedKey(labelled, { allow })).toEqual({ ...labelled, allow })
  })
})

describe('rotating a key', () => {
  it('puts the new secret in front and lets the old one go on for the overlap', () => {
    const rotated = rotate(KEY, 'two', 2_000, 500)
    expect(rotated.hashes).toEqual([
      { hash: hashOf('two'), last4: 'wxyz', createdAtMs: 2_000 },
      { ...KEY.hashes[0], expiresAtMs: 2_500 },
    ])
  })

  it('ends the old ones at once with an overlap of 0', () => {
    const twice = rotate(rotate(KEY, 'two', 2_000, 500), 'three', 2_001, 0)
    expect(endsOf(twice)).toEqual([['three', undefined]])
  })

  it('never makes an old secret last longer than it would have', () => {
    const twice = rotate(rotate(KEY, 'two', 2_000, 500), 'three', 2_001, 9_000)
    expect(endsOf(twice)).toEqual([
      ['three', undefined],
      ['two', 11_001],
      ['one', 2_500],
    ])
    const sooner = rotate(rotate(KEY, 'two', 2_000, 500), 'three', 2_001, 10)
    expect(endsOf(sooner)).toEqual([
      ['three', undefined],
      ['two', 2_011],
      ['one', 2_011],
    ])
  })

  it('drops a secret at its end, not before', () => {
    const rotated = rotate(KEY, 'two', 2_000, 500)
    expect(endsOf(rotate(rotated, 'three', 2_499, 500)).at(-1)).toEqual(['one', 2_500])
    expect(endsOf(rotate(rotated, 'three', 2_500, 500)).at(-1)).toEqual(['two', 3_000])
  })

  it(`409: leaves no more than ${MAX_LIVE_SECRETS} secrets`, () => {
    const names = ['two', 'three', 'four']
    const full = names.reduce((key, name) => rotate(key, name, 2_000, 500), KEY)
    expect(full.hashes).toHaveLength(MAX_LIVE_SECRETS)
    expect(refusalOf(() => rotate(full, 'five', 2_499, 500)).code).toBe('DeleteConflict')
    expect(endsOf(rotate(full, 'five', 2_500, 500))).toEqual([
      ['five', undefined],
      ['four', 3_000],
    ])
    expect(endsOf(rotate(full, 'five', 2_499, 0))).toEqual([['five', undefined]])
  })

  it('makes a key that can be stored, whatever is done to it', () => {
    const step = fc.record({
      afterMs: fc.nat(2_000),
      overlapMs: fc.nat(3_000),
      change: fc.constantFrom('rotate', 'rehash', 'label', 'revoke'),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        let key = KEY
        let nowMs = 2_000
        for (const [index, { afterMs, overlapMs, change }] of steps.entries()) {
          nowMs += afterMs
          const isFull = key.hashes.length === MAX_LIVE_SECRETS
          const from = key.hashes[0]?.hash ?? ''
          if (key.revokedAtMs !== undefined) break
          if (change === 'rotate' && !isFull) key = rotate(key, `s${index}`, nowMs, overlapMs)
          if (change === 'rehash') key = rehashedKey(key, { from, to: hashOf(from, 2) }) ?? key
          if (change === 'label') key = changedKey(key, { label: `l${index}` })
          if (change === 'revoke') key = revokedKey(key, nowMs)
          expect(read(key)).toEqual({ key })
        }
      }),
      { numRuns: 50 },
    )
  })
})

describe('revoking a key', () => {
  it('leaves no hash of it, and says since when, however often it is done', () => {
    const revoked = revokedKey(rotate(KEY, 'two', 2_000, 500), 3_000)
    expect(revoked).toEqual({ ...KEY, hashes: [], revokedAtMs: 3_000 })
    expect(revokedKey(revoked, 4_000)).toEqual(revoked)
  })
})

describe('rehashing a key', () => {
  it('replaces one hash and leaves the rest of its secret', () => {
    const rotated = rotate(KEY, 'two', 2_000, 500)
    const rehashed = rehashedKey(rotated, { from: hashOf('one'), to: hashOf('one', 2) })
    expect(rehashed).toEqual({
      ...rotated,
      hashes: [
        rotated.hashes[0],
        { hash: hashOf('one', 2), last4: 'abcd', createdAtMs: 1_000, expiresAtMs: 2_500 },
      ],
    })
  })

  it('does nothing when the hash is gone', () => {
    expect(rehashedKey(KEY, { from: hashOf('two'), to: hashOf('two', 2) })).toBeUndefined()
  })
})

describe('the status of a key', () => {
  it('is active until its end, and revoked whatever its end is', () => {
    expect(keyStatus({}, 5)).toBe('active')
    expect(keyStatus({ expiresAtMs: 6 }, 5)).toBe('active')
    expect(keyStatus({ expiresAtMs: 5 }, 5)).toBe('expired')
    expect(keyStatus({ expiresAtMs: 5, revokedAtMs: 4 }, 5)).toBe('revoked')
  })
})
