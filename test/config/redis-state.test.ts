import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { StateSetting } from '../../src/config/config.ts'
import {
  type Changes,
  configText,
  errorOf,
  expectProblem,
  load,
  problemsOf,
  warningsOf,
} from './config-fixture.ts'

const PASSWORD = 'canary/redis@pass#word%41?:é'
const stateOf = async (state: string, env?: Record<string, string>) =>
  (await load({ state }, { env: env ?? {} })).config.state
const passwordOf = (state: StateSetting) =>
  state.kind === 'redis' ? state.password?.reveal() : undefined

describe('state on Redis', () => {
  it.each([
    ['redis://h', 'single', ['h:6379'], 0],
    ['redis://H.Example.com:7000/3', 'single', ['h.example.com:7000'], 3],
    ['redis://127.0.0.1/', 'single', ['127.0.0.1:6379'], 0],
    ['rediss://[2001:db8::1]:6380/15', 'single', ['2001:db8::1:6380'], 15],
    ['redis+sentinel://a/main', 'sentinel', ['a:26379'], 0],
    ['redis+sentinel://a,b:1,[::1]/main/7', 'sentinel', ['a:26379', 'b:1', '::1:26379'], 7],
    ['rediss+sentinel://a,b,c/main', 'sentinel', ['a:26379', 'b:26379', 'c:26379'], 0],
    ['redis+cluster://a,b:7001', 'cluster', ['a:6379', 'b:7001'], 0],
    ['rediss+cluster://[::1]:7000,[::1]:7001/', 'cluster', ['::1:7000', '::1:7001'], 0],
  ])('may be %s', async (text, topology, nodes, database) => {
    const state = await stateOf(text)
    expect(state).toMatchObject({ kind: 'redis', topology, database })
    if (state.kind !== 'redis') return
    expect(state.nodes.map(({ host, port }) => `${host}:${port}`)).toEqual(nodes)
    expect(state.masterName).toBe(topology === 'sentinel' ? 'main' : undefined)
    expect(state.tls).toEqual(text.startsWith('rediss') ? {} : undefined)
  })

  it.each([
    ['redis://', 'has an empty host'],
    ['redis://:6379', 'has an empty host'],
    ['redis:h', 'must have "//" after the scheme'],
    ['redis://h:0', 'must have a port from 1 to 65535'],
    ['redis://h:65536', 'must have a port from 1 to 65535'],
    ['redis://h:', 'must have a port from 1 to 65535'],
    ['redis://h:x', 'must have a port from 1 to 65535'],
    ['redis://u:p q@h', 'must be printable ASCII without spaces'],
    ['redis://-h', 'has a host that is no name and no address'],
    ['redis://1.2.3.999', 'has a host that is no name and no address'],
    ['redis://[::g]', 'has a host that is no name and no address'],
    ['redis://[1:2]', 'has a host that is no name and no address'],
    ['redis://::1', 'must have an IPv6 address in brackets'],
    ['redis://a,b', 'must name one host; several need redis+sentinel:// or redis+cluster://'],
    ['redis://h/x', 'must end with the number of a database, 0 to 9999, or without one'],
    ['redis://h/10000', 'must end with the number of a database, 0 to 9999, or without one'],
    ['redis://h/1/2', 'must end with the number of a database, 0 to 9999, or without one'],
    ['redis://h?db=1', 'must not have a query; in a password "?" is %3F'],
    ['redis://h#x', 'must not have a fragment; in a password "#" is %23'],
    ['redis://@h', 'has nothing before "@"'],
    ['redis://user:@h', 'has an empty password'],
    ['redis://:a@b@h', 'must have "@" as %40 in its user name and password'],
    ['redis://:100%@h', 'must have "%" as %25 in its password'],
    ['redis://%zz:x@h', 'must have "%" as %25 in its user name'],
    ['redis+sentinel://a,,c/main', 'has an empty host (host 2)'],
    ['redis+sentinel://a,b:99999/main', 'must have a port from 1 to 65535 (host 2)'],
    ['redis+sentinel://a,A/main', 'names a host twice (host 2)'],
    ['redis+sentinel://a,b', 'must name the master behind the hosts, as in /NAME'],
    ['redis+sentinel://a//1', 'must name the master behind the hosts, as in /NAME'],
    ['redis+sentinel://a/m!', 'must name its master with A-Z, a-z, 0-9, ".", "_" and "-"'],
    ['redis+cluster://a,b/0', 'must not name a database: a cluster has one'],
  ])('cannot be %s, and says which part is wrong', async (state, problem) => {
    await expectProblem({ state }, `state: ${problem}`)
  })

  it('names every part that is wrong at once', async () => {
    const state = 'redis+sentinel://x:@a:0,,c?q#f'
    expect(await problemsOf(configText({ state }))).toEqual([
      'state: must not have a query; in a password "?" is %3F',
      'state: must not have a fragment; in a password "#" is %23',
      'state: has an empty password',
      'state: must have a port from 1 to 65535 (host 1)',
      'state: has an empty host (host 2)',
      'state: must name the master behind the hosts, as in /NAME',
    ])
  })

  it.each([
    ['redsi://h', 'redis'],
    ['redis+sentinal://h/x', 'redis+sentinel'],
    ['rediss+clustr://h', 'rediss+cluster'],
    ['REDIS://h', 'redis'],
    ['memory', 'memory'],
    ['sqlite:', 'sqlite'],
  ])('unknown %s is told with the nearest one', async (state, meant) => {
    await expectProblem(
      { state },
      `state: must be memory:, sqlite:PATH, durable-objects: or a URL of Redis like rediss://host:6379, did you mean "${meant}"?`,
    )
  })

  it('warns in production of a way to another machine without TLS', async () => {
    const production = { environment: 'production' }
    const told = ['state: is reached without TLS: use rediss:// or "ledger.tls"']
    expect(await warningsOf({ ...production, state: 'redis://h' })).toEqual(told)
    expect(await warningsOf({ ...production, state: 'redis+cluster://127.0.0.1,h' })).toEqual(told)
    for (const state of ['redis://localhost', 'redis://[::1]', 'rediss://h']) {
      expect(await warningsOf({ ...production, state })).toEqual([])
    }
    expect(await warningsOf({ ...production, state: 'redis://h', 'ledger.tls': {} })).toEqual([])
  })
})

