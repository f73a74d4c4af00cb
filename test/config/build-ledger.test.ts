import { describe, expect, it } from 'vitest'
import { configText, expectProblem, load, problemsOf, warningsOf } from './config-fixture.ts'

const CERTIFICATE = '-----BEGIN CERTIFICATE-----\nMII…\n-----END CERTIFICATE-----'
const KEY = '-----BEGIN EC PRIVATE KEY-----\nMII…\n-----END EC PRIVATE KEY-----'

const ledgerOf = async (state: string, ledger: object = {}) =>
  (await load({ state, ledger })).config.ledger
const problems = (state: string, ledger: object) => problemsOf(configText({ state, ledger }))

describe('ledger', () => {
  it('has the documented defaults', async () => {
    const common = {
      commandTimeoutMs: 250,
      waitTimeoutMs: 150,
      connectTimeoutMs: 1_000,
      retentionHours: 24,
      gateways: 1,
      whenAway: { requests: 'open' },
    }
    const disk = { ...common, durability: 'disk', replicas: 0 }
    const strict = { ...common, durability: 'strict', replicas: 1 }
    expect(await ledgerOf('memory:')).toEqual(disk)
    expect(await ledgerOf('sqlite:x')).toEqual(disk)
    expect(await ledgerOf('redis://h')).toEqual(disk)
    expect(await ledgerOf('redis+sentinel://h/m')).toEqual(strict)
    expect(await ledgerOf('redis+cluster://h')).toEqual(strict)
  })

  it('is strict with replicas, and keeps a journal when async', async () => {
    expect(await ledgerOf('redis://h', { replicas: 2 })).toMatchObject({
      durability: 'strict',
      replicas: 2,
    })
    const async = await ledgerOf('redis+cluster://h', { durability: 'async' })
    expect(async).toMatchObject({ durability: 'async', replicas: 0, journal: './data/journal.db' })
    expect(await ledgerOf('redis://h', { durability: 'async', journal: '/j' })).toMatchObject({
      journal: '/j',
    })
  })

  it('cannot be strict without replicas, and says which setting is wrong', async () => {
    const told = ['ledger.replicas: must be at least 1 for "durability: strict"']
    expect(await problems('redis://h', { durability: 'strict' })).toEqual(told)
    expect(await problems('redis+sentinel://h/m', { durability: 'strict', replicas: 0 })).toEqual(
      told,
    )
  })

  it('has replicas and a journal for one durability each', async () => {
    expect(await problems('redis://h', { durability: 'async', replicas: 1 })).toEqual([
      'ledger.replicas: has a meaning for "durability: strict" alone',
    ])
    expect(await problems('redis://h', { replicas: 1, journal: 'x' })).toEqual([
      'ledger.journal: has a meaning for "durability: async" alone',
    ])
  })

  it('warns of disk where a replica may be promoted', async () => {
    for (const state of ['redis+sentinel://h/m', 'redis+cluster://h']) {
      expect(await warningsOf({ state, ledger: { replicas: 0 } })).toEqual([
        'ledger.durability: is disk, of which a promoted replica may know nothing: use strict with all replicas',
      ])
    }
  })

  it('warns where a journal forgets uploads that may go on, by URL or in parts', async () => {
    const changes = (hours: number, upload: object, durability = 'async') => ({
      state: 'redis://h',
      ledger: { durability, retentionHours: hours },
      'stores.main.maxTransferSeconds': 60,
      'buckets.media.upload': { multipartLifetimeSeconds: 3_600, ...upload },
    })
    const told = [
      'ledger.retentionHours: is shorter than uploads to "media" may take, so that a failover may lose some: 3 is enough',
    ]
    const url = { expiresInSecondsMax: 3 * 3_600 - 180 }
    const parts = { multipartLifetimeSeconds: 3 * 3_600 - 120 }
    for (const upload of [url, parts]) {
      expect(await warningsOf(changes(3, upload))).toEqual([])
      expect(await warningsOf(changes(2, upload, 'disk'))).toEqual([])
      expect(await warningsOf(changes(2, upload))).toEqual(told)
    }
    const none = { ...changes(2, parts), 'stores.main.capabilities': { multipart: 'no' } }
    expect(await warningsOf(none)).toEqual([])
  })

  it('remembers for as long as a journal needs it unless told otherwise, and warns of nothing', async () => {
    const async = { state: 'redis://h', 'ledger.durability': 'async' }
    const hoursOf = async (changes: object) =>
      (await load(changes as never)).config.ledger.retentionHours
    const week = { 'buckets.media.upload.multipartLifetimeSeconds': 604_800 }
    expect(await hoursOf(async)).toBe(25)
    expect(await hoursOf({ ...async, ...week })).toBe(169)
    expect(await hoursOf({ ...async, 'stores.main.capabilities': { multipart: 'no' } })).toBe(24)
    expect(await hoursOf({ state: 'redis://h', ...week })).toBe(24)
    expect(await hoursOf({ ...async, ...week, 'ledger.retentionHours': 30 })).toBe(30)
    expect(await warningsOf(async)).toEqual([])
    expect(await warningsOf({ ...async, ...week })).toEqual([])
  })

  it('waits for replicas less long than for the command', async () => {
    expect(await ledgerOf('redis://h', { commandTimeoutMs: 100 })).toMatchObject({
      waitTimeoutMs: 60,
    })
    expect(await ledgerOf('redis://h', { commandTimeoutMs: 5_000 })).toMatchObject({
      waitTimeoutMs: 150,
    })
    expect(await problems('redis://h', { waitTimeoutMs: 250 })).toEqual([
      'ledger.waitTimeoutMs: must be below "commandTimeoutMs", which is 250',
    ])
  })

  it.each([
    ['durability', 'fast', 'must be one of: strict, disk, async'],
    ['replicas', 17, 'must be a whole number from 0 to 16'],
    ['commandTimeoutMs', 49, 'must be a whole number from 50 to 5000'],
    ['commandTimeoutMs', 5_001, 'must be a whole number from 50 to 5000'],
    ['retentionHours', 1, 'must be a whole number from 2 to 720'],
    ['retentionHours', 721, 'must be a whole number from 2 to 720'],
    ['gateways', 0, 'must be a whole number from 1 to 1000'],
    ['gateways', 1_001, 'must be a whole number from 1 to 1000'],
    ['replicaz', 1, 'is unknown, did you mean "replicas"?'],
    ['password', '', 'is empty'],
  ])('%s cannot be %s', async (name, value, problem) => {
    await expectProblem(
      { state: 'redis://h', [`ledger.${name}`]: value },
      `ledger.${name}: ${problem}`,
    )
  })

  it('has its user name and password in one place', async () => {
    expect(await problems('redis://u:p@h', { username: 'u', password: 'p' })).toEqual([
      'ledger.username: must be left out: the URL in "state" has a user name',
      'ledger.password: must be left out: the URL in "state" has a password',
    ])
    const { state } = (await load({ state: 'redis://u@h', 'ledger.password': 'p' })).config
    expect(state).toMatchObject({ username: 'u' })
    expect(await problems('redis://u@h', {})).toEqual([
      'ledger.password: is required beside a user name',
    ])
  })

  it('knows Sentinel’s user only where there are Sentinels', async () => {
    const users = { sentinelUsername: 'u', sentinelPassword: 'p' }
    expect(await problems('redis://h', users)).toEqual([
      'ledger.sentinelUsername: has a meaning for redis+sentinel: alone',
      'ledger.sentinelPassword: has a meaning for redis+sentinel: alone',
    ])
    expect(await problems('redis+sentinel://h/m', { sentinelUsername: 'u' })).toEqual([
      'ledger.sentinelPassword: is required beside "sentinelUsername"',
    ])
  })

  it('has but two settings without Redis, and names all others', async () => {
    expect(
      await ledgerOf('memory:', { retentionHours: 2, whenAway: { requests: 'closed' } }),
    ).toMatchObject({ retentionHours: 2, whenAway: { requests: 'closed' } })
    const others = { durability: 'disk', journal: 'x', tls: {}, waitTimeoutMs: 20, gateways: 2 }
    expect(await problems('sqlite:x', others)).toEqual(
      Object.keys(others).map(
        (name) => `ledger.${name}: has a meaning on Redis alone, not for sqlite:`,
      ),
    )
  })

  it('is looked at beside a broken URL', async () => {
    expect(await problems('redis://h:x', { waitTimeoutMs: 300, replicas: 99 })).toEqual([
      'state: must have a port from 1 to 65535',
      'ledger.waitTimeoutMs: must be below "commandTimeoutMs", which is 250',
      'ledger.replicas: must be a whole number from 0 to 16',
    ])
  })
})

