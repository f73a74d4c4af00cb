import { describe, expect, it } from 'vitest'
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

describe('state', () => {
  it('is in memory or in an SQLite file', async () => {
    expect((await load({ state: 'memory:' })).config.state).toEqual({ kind: 'memory' })
    const { config } = await load({ state: 'sqlite:/var/lib/x.db' })
    expect(config.state).toEqual({ kind: 'sqlite', path: '/var/lib/x.db' })
  })

  it.each(['postgres://x', './data/x.db', 'data', ''])('cannot be %j', async (state) => {
    const problem =
      state === ''
        ? 'must be text of 1 to 4096 characters'
        : 'must be memory:, sqlite:PATH or a URL of Redis like rediss://host:6379'
    await expectProblem({ state }, `state: ${problem}`)
  })
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
