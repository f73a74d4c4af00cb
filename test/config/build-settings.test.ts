import { describe, expect, it } from 'vitest'
import { isWithin } from '../../src/network.ts'
import { configText, expectProblem, load, problemsOf, warningsOf } from './config-fixture.ts'

describe('listeners', () => {
  it.each([
    [':8080', undefined, 8080],
    ['0.0.0.0:0', '0.0.0.0', 0],
    ['[::1]:65535', '::1', 65_535],
    ['signet.internal:80', 'signet.internal', 80],
  ])('may be %s', async (listen, host, port) => {
    const { config } = await load({ 'server.listen': listen })
    expect(config.server.listen).toEqual({ host, port })
  })

  it.each(['8080', ':', ':65536', 'http://x:80', '::1:80', 'a b:80', 'x:8o', ':080808'])(
    'may not be %s',
    async (listen) => {
      await expectProblem(
        { 'server.listen': listen },
        'server.listen: must be host:port or :port, with a port to 65535',
      )
    },
  )

  it('must be two, but may both pick a free port', async () => {
    const both = (address: string) => ({ 'server.listen': address, 'server.admin': address })
    await expectProblem(both('127.0.0.1:80'), 'server.admin: must be another address than "listen"')
    expect(await problemsOf(configText(both('127.0.0.1:0')))).toEqual([])
  })

  it.each(['*', 'null', 'https://a.example/', 'https://A.example'])(
    'origin %s is read exactly or refused',
    async (text) => {
      const problems = await problemsOf(configText({ 'server.cors': { origins: [text] } }))
      expect(problems.length).toBe(text.startsWith('https://') ? 0 : 1)
    },
  )

  it('hold origins as browsers send them', async () => {
    const { config } = await load({
      'server.cors': {
        origins: ['https://A.example/', 'http://localhost:5173', 'https://b.example:443'],
      },
    })
    expect([...config.server.cors.origins]).toEqual([
      'https://a.example',
      'http://localhost:5173',
      'https://b.example',
    ])
  })
})

describe('trusted proxies', () => {
  it('are none unless they are listed, and then addresses and networks', async () => {
    expect((await load({ server: {} })).config.server.trustedProxies).toEqual([])
    const list = ['10.0.0.0/8', '::ffff:192.0.2.7', '2001:db8::/32']
    const { trustedProxies } = (await load({ 'server.trustedProxies': list })).config.server
    const held = (address: string) => isWithin(address, trustedProxies)
    expect(['10.1.2.3', '192.0.2.7', '2001:db8::1'].map(held)).toEqual([true, true, true])
    expect(['11.1.2.3', '192.0.2.8', '2001:db9::1'].map(held)).toEqual([false, false, false])
  })

  it('are told one by one what is wrong with them, and nobody is trusted with all', async () => {
    const list = ['10.0.0.0/8', 'proxy.local', '10.0.0.1/8', '0.0.0.0/0', '::/0']
    const every = 'must not be every address: callers could then choose their own'
    expect(await problemsOf(configText({ 'server.trustedProxies': list }))).toEqual([
      'server.trustedProxies[1]: must be an address or a network, like 10.0.0.0/8 or 2001:db8::/32',
      'server.trustedProxies[2]: must have no bits set behind the length of its prefix',
      `server.trustedProxies[3]: ${every}`,
      `server.trustedProxies[4]: ${every}`,
    ])
  })
})

describe('state', () => {
  it('is in memory or in an SQLite file', async () => {
    expect((await load({ state: 'memory:' })).config.state).toEqual({ kind: 'memory' })
    const { config } = await load({ state: 'sqlite:/var/lib/x.db' })
    expect(config.state).toEqual({ kind: 'sqlite', path: '/var/lib/x.db' })
  })

  it('is in Durable Objects where a worker is told so', async () => {
    const { config } = await load({ state: 'durable-objects:' })
    expect(config.state).toEqual({ kind: 'durable-objects' })
    expect(config.ledger).toMatchObject({ durability: 'disk', replicas: 0 })
  })

  it.each(['postgres://x', './data/x.db', 'data', 'objects:x', ''])(
    'cannot be %j',
    async (state) => {
      const problem =
        state === ''
          ? 'must be text of 1 to 4096 characters'
          : 'must be memory:, sqlite:PATH, durable-objects: or a URL of Redis like rediss://host:6379'
      await expectProblem({ state }, `state: ${problem}`)
    },
  )
})

describe('production', () => {
  const production = { environment: 'production' }

  it('warns of what is only good for trying out', async () => {
    expect(
      await warningsOf({
        ...production,
        state: 'memory:',
        'audit.file': 'none',
        'server.admin': ':9090',
      }),
    ).toEqual(
      [
        'audit.file: keeps no record of decisions',
        'server.admin: can be reached from other machines: keep strangers off it',
        'state: is kept in memory: a restart forgets all quotas',
      ].toSorted((a, b) => ORDER.indexOf(a.slice(0, 5)) - ORDER.indexOf(b.slice(0, 5))),
    )
  })

  it('refuses a placeholder for a store’s secret, which development only warns of', async () => {
    const placeholder = { 'stores.main.credentials.secretAccessKey': 'minioadmin' }
    const told = 'stores.main.credentials.secretAccessKey: is a placeholder, not a secret'
    await expectProblem({ ...production, ...placeholder }, told)
    expect(await warningsOf(placeholder)).toEqual([told])
  })
})

// As `configText` writes them: what is new comes last, in the order of the changes.
const ORDER = ['state', 'audit', 'serve']
