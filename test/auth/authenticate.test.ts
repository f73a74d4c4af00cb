import { describe, expect, it } from 'vitest'
import { MAX_VERIFIED_KEYS } from '../../src/auth/authenticate.ts'
import { checksumOf } from '../../src/auth/checksum.ts'
import type { KeyRecord } from '../../src/auth/key-record.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import {
  authenticatorOf,
  authorization,
  countedHashing,
  keyAndRecord,
  pepper,
  refusalOf,
} from './auth-fixture.ts'

const { text, record } = keyAndRecord('k1')
const keys = new Map([['k1', record]])

function authenticator(hashing = nodeHashing, records: ReadonlyMap<string, KeyRecord> = keys) {
  return authenticatorOf({ hashing, keys: records, peppers: { current: pepper(1) } })
}

describe('authentication', () => {
  it('names tenant, user, key and permissions of a good key', () => {
    const principal = authenticator()(authorization(`Bearer ${text}`))
    expect(principal).toEqual({ tenant: 'acme', user: 'alice', keyId: 'k1', permissions: [] })
  })

  it.each(['bearer', 'BEARER', 'bEaReR'])('takes the scheme as %s', (scheme) => {
    expect(authenticator()(authorization(`${scheme} ${text}`)).keyId).toBe('k1')
  })

  it.each([
    ['nothing', null],
    ['an empty value', ''],
    ['another scheme', `Foo ${text}`],
    ['two spaces', `Bearer  ${text}`],
    ['a tab', `Bearer\t${text}`],
    ['a space at the end', `Bearer ${text} `],
    ['a space at the start', ` Bearer ${text}`],
    ['a newline at the end', `Bearer ${text}\n`],
    ['the scheme alone', 'Bearer'],
    ['no scheme', text],
    ['Basic', `Basic ${btoa(`user:${text}`)}`],
    ['a JWT', 'Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.'],
    ['a key with "=" behind it', `Bearer ${text}=`],
  ])('401: %s is no usable credential', (_, value) => {
    expect(refusalOf(() => authenticator()(authorization(value))).code).toBe('Unauthenticated')
  })

  it('401: an unknown id, a wrong secret and a wrong checksum look the same', () => {
    const wrongSecret = `signet_k1_${'B'.repeat(42)}A`
    const refusals = [
      keyAndRecord('k2').text,
      `${wrongSecret}_${checksumOf(wrongSecret)}`,
      `${text.slice(0, -1)}${text.endsWith('0') ? '1' : '0'}`,
    ].map((key) => refusalOf(() => authenticator()(authorization(`Bearer ${key}`))))
    expect(new Set(refusals.map((refusal) => JSON.stringify(refusal))).size).toBe(1)
    expect(refusals[0]?.code).toBe('Unauthenticated')
  })

  it('401: an unknown id costs the same hashes as a wrong secret', () => {
    const wrongSecret = `signet_k1_${'B'.repeat(42)}A`
    const costs = [keyAndRecord('k2').text, `${wrongSecret}_${checksumOf(wrongSecret)}`].map(
      (key) => {
        const hashing = countedHashing()
        refusalOf(() => authenticator(hashing)(authorization(`Bearer ${key}`)))
        return hashing.calls
      },
    )
    expect(costs[0]).toEqual(costs[1])
    expect(costs[0]?.hmacSha256).toBe(1)
  })

  it('401: a key with a wrong checksum is not looked up', () => {
    const looked: string[] = []
    const spying = new Map(keys)
    spying.get = (id) => {
      looked.push(id)
      return keys.get(id)
    }
    refusalOf(() =>
      authenticator(nodeHashing, spying)(authorization(`Bearer ${text.slice(0, -6)}zzzzzz`)),
    )
    expect(looked).toEqual([])
  })

  it('401: names like __proto__ and constructor are no keys', () => {
    for (const id of ['constructor', 'toString', 'hasOwnProperty']) {
      const key = keyAndRecord(id).text
      expect(refusalOf(() => authenticator()(authorization(`Bearer ${key}`))).code).toBe(
        'Unauthenticated',
      )
    }
  })

  it('401: what is longer than 8 KiB is refused without a single hash', () => {
    for (const bytes of [8 * 1024 + 1, 9 * 1024, 1024 * 1024]) {
      const hashing = countedHashing()
      const value = `Bearer ${'a'.repeat(bytes - 7)}`
      expect(refusalOf(() => authenticator(hashing)(authorization(value))).code).toBe(
        'Unauthenticated',
      )
      expect(hashing.calls).toEqual({ sha256: 0, hmacSha256: 0 })
    }
  })

  it('looks at 8 KiB and not at one byte more', () => {
    const commas = (bytes: number) => `Bearer ${','.repeat(bytes - 7)}`
    expect(refusalOf(() => authenticator()(authorization(commas(8 * 1024)))).code).toBe(
      'AmbiguousCredentials',
    )
    expect(refusalOf(() => authenticator()(authorization(commas(8 * 1024 + 1)))).code).toBe(
      'Unauthenticated',
    )
  })

  it('400: two credentials are refused, good ones too', () => {
    const good = `Bearer ${text}`
    const none = { hasQueryCredential: false, hasOtherCredential: false }
    for (const presented of [
      { ...none, authorization: `${good}, ${good}` },
      { ...none, authorization: `${good},` },
      { ...none, authorization: good, hasQueryCredential: true },
      { ...none, authorization: good, hasOtherCredential: true },
      { authorization: null, hasQueryCredential: true, hasOtherCredential: true },
    ]) {
      expect(refusalOf(() => authenticator()(presented)).code).toBe('AmbiguousCredentials')
    }
  })

  it('401: a credential in the query or in X-Api-Key alone is none', () => {
    const none = { authorization: null, hasQueryCredential: false, hasOtherCredential: false }
    for (const presented of [
      { ...none, hasQueryCredential: true },
      { ...none, hasOtherCredential: true },
    ]) {
      expect(refusalOf(() => authenticator()(presented)).code).toBe('Unauthenticated')
    }
  })
})

