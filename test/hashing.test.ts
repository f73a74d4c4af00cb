import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromBase64Url, toBase64Url, toHex } from '../src/hashing.ts'

const SEED = crypto.getRandomValues(new Int32Array(1))[0] ?? 0

describe('bytes as text', () => {
  it(`are what the runtime writes, whatever their length (seed ${SEED})`, () => {
    const property = fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(toBase64Url(bytes)).toBe(Buffer.from(bytes).toString('base64url'))
      expect(toHex(bytes)).toBe(Buffer.from(bytes).toString('hex'))
      expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes)
    })
    fc.assert(property, { seed: SEED, numRuns: 500 })
  })

  it.each([1_535, 1_536, 1_537, 5_000])('are written whole when there are %d of them', (length) => {
    const many = Uint8Array.from({ length }, (_, index) => (index * 167) % 256)
    expect(toBase64Url(many)).toBe(Buffer.from(many).toString('base64url'))
  })

  it('are written in every character of the alphabet', () => {
    const all = Uint8Array.from({ length: 768 }, (_, index) => (index * 167) % 256)
    expect(new Set(toBase64Url(all)).size).toBe(64)
    expect(toBase64Url(all)).toBe(Buffer.from(all).toString('base64url'))
  })

  it.each(['A', 'AB', 'AAA=', 'A+/A', 'AAA B'])('are read from nothing else: "%s"', (text) => {
    expect(fromBase64Url(text)).toBeUndefined()
  })
})