describe('the password of Redis', () => {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: this is how references are written
  it('in the file itself is warned of in production', async () => {
    const warned = async (changes: Changes, environment = 'production') => {
      const given = { env: { P: 'p', U: 'u', URL: 'redis://:p@localhost' }, files: { pw: 'p' } }
      const { warnings } = await load({ environment, ...changes }, given)
      expect(JSON.stringify(warnings)).not.toContain('canary')
      return warnings.map(({ path }) => path)
    }
    const state = 'redis://localhost'
    expect(await warned({ state, 'ledger.password': 'canary' })).toEqual(['ledger.password'])
    expect(await warned({ state: 'redis://u:canary@localhost' })).toEqual(['state'])
    expect(await warned({ state: 'redis://:canary${P}@localhost' })).toEqual(['state'])
    for (const good of ['redis://${U}:${P}@localhost/1', 'redis://:${P}@localhost', '${URL}']) {
      expect(await warned({ state: good })).toEqual([])
    }
    for (const password of ['${P}', 'file:pw']) {
      expect(await warned({ state, 'ledger.password': password })).toEqual([])
    }
    expect(await warned({ state, 'ledger.password': 'canary' }, 'development')).toEqual([])
  })
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: this is how references are written

  it('is percent-decoded in a URL', async () => {
    const state = await stateOf('redis://us%40er:p%2Fw%25@h')
    expect(state).toMatchObject({ username: 'us@er' })
    expect(passwordOf(state)).toBe('p/w%')
  })

  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: this is how references are written
  it('may be a reference in the URL, taken as it is', async () => {
    for (const [text, username] of [
      ['redis://:${P}@h:1/2', undefined],
      ['redis://gate:${P}@h:1/2', 'gate'],
      ['redis://${U}:${P}@h:1/2', 'a:b@c'],
    ] as const) {
      const state = await stateOf(text, { P: PASSWORD, U: 'a:b@c' })
      expect(passwordOf(state)).toBe(PASSWORD)
      expect(state).toMatchObject({ nodes: [{ host: 'h', port: 1 }], database: 2 })
      expect(state.kind === 'redis' && state.username).toBe(username)
    }
  })

  it('a reference elsewhere in the URL, or to a whole one, is no user name', async () => {
    const env = { H: 'h', URL: 'redis://u:p%40@h:7', PORT: '7' }
    expect(passwordOf(await stateOf('${URL}', env))).toBe('p@')
    expect(await stateOf('redis://u:p@${H}:${PORT}', env)).toMatchObject({
      nodes: [{ host: 'h', port: 7 }],
    })
  })

  it('may be a reference in "ledger", to a file too', async () => {
    const { config } = await load(
      {
        state: 'redis+sentinel://h/main',
        ledger: {
          username: 'gate',
          password: 'file:redis.pw',
          sentinelUsername: 'watch',
          sentinelPassword: '${S}',
        },
      },
      { env: { S: 'spw' }, files: { 'redis.pw': `${PASSWORD}\n` } },
    )
    expect(config.state).toMatchObject({ username: 'gate' })
    expect(passwordOf(config.state)).toBe(PASSWORD)
    expect(config.ledger.sentinelUsername).toBe('watch')
    expect(config.ledger.sentinelPassword?.reveal()).toBe('spw')
  })

  it('is in no dump of the configuration', async () => {
    const { config } = await load(
      {
        state: 'rediss+sentinel://:${P}@h/main',
        ledger: { sentinelPassword: '${P}', tls: { cert: 'c.pem', key: 'k.pem' } },
      },
      {
        env: { P: 'canary-redis-password' },
        files: {
          'c.pem': '-----BEGIN CERTIFICATE-----\n',
          'k.pem': '-----BEGIN PRIVATE KEY-----\ncanary-redis-key\n',
        },
      },
    )
    const printed = [
      JSON.stringify(config),
      JSON.stringify(config.state),
      JSON.stringify(config.ledger),
      inspect(config, { depth: null, showHidden: true }),
      inspect(config, { depth: null, customInspect: false }),
    ].join('\n')
    expect(printed).toContain('main')
    expect(printed).not.toContain('canary-redis')
    expect(Object.isFrozen(config.state)).toBe(true)
    expect(Object.isFrozen(config.ledger)).toBe(true)
  })

  it.each([
    'redis://:canary-redis@h:x',
    'redis://canary-redis:canary-redis@h?q',
    'redis://:canary-redis%@h',
    'redis://:canary-redis/@h',
    'redis://:canary-redis#@h',
    'redis+sentinel://:canary-redis@h',
    'redis+cluster://:canary-redis@h/0',
    'redes://:canary-redis@h',
    'canary-redis',
  ])('is in no problem: %s', async (state) => {
    const error = await errorOf(configText({ state }))
    expect(error?.problems.length).toBeGreaterThan(0)
    expect(`${error?.message}${inspect(error)}`).not.toContain('canary-redis')
  })
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: this is how references are written
})
