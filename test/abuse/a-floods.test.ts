import { afterEach, describe, expect, it } from 'vitest'
import { networkOf } from '../../src/network.ts'
import { expectRefused } from '../support/expect-refused.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'

let gateway: TestGateway

/** A request as it comes from an address, with another secret for alice's key id unless it is hers. */
function ask(address: string, good = false) {
  const key = gateway.key()
  const wrong = key.replace(/_[A-Za-z0-9_-]{43}_/, `_${'x'.repeat(43)}_`)
  const headers = { authorization: `Bearer ${good ? key : wrong}` }
  const bindings = { incoming: { socket: { remoteAddress: address } } }
  return gateway.app.request('/v1/usage', { headers }, bindings)
}

describe('bad keys for one real key id', () => {
  afterEach(() => gateway.close())

  it('A12 429 SlowDown after 20, one a second from then on; the owner elsewhere goes on', async () => {
    gateway = await openTestGateway()
    for (let tried = 0; tried < 20; tried += 1) {
      expect((await ask('203.0.113.7')).status).toBe(401)
    }
    const slow = await ask('203.0.113.7')
    expect(slow.headers.get('retry-after')).toBe('1')
    await expectRefused(slow, { status: 429, code: 'SlowDown' }, { gateway })
    expect((await ask('::ffff:203.0.113.7')).status).toBe(429)
    expect((await ask('203.0.113.7', true)).status).toBe(429)
    expect((await ask('198.51.100.1', true)).status).toBe(200)
    gateway.clock.advance(999)
    expect((await ask('203.0.113.7')).status).toBe(429)
    gateway.clock.advance(1)
    expect((await ask('203.0.113.7', true)).status).toBe(200)
  })

  it('A12 counts a whole /64 of IPv6 as one, and the next one for itself', async () => {
    gateway = await openTestGateway()
    for (let tried = 0; tried < 20; tried += 1) {
      expect((await ask(`2001:db8:0:1::${tried.toString(16)}`)).status).toBe(401)
    }
    expect((await ask('2001:db8:0:1:ffff:ffff:ffff:ffff')).status).toBe(429)
    expect((await ask('2001:db8:0:2::1')).status).toBe(401)
  })

  it('A12 never slows who is right down', async () => {
    gateway = await openTestGateway()
    for (let asked = 0; asked < 100; asked += 1) {
      expect((await ask('203.0.113.7', true)).status).toBe(200)
    }
  })
})

it.each([
  ['203.0.113.7', '203.0.113.7'],
  ['::ffff:203.0.113.7', '203.0.113.7'],
  ['2001:db8:0:1::5', '2001:db8:0:1::/64'],
  ['2001:0DB8::1', '2001:db8::/64'],
  ['::1', '::/64'],
  ['fe80::1%eth0', 'fe80::/64'],
])('A12 takes %s for the network %s', (address, network) => {
  expect(networkOf(address)).toBe(network)
})
