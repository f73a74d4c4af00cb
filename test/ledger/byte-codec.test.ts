import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ByteReader, ByteWriter } from '../../src/ledger/byte-codec.ts'

const SEED = crypto.getRandomValues(new Int32Array(1))[0] ?? 0
const wholes = fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat())
const texts = fc.string({ unit: 'binary', maxLength: 20 })

describe('byte codec', () => {
  it(`reads what it wrote (seed ${SEED})`, () => {
    const property = fc.property(fc.array(wholes), texts, wholes, (many, text, one) => {
      const writer = new ByteWriter()
      writer.numbers(many)
      writer.text(text)
      writer.number(one)
      const reader = new ByteReader(writer.bytes())
      expect([reader.numbers(many.length), reader.text(80), reader.number()]).toEqual([
        many,
        text,
        one,
      ])
      expect([reader.failed, reader.done]).toEqual([false, true])
    })
    fc.assert(property, { seed: SEED, numRuns: 500 })
  })

  it.each([0, 127, 128, 16_383, 16_384, 2 ** 32, 2 ** 50, Number.MAX_SAFE_INTEGER])(
    'keeps %d to the last digit',
    (value) => {
      const writer = new ByteWriter()
      writer.number(value)
      expect(new ByteReader(writer.bytes()).number()).toBe(value)
    },
  )

  it('keeps a byte order mark, which a decoder likes to swallow', () => {
    const writer = new ByteWriter()
    writer.text('\ufeffkey')
    expect(new ByteReader(writer.bytes()).text(80)).toBe('\ufeffkey')
  })

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    'does not write %d',
    (value) => {
      expect(() => new ByteWriter().number(value)).toThrow(RangeError)
    },
  )

  it('fails on what ends too early, is too long, too large or no UTF-8', () => {
    const readers: readonly [number[], (reader: ByteReader) => unknown][] = [
      [[], (reader) => reader.number()],
      [[0x80], (reader) => reader.number()],
      [[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10], (reader) => reader.number()],
      [[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 1], (reader) => reader.number()],
      [[2, 1, 1], (reader) => reader.numbers(1)],
      [[2, 1], (reader) => reader.numbers(2)],
      [[3, 65, 66], (reader) => reader.text(9)],
      [[2, 65, 66], (reader) => reader.text(1)],
      [[1, 0xff], (reader) => reader.text(9)],
    ]
    for (const [bytes, read] of readers) {
      const reader = new ByteReader(Uint8Array.from(bytes))
      read(reader)
      expect({ bytes, failed: reader.failed }).toEqual({ bytes, failed: true })
    }
  })

  it(`never throws, whatever it is given (seed ${SEED})`, () => {
    const property = fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const reader = new ByteReader(bytes)
      reader.numbers(10)
      reader.text(10)
      reader.number()
    })
    fc.assert(property, { seed: SEED, numRuns: 1_000 })
  })
})
