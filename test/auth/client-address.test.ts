import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { clientAddress } from '../../src/auth/client-address.ts'
import { parseAddress, parseNetworks } from '../../src/network.ts'

const PROXY = '10.0.0.5'
const trustedProxies = parseNetworks(['10.0.0.0/8', '2001:db8:ff::/48'])
const behind = (forwardedFor: string | null, peer: string | undefined = PROXY) =>
  clientAddress({ peer, forwardedFor, trustedProxies })

describe('the address of a client', () => {
  it.each([
    ['nothing', null, PROXY],
    ['an empty header', '', PROXY],
    ['one hop', '203.0.113.7', '203.0.113.7'],
    ['what the client wrote before it', '198.51.100.1, 203.0.113.7', '203.0.113.7'],
    ['a client that names a trusted proxy', '10.0.0.9, 203.0.113.7', '203.0.113.7'],
    ['two trusted proxies', '198.51.100.1, 203.0.113.7, 10.0.0.9', '203.0.113.7'],
    ['a mapped trusted proxy', '203.0.113.7,::ffff:10.0.0.9', '203.0.113.7'],
    ['a trusted proxy of IPv6', '203.0.113.7,2001:db8:ff::1', '203.0.113.7'],
    ['trusted hops alone', '10.0.0.8, 10.0.0.9', '10.0.0.8'],
    ['a mapped client', '::ffff:203.0.113.7', '203.0.113.7'],
    ['another spelling', ' 2001:0DB8:0::7 ', '2001:db8::7'],
    ['a port', '203.0.113.7:49152', '203.0.113.7'],
    ['a port behind brackets', '[2001:db8::7]:49152', '2001:db8::7'],
    ['brackets alone', '[2001:db8::7]', '2001:db8::7'],
    ['tabs between hops', '198.51.100.1,\t203.0.113.7', '203.0.113.7'],
  ])('is told from %s', (_, forwardedFor, client) => {
    expect(behind(forwardedFor)).toBe(client)
  })

  it.each([
    ...['unknown', '_hidden', '', 'localhost', '0x7f.1', '[203.0.113.7]', '203.0.113.7:', '[]'],
    ...['203.0.113.7:123456', '2001:db8::7:49152x', '"203.0.113.7"', 'for=203.0.113.7'],
  ])('stays that of the proxy that tells %j, and what is before it is not read', (hop) => {
    expect(behind(`198.51.100.1, ${hop}, 10.0.0.9`)).toBe('10.0.0.9')
  })

  it('is the peer’s, whatever the header says, unless the peer is a trusted proxy', () => {
    expect(behind('198.51.100.1', '203.0.113.7')).toBe('203.0.113.7')
    expect(behind('198.51.100.1', '::ffff:203.0.113.7')).toBe('203.0.113.7')
    expect(behind('198.51.100.1', '::ffff:10.0.0.5')).toBe('198.51.100.1')
    const nobody = { peer: undefined, forwardedFor: '198.51.100.1', trustedProxies }
    expect(clientAddress(nobody)).toBeUndefined()
    const none = parseNetworks([])
    for (const peer of [PROXY, '127.0.0.1', '::1']) {
      const arrival = { peer, forwardedFor: '198.51.100.1', trustedProxies: none }
      expect(clientAddress(arrival)).toBe(peer)
    }
  })

  it('is looked for sixteen hops away and no further', () => {
    const hops = (count: number) => new Array(count).fill('10.0.0.9').join(',')
    expect(behind(`203.0.113.7,${hops(15)}`)).toBe('203.0.113.7')
    expect(behind(`203.0.113.7,${hops(16)}`)).toBe('10.0.0.9')
  })

  it('cannot be chosen by who writes the header, in any text', () => {
    const client = fc.oneof(fc.ipV4(), fc.ipV6()).filter((text) => {
      const address = parseAddress(text) ?? PROXY
      return (
        clientAddress({ peer: address, forwardedFor: '192.0.2.99', trustedProxies }) === address
      )
    })
    const hop = fc.oneof(fc.ipV4(), fc.ipV6(), fc.string(), fc.constantFrom(PROXY, '[::1]:1', ','))
    fc.assert(
      fc.property(fc.array(hop), client, (written, address) => {
        expect(behind([...written, address].join(','))).toBe(parseAddress(address))
      }),
      { numRuns: 200 },
    )
  })
})