describe('a verified key', () => {
  it('costs one SHA-256 from then on', () => {
    const hashing = countedHashing()
    const authenticate = authenticator(hashing)
    const first = authenticate(authorization(`Bearer ${text}`))
    hashing.calls.sha256 = 0
    hashing.calls.hmacSha256 = 0
    expect(authenticate(authorization(`Bearer ${text}`))).toBe(first)
    expect(hashing.calls).toEqual({ sha256: 1, hmacSha256: 0 })
  })

  it('is forgotten when 10,000 others were used since, and works again', () => {
    const many = Array.from({ length: MAX_VERIFIED_KEYS + 1 }, (_, index) =>
      keyAndRecord(`k${index}`),
    )
    const hashing = countedHashing()
    const records = new Map(many.map((key) => [key.record.id, key.record]))
    const authenticate = authenticator(hashing, records)
    const use = (index: number) => {
      const before = hashing.calls.hmacSha256
      authenticate(authorization(`Bearer ${many[index]?.text}`))
      return hashing.calls.hmacSha256 - before
    }
    for (let index = 0; index < MAX_VERIFIED_KEYS; index += 1) use(index)
    // Key 0 is used once more, so key 1 is the one unused for longest when one too many comes.
    expect(use(0)).toBe(0)
    expect(use(MAX_VERIFIED_KEYS)).toBe(1)
    expect([use(0), use(1)]).toEqual([0, 1])
  })
})

describe('rotating the pepper', () => {
  const old = keyAndRecord('old', pepper(1))
  const fresh = keyAndRecord('new', pepper(2))
  const both = new Map([old, fresh].map((key) => [key.record.id, key.record]))

  it('keeps keys of the previous version until it is taken out', () => {
    const during = authenticatorOf({
      keys: both,
      peppers: { current: pepper(2), previous: pepper(1) },
    })
    expect(during(authorization(`Bearer ${old.text}`)).keyId).toBe('old')
    expect(during(authorization(`Bearer ${fresh.text}`)).keyId).toBe('new')
    const afterwards = authenticatorOf({
      keys: both,
      peppers: { current: pepper(2) },
    })
    expect(refusalOf(() => afterwards(authorization(`Bearer ${old.text}`))).code).toBe(
      'Unauthenticated',
    )
    expect(afterwards(authorization(`Bearer ${fresh.text}`)).keyId).toBe('new')
  })
})