describe('TLS to Redis', () => {
  const files = { 'tls/ca.pem': `${CERTIFICATE}\n`, '/abs/c.pem': CERTIFICATE, 'k.pem': KEY }
  const tlsOf = async (tls: object, env = {}) => {
    const { state } = (await load({ state: 'redis://h', 'ledger.tls': tls }, { files, env })).config
    return state.kind === 'redis' ? state.tls : undefined
  }
  const tlsProblems = (tls: object) =>
    problemsOf(configText({ state: 'redis://h', 'ledger.tls': tls }), { files })

  it('reads its files beside the configuration', async () => {
    const tls = await tlsOf({
      ca: './tls/ca.pem',
      cert: '/abs/c.pem',
      key: 'file:k.pem',
      serverName: 'redis.internal',
    })
    expect(tls).toMatchObject({ ca: CERTIFICATE, cert: CERTIFICATE, serverName: 'redis.internal' })
    expect(tls?.key?.reveal()).toBe(KEY)
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how a reference is written
    expect(await tlsOf({ ca: '${CA}' }, { CA: CERTIFICATE })).toEqual({ ca: CERTIFICATE })
  })

  it('reads no file but for its own members', async () => {
    expect(await problemsOf(configText({ state: 'redis://h', 'ledger.tls': 'k.pem' }))).toEqual([
      'ledger.tls: must be a mapping',
    ])
    expect(await tlsProblems({ cer: 'missing.pem' })).toEqual([
      'ledger.tls.cer: is unknown, did you mean "cert"?',
    ])
  })

  it('needs certificate and key together, and PEM in them', async () => {
    expect(await tlsProblems({ cert: '/abs/c.pem' })).toEqual([
      'ledger.tls.key: is required beside "cert"',
    ])
    expect(await tlsProblems({ key: 'k.pem' })).toEqual([
      'ledger.tls.cert: is required beside "key"',
    ])
    expect(await tlsProblems({ ca: 'k.pem' })).toEqual([
      'ledger.tls.ca: must name a PEM file with a CERTIFICATE',
    ])
    expect(await tlsProblems({ ca: 'missing.pem' })).toEqual([
      'ledger.tls.ca: names a file that cannot be read',
    ])
  })
})
