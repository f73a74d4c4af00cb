import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  createApiKey,
  hashApiKey,
  isKeyId,
  MAX_API_KEY_CHARACTERS,
  parseApiKey,
  parseStoredHash,
  verifyApiKey,
} from '../../src/auth/api-key.ts'
import { checksumOf } from '../../src/auth/checksum.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { bytesFrom, keyAndRecord, pepper } from './auth-fixture.ts'

/** A key with a right checksum over whatever body is given. */
const sealed = (body: string) => `${body}_${checksumOf(body)}`
const SECRET = 'A'.repeat(43)

describe('an API key', () => {
  it('is read back as it was made, for any id and any random bytes', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9]{1,64}$/),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        (id, bytes) => {
          const text = createApiKey(() => bytes, id).reveal()
          expect(parseApiKey(text)).toEqual({ id, text })
          expect(text.length).toBeLessThanOrEqual(MAX_API_KEY_CHARACTERS)
        },
      ),
    )
  })

  it('is found, whole and alone, by the pattern for scanners in SECURITY.md', () => {
    const page = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8')
    const pattern = /`(\\bsignet_[^`]+)`/.exec(page)?.[1] ?? 'none'
    fc.assert(
      fc.property(
        fc.stringMatching(/^[A-Za-z0-9]{1,64}$/),
        fc.uint8Array({ minLength: 32, maxLength: 32 }),
        fc.constantFrom(' ', '"', "'", '\n', '=', ':', ',', '/', ''),
        (id, bytes, around) => {
          const key = createApiKey(() => bytes, id).reveal()
          const found = `x${around}${key}${around}x`.match(new RegExp(pattern, 'g'))
          expect(found).toEqual(around === '' ? null : [key])
        },
      ),
    )
    // Hashes, ids and the secret of a test that ends too early are no keys.
    for (const other of [`v1:${SECRET}`, 'signet_k1', `signet_k1_${SECRET}`]) {
      expect(new RegExp(pattern).test(other)).toBe(false)
    }
  })

  it('has the checksum of zlib, in base62', () => {
    // crc32("123456789") is 0xcbf43926, the check value of CRC-32/ISO-HDLC.
    const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
    const value = [...checksumOf('123456789')].reduce((sum, d) => sum * 62 + digits.indexOf(d), 0)
    expect(value).toBe(0xcbf43926)
  })

  it('may hold "_" and "-" in its 43 characters', () => {
    const text = sealed(`signet_k1_${'_-'.repeat(21)}A`)
    expect(parseApiKey(text)).toEqual({ id: 'k1', text })
  })

  it('is refused when any single character is another one', () => {
    const { text } = keyAndRecord('k1')
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: text.length - 1 }),
        fc.constantFrom(...'ABCabc019_-= \n.'),
        (index, other) => {
          fc.pre(text[index] !== other)
          const changed = text.slice(0, index) + other + text.slice(index + 1)
          expect(parseApiKey(changed)).toBeUndefined()
        },
      ),
    )
  })

  it.each([
    ['an id with "_"', sealed(`signet_k_1_${SECRET}`)],
    ['no id', sealed(`signet__${SECRET}`)],
    ['an id of 65 characters', sealed(`signet_${'k'.repeat(65)}_${SECRET}`)],
    ['42 characters', sealed(`signet_k1_${SECRET.slice(1)}`)],
    ['44 characters', sealed(`signet_k1_${SECRET}A`)],
    ['padding', sealed(`signet_k1_${SECRET.slice(1)}=`)],
    ['spare bits that are set', sealed(`signet_k1_${SECRET.slice(1)}B`)],
    ['a newline at its end', `${sealed(`signet_k1_${SECRET}`)}\n`],
    ['a space before it', ` ${sealed(`signet_k1_${SECRET}`)}`],
    ['another prefix', sealed(`Signet_k1_${SECRET}`)],
    ['a wrong checksum', `signet_k1_${SECRET}_000000`],
  ])('is refused with %s', (_, text) => {
    expect(parseApiKey(text)).toBeUndefined()
  })

  it('takes an id of 64 characters', () => {
    expect(parseApiKey(sealed(`signet_${'k'.repeat(64)}_${SECRET}`))).toBeDefined()
    expect([isKeyId('k'.repeat(64)), isKeyId('k'.repeat(65)), isKeyId('')]).toEqual([
      true,
      false,
      false,
    ])
  })

  it('never throws for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(parseApiKey(text)).toBeUndefined()
        expect(parseStoredHash(text)).toBeUndefined()
      }),
    )
  })

  it('is not made without its random bytes or with an id that it could not carry', () => {
    expect(() => createApiKey(() => new Uint8Array(31), 'k1')).toThrow(RangeError)
    expect(() => createApiKey(bytesFrom('x'), 'k_1')).toThrow(RangeError)
  })
})

describe('the stored hash of an API key', () => {
  it('is the HMAC-SHA-256 of the whole key under the pepper, with the version before it', () => {
    const key = createApiKey(bytesFrom('seed'), 'k1')
    const expected = nodeHashing.hmacSha256(
      new TextEncoder().encode(pepper(7).secret.reveal()),
      key.reveal(),
    )
    const stored = parseStoredHash(hashApiKey(nodeHashing, pepper(7), key))
    expect(stored?.version).toBe(7)
    expect(Buffer.from(stored?.digest ?? []).equals(Buffer.from(expected))).toBe(true)
  })

  it('verifies its own key and no other, under its own pepper and no other', () => {
    const { text, record } = keyAndRecord('k1')
    const digest = parseStoredHash(record.hashes[0]?.hash ?? '')?.digest ?? new Uint8Array(32)
    const verify = (key: string, version: number) =>
      verifyApiKey(nodeHashing, pepper(version).secret, { key, digest })
    expect(verify(text, 1)).toBe(true)
    expect(verify(text, 2)).toBe(false)
    expect(verify(keyAndRecord('k2').text, 1)).toBe(false)
  })

  it.each([
    'v0:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'v01:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB',
    'v1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA',
    'v1:',
    '',
  ])('is refused as %j', (text) => {
    expect(parseStoredHash(text)).toBeUndefined()
  })
})
