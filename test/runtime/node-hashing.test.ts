import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/hashing.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'

describe('the hashes of Node', () => {
  it('give the HMAC of RFC 4231, test cases 1, 2 and 6', () => {
    const cases = [
      [
        new Uint8Array(20).fill(0x0b),
        'Hi There',
        'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
      ],
      [
        Buffer.from('Jefe'),
        'what do ya want for nothing?',
        '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
      ],
      [
        new Uint8Array(131).fill(0xaa),
        'Test Using Larger Than Block-Size Key - Hash Key First',
        '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
      ],
    ] as const
    for (const [key, data, mac] of cases) {
      expect(toHex(nodeHashing.hmacSha256(key, data))).toBe(mac)
    }
  })

  it('give the SHA-256 of the runtime for every text and all bytes', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array()), (data) => {
        const digest = nodeHashing.sha256(data)
        expect(toHex(digest)).toBe(createHash('sha256').update(data).digest('hex'))
        expect(digest).toHaveLength(32)
      }),
    )
  })

  it('give the HMAC of the runtime for every key and message, again and again', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.oneof(fc.string({ unit: 'binary' }), fc.uint8Array()),
        (key, data) => {
          const expected = createHmac('sha256', key).update(data).digest('hex')
          expect(toHex(nodeHashing.hmacSha256(key, data))).toBe(expected)
          expect(toHex(nodeHashing.hmacSha256(key, data))).toBe(expected)
        },
      ),
    )
  })

  it('give the hash of a text in hexadecimal', () => {
    expect(nodeHashing.sha256Hex('caf\u00e9')).toBe(
      createHash('sha256').update('caf\u00e9').digest('hex'),
    )
  })

  it('hash head and tail as one text, whatever came before', () => {
    const text = fc.string({ unit: 'binary', maxLength: 300 })
    const heads = fc.array(text, { minLength: 1, maxLength: 3 })
    const calls = fc.array(fc.tuple(fc.nat(), text), { minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(
        fc.option(fc.uint8Array({ maxLength: 100 }), { nil: undefined }),
        heads,
        calls,
        (key, known, asked) => {
          const textHash = nodeHashing.textHash(key)
          for (const [pick, tail] of asked) {
            const head = known[pick % known.length] ?? ''
            const hash = key === undefined ? createHash('sha256') : createHmac('sha256', key)
            expect(textHash(head, tail)).toBe(hash.update(head + tail).digest('hex'))
          }
        },
      ),
    )
  })
})
