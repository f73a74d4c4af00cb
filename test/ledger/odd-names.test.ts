import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type SubjectLetter, subjectId } from '../../src/ledger/subject-id.ts'
import { isUploadId, newUploadId, uploadIdFor } from '../../src/ledger/upload-id.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'

const SEED = crypto.getRandomValues(new Int32Array(1))[0] ?? 0
const NOW_MS = Date.UTC(2026, 0, 15, 12)
const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
/** Names that a joining character, a number or a rewriting would confuse. */
const ODD = [
  '',
  ':',
  '1:',
  '1:a',
  'a:',
  'a',
  'a:a',
  '/',
  '{a}',
  '%3A',
  'Q07',
  '007',
  '7',
  'é',
  'e\u0301',
  '\u0000',
  ' ',
  'A',
]
const names = fc.oneof(fc.constantFrom(...ODD), fc.string({ maxLength: 6 }))
const id = (letter: SubjectLetter, tenant: string, name: string, salt = 'salt') =>
  subjectId(nodeHashing, salt, letter, tenant, name)

describe('subject ids', () => {
  it('have 17 characters that need no escaping anywhere, whatever the names', () => {
    for (const tenant of ODD)
      for (const name of ODD) expect(id('u', tenant, name)).toMatch(/^u[\w-]{16}$/)
  })

  it(`differ when anything differs (seed ${SEED})`, () => {
    const letters = fc.constantFrom<SubjectLetter>('u', 't', 'k', 'b', 'o')
    const all = fc.tuple(letters, names, names, names)
    const property = fc.property(all, all, (one, other) => {
      const same = JSON.stringify(one) === JSON.stringify(other)
      expect(id(...one) === id(...other)).toBe(same)
    })
    fc.assert(property, { seed: SEED, numRuns: 2_000 })
  })

  it('are never one for two pairs of odd names', () => {
    const ids = ODD.flatMap((tenant) => ODD.map((name) => id('u', tenant, name)))
    expect(new Set(ids).size).toBe(ODD.length ** 2)
  })

  it('differ between installations beyond their letter, and letters beyond theirs', () => {
    expect(id('u', 'a', 'b', 'one').slice(1)).not.toBe(id('u', 'a', 'b', 'two').slice(1))
    expect(id('u', 'a', 'b').slice(1)).not.toBe(id('k', 'a', 'b').slice(1))
  })
})

describe('upload ids', () => {
  it(`are known again, made by chance or from a key (seed ${SEED})`, () => {
    const property = fc.property(
      fc.nat({ max: 2 ** 47 }),
      names,
      names,
      names,
      (nowMs, ...parts) => {
        expect(isUploadId(newUploadId(random, nowMs))).toBe(true)
        expect(isUploadId(uploadIdFor(nodeHashing, ...parts))).toBe(true)
      },
    )
    fc.assert(property, { seed: SEED, numRuns: 500 })
  })

  it('sort by their time', () => {
    const times = [0, 1, 31, 32, NOW_MS - 1, NOW_MS, NOW_MS + 1, 2 ** 47]
    const ids = times.map((nowMs) => newUploadId(random, nowMs))
    expect(ids).toEqual([...ids].sort((a, b) => (a < b ? -1 : 1)))
  })

  it('carry version and variant of UUIDv7', () => {
    // Five bits a character: 48 bits of time are nine characters and three bits of the tenth.
    const of = (byte: number) => newUploadId((length) => new Uint8Array(length).fill(byte), 0)
    const bits = (text: string) =>
      Array.from(text.slice(3), (character) =>
        '0123456789abcdefghjkmnpqrstvwxyz'.indexOf(character).toString(2).padStart(5, '0'),
      ).join('')
    expect(bits(of(0))).toBe(`${'0'.repeat(48)}0111${'0'.repeat(12)}10${'0'.repeat(62)}00`)
    expect(bits(of(255))).toBe(`${'0'.repeat(48)}0111${'1'.repeat(12)}10${'1'.repeat(62)}00`)
  })

  it('are the same for the same caller and key for ever, and another for any other', () => {
    expect(uploadIdFor(nodeHashing, 'acme', 'u1', 'k1')).toBe(
      uploadIdFor(nodeHashing, 'acme', 'u1', 'k1'),
    )
    const ids = ODD.flatMap((tenant) =>
      ODD.flatMap((user) => ODD.map((key) => uploadIdFor(nodeHashing, tenant, user, key))),
    )
    expect(new Set(ids).size).toBe(ODD.length ** 3)
  })

  it('are nothing that either would not have made', () => {
    const good = uploadIdFor(nodeHashing, 'acme', 'u1', 'k1')
    // The last character carries three bits: of its 32 values 24 stand for no id.
    const last = Array.from('0123456789abcdefghjkmnpqrstvwxyz', (end) => good.slice(0, -1) + end)
    expect(last.filter(isUploadId)).toHaveLength(8)
    const bad = [
      '',
      'up_',
      good.slice(1),
      `${good}0`,
      ` ${good}`,
      `${good}\n`,
      good.toUpperCase(),
      good.slice(0, -2),
    ]
    for (const text of [
      ...bad,
      `up_${'i'.repeat(26)}`,
      `up_${'l'.repeat(26)}`,
      `up_${'u'.repeat(26)}`,
    ]) {
      expect({ text, known: isUploadId(text) }).toEqual({ text, known: false })
    }
  })
})
