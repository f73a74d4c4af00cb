import { describe, expect, it } from 'vitest'
import { encodeSegment, MAX_KEY_BYTES, ObjectKey } from '../src/object-key.ts'
import { ACCEPTED_KEYS, REFUSED_KEYS, SLASHED_KEYS } from './stores/key-table.ts'

describe('an object key', () => {
  it.each([...ACCEPTED_KEYS, ...SLASHED_KEYS])('is kept character for character: %j', (text) => {
    const key = ObjectKey.parse(text)
    expect(key.text).toBe(text)
    expect(decodeURIComponent(key.encoded)).toBe(text)
    expect(key.encoded).toMatch(/^[A-Za-z0-9\-._~%/]+$/)
  })

  it.each([...ACCEPTED_KEYS, ...SLASHED_KEYS])(
    'passes through WHATWG URL unchanged: %j',
    (text) => {
      const path = `/bucket/${ObjectKey.parse(text).encoded}`
      expect(new URL(`https://s3.example.test${path}`).pathname).toBe(path)
    },
  )

  it.each(REFUSED_KEYS)('400: %j, for it would name %s', (text) => {
    expect(() => ObjectKey.parse(text)).toThrow(expect.objectContaining({ code: 'InvalidKey' }))
  })

  it('400: every C0 control and DEL, and nothing beside them', () => {
    for (let code = 0; code <= 0x80; code += 1) {
      const parse = () => ObjectKey.parse(`x${String.fromCharCode(code)}x`)
      if (code < 0x20 || code === 0x7f || code === 0x5c) expect(parse).toThrow('Cannot use the key')
      else expect(parse().text).toHaveLength(3)
    }
  })

  it('is measured in bytes: 1,024 pass and 1,025 do not', () => {
    expect(ObjectKey.parse('a'.repeat(MAX_KEY_BYTES)).text).toHaveLength(1024)
    expect(ObjectKey.parse('\u00e9'.repeat(512)).text).toHaveLength(512)
    expect(() => ObjectKey.parse('a'.repeat(1025))).toThrow('longer than 1024 bytes')
    expect(() => ObjectKey.parse('\u00e9'.repeat(513))).toThrow('longer than 1024 bytes')
    expect(() => ObjectKey.parse(`${'\u20ac'.repeat(341)}ab`)).toThrow('longer than 1024 bytes')
    expect(ObjectKey.parse(`${'\u20ac'.repeat(341)}a`).text).toHaveLength(342)
  })

  it('has one canonical form, unlike encodeURIComponent', () => {
    expect(encodeSegment("a b+c%/caf\u00e9 (!*'~).txt")).toBe(
      'a%20b%2Bc%25%2Fcaf%C3%A9%20%28%21%2A%27~%29.txt',
    )
  })

  it('keeps NFC and NFD apart', () => {
    expect(ObjectKey.parse('caf\u00e9').encoded).not.toBe(ObjectKey.parse('cafe\u0301').encoded)
  })
})
