import { BlockList, isIP } from 'node:net'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWithin, networkOf, parseAddress, parseNetworks } from '../src/network.ts'

describe('an address', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:CB00:7107', '203.0.113.7'],
    ['2001:0DB8:0000::0001', '2001:db8::1'],
    ['fe80::1%eth0.5', 'fe80::1'],
    ['::', '::'],
    ['64:ff9b::203.0.113.7', '64:ff9b::cb00:7107'],
  ])('%s has the one spelling %s', (text, spelling) => {
    expect(parseAddress(text)).toBe(spelling)
  })

  it.each([
    ...['', ' ', '%', ':', 'unknown', 'localhost', '203.0.113.7 ', '203.0.113.256', '203.0.113'],
    ...['010.0.0.1', '0x7f.0.0.1', '127.1', '2130706433', '127.0.0.1:80', '[::1]', '127.0.0.1/8'],
    ...['1::2::3', '1:2:3', '1:2:3:4:5:6:7:8:9', '12345::', '::ffff:010.0.0.1', '::127.0.0.1'],
    `${'0'.repeat(46)}::1`,
  ])('is none in %j, whatever other readers make of it', (text) => {
    expect(parseAddress(text)).toBeUndefined()
    expect(isWithin(text, parseNetworks(['0.0.0.0/0', '::/0']))).toBe(false)
  })

  it('is read as the runtime reads it, in any text', () => {
    const digits = fc.string({ unit: fc.constantFrom(...'0127fF:.::'), maxLength: 20 })
    const texts = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), digits)
    fc.assert(
      fc.property(texts, (text) => {
        // An IPv4-compatible address is IPv6 to the runtime; nobody has had one since 2006.
        if (/^::[0-9.]*\.[0-9.]*$/.test(text) || text.includes('%')) return
        expect([text, parseAddress(text) !== undefined]).toEqual([text, isIP(text) !== 0])
      }),
      { numRuns: 200 },
    )
  })
})

describe('the network of an address', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['2001:db8:0:1::5', '2001:db8:0:1::/64'],
    ['2001:0DB8:0:1:FFFF::', '2001:db8:0:1::/64'],
    ['2001:0DB8::1', '2001:db8::/64'],
    ['::1', '::/64'],
    ['64:ff9b::203.0.113.7', '203.0.113.7'],
    ['64:ff9b::cb00:7108', '203.0.113.8'],
    ['64:ff9b::1:cb00:7108', '64:ff9b::/64'],
    ['64:ff9b:1::cb00:7108', '64:ff9b:1::/64'],
    ['fe80::1%eth0', 'fe80::/64'],
    ['no address', 'no address'],
  ])('of %s is %s', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})

describe('networks', () => {
  it.each([
    ['10.0.0.0/8', '10.255.255.255', '11.0.0.0'],
    ['10.0.0.0/8', '::ffff:10.0.0.0', '9.255.255.255'],
    ['10.1.2.3', '10.1.2.3', '10.1.2.2'],
    ['10.1.2.2/31', '10.1.2.3', '10.1.2.4'],
    ['::ffff:10.0.0.0/104', '10.255.255.255', '11.0.0.0'],
    ['0.0.0.0/0', '255.255.255.255', '::1'],
    ['::/0', '2001:db8::1', '10.0.0.1'],
    ['2001:db8::/33', '2001:db8:7fff:ffff::', '2001:db8:8000::'],
    ['2001:db8::1', '2001:db8::1', '2001:db8::'],
  ])('%s holds %s and not %s', (network, inside, outside) => {
    const networks = parseNetworks(['192.0.2.0/24', network])
    expect([isWithin(inside, networks), isWithin(outside, networks)]).toEqual([true, false])
  })

  it('hold nothing when there are none', () => {
    expect(isWithin('127.0.0.1', parseNetworks([]))).toBe(false)
  })

  it.each([
    ...['', '/8', '10.0.0.0/', '10.0.0.0/33', '10.0.0.0/08', '10.0.0.0/-1', '10.0.0.0/8/8'],
    ...['2001:db8::/129', 'fe80::%eth0/10', 'localhost', '10/8', '*', '10.0.0.0/255.0.0.0'],
  ])('are not read from %j', (text) => {
    expect(() => parseNetworks(['10.0.0.0/8', text])).toThrow(RangeError)
    expect(() => parseNetworks([text])).toThrow(/^must be an address or a network, like /)
  })

  it.each([
    '10.0.0.1/8',
    '10.0.0.1/31',
    '::1/127',
    '::/0x',
    '::ffff:10.0.0.0/95',
    '2001:db8::1/32',
  ])('are not read from %j, which may mean another one', (text) => {
    expect(() => parseNetworks([text])).toThrow(RangeError)
  })

  it.each([4, 16])('of %d bytes hold what the runtime says they hold, bit by bit', (length) => {
    const family = length === 4 ? 'ipv4' : 'ipv6'
    const byte = fc.integer({ min: 0, max: 255 })
    fc.assert(
      fc.property(
        fc.array(byte, { minLength: length, maxLength: length }),
        fc.integer({ min: 0, max: length * 8 }),
        fc.integer({ min: 0, max: length * 8 - 1 }),
        (bytes, bits, flipped) => {
          const base = textOf(bytes.map((value, index) => value & maskOf(bits, index)))
          const bit = (index: number) => (index === flipped >> 3 ? 128 >> (flipped & 7) : 0)
          const other = textOf(bytes.map((value, index) => value ^ bit(index)))
          const networks = parseNetworks([`${base}/${bits}`])
          const reference = new BlockList()
          reference.addSubnet(base, bits, family)
          expect([base, bits, other, isWithin(other, networks)]).toEqual([
            ...[base, bits, other],
            reference.check(other, family),
          ])
        },
      ),
      { numRuns: 300 },
    )
  })
})

/** The bits of one byte that belong to the network. */
function maskOf(bits: number, index: number): number {
  return 0xff & (0xff << (8 - Math.min(8, Math.max(0, bits - index * 8))))
}

function textOf(bytes: readonly number[]): string {
  if (bytes.length === 4) return bytes.join('.')
  const hex = bytes.map((value) => value.toString(16).padStart(2, '0')).join('')
  return hex.replace(/.{4}(?=.)/g, '$&:')
}
