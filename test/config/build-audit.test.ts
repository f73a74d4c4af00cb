import { describe, expect, it } from 'vitest'
import { Secret } from '../../src/secret.ts'
import { configText, expectProblem, load, problemsOf, warningsOf } from './config-fixture.ts'

const PRODUCTION = { environment: 'production' }
const ON_REDIS = { state: 'redis://127.0.0.1:6379' }

async function settingOf(audit: Record<string, unknown> | undefined, others = {}) {
  const { config } = await load({ ...(audit !== undefined && { audit }), ...others })
  return config.audit
}

describe('the audit log', () => {
  it('is a file unless told otherwise, which never ends', async () => {
    const usual = { kind: 'file', path: './data/audit.jsonl' }
    expect(await settingOf(undefined)).toStrictEqual(usual)
    expect(await settingOf({})).toStrictEqual(usual)
    expect(await settingOf({ maxFileBytes: 1_048_576 })).toStrictEqual({
      ...usual,
      maxFileBytes: 1_048_576,
    })
  })

  it('may be a file, standard output or nothing, as ever', async () => {
    expect(await settingOf({ file: '/a.jsonl' })).toStrictEqual({ kind: 'file', path: '/a.jsonl' })
    expect(await settingOf({ file: 'stdout' })).toStrictEqual({ kind: 'stdout' })
    expect(await settingOf({ file: 'none' })).toStrictEqual({ kind: 'none' })
  })

  it('may be files of a size, some of which are kept', async () => {
    const bounds = { maxFileBytes: 104_857_600, keepFiles: 10 }
    const setting = { kind: 'file', path: '/a.jsonl', ...bounds }
    expect(await settingOf({ file: '/a.jsonl', ...bounds })).toStrictEqual(setting)
  })

  it('may be an SQLite database of its own', async () => {
    expect(await settingOf({ sqlite: '/a.db' })).toStrictEqual({ kind: 'sqlite', path: '/a.db' })
    const kept = { kind: 'sqlite', path: '/a.db', keepDays: 90 }
    expect(await settingOf({ sqlite: '/a.db', keepDays: 90 })).toStrictEqual(kept)
  })

  it('may be a capped stream beside a ledger on Redis', async () => {
    const usual = { kind: 'redis', maxEvents: 100_000 }
    expect(await settingOf({ redis: {} }, ON_REDIS)).toStrictEqual(usual)
    const setting = { kind: 'redis', maxEvents: 1_000 }
    expect(await settingOf({ redis: { maxEvents: 1_000 } }, ON_REDIS)).toStrictEqual(setting)
  })

  it('may be a queue that a worker is bound to, and is standard output beside Durable Objects', async () => {
    expect(await settingOf({ queue: 'AUDIT' })).toStrictEqual({ kind: 'queue', binding: 'AUDIT' })
    const state = 'durable-objects:'
    expect(await settingOf(undefined, { state })).toStrictEqual({ kind: 'stdout' })
    expect(await settingOf({ file: 'none' }, { state })).toStrictEqual({ kind: 'none' })
  })

  it.each(['file', 'sqlite'])('cannot be in a %s beside Durable Objects', async (place) => {
    await expectProblem(
      { state: 'durable-objects:', audit: { [place]: '/a' } },
      `audit.${place}: names a file, and beside Durable Objects there are none`,
    )
  })

  it('may be a collector by HTTP, which is waited for five seconds unless told otherwise', async () => {
    const url = 'https://collector.example/ingest?stream=signet&x=%20'
    const usual = await settingOf({ http: { url } })
    expect(usual).toStrictEqual({ kind: 'http', url: new Secret(url), timeoutMs: 5_000 })
    if (usual.kind !== 'http') throw new Error('another place')
    expect(usual.url.reveal()).toBe(url)
    const env = { AUDIT_TOKEN: 'token-of-the-collector' }
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how a reference is written
    const http = { url, token: '${AUDIT_TOKEN}', timeoutMs: 100 }
    const { config, warnings } = await load({ audit: { http } }, { env })
    expect(warnings).toEqual([])
    expect(config.audit).toMatchObject({ kind: 'http', timeoutMs: 100 })
    expect(config.audit.kind === 'http' && config.audit.token?.reveal()).toBe(env.AUDIT_TOKEN)
    const shown = JSON.stringify(config.audit)
    expect(shown).not.toContain('collector')
  })

  it('takes the token of a collector from a file, and warns of one in the settings', async () => {
    const http = { url: 'http://localhost:9428/insert', token: 'file:audit.token' }
    const files = { 'audit.token': 'token-in-a-file\n' }
    const { config, warnings } = await load({ audit: { http } }, { files })
    expect(warnings).toEqual([])
    expect(config.audit.kind === 'http' && config.audit.token?.reveal()).toBe('token-in-a-file')
    const literal = { audit: { http: { ...http, token: 'here' } } }
    expect(await warningsOf({ ...PRODUCTION, ...literal })).toEqual([
      'audit.http.token: is in the file: name an environment variable or file:PATH instead',
    ])
  })

  it.each([
    ['collector.example', 'must be a URL like https://s3.example.com'],
    ['ftp://collector.example/', 'must be a URL like https://s3.example.com'],
    ['https://user:pass@collector.example/', 'must not hold a user name or password'],
    ['https://collector.example/a#b', 'must not have a fragment'],
    ['https://collector.example/a b', 'must be a URL in plain ASCII'],
    ['https://collector.example\\@evil.example/', 'must be an origin in plain ASCII'],
    ['https://collector.example/a/../b', 'must have a path without dot segments'],
    ['https://collector.example/%2e%2E/b', 'must have a path without dot segments'],
  ])('by HTTP may not go to %s', async (url, problem) => {
    await expectProblem({ audit: { http: { url } } }, `audit.http.url: ${problem}`)
  })

  it.each([
    ['', 'is empty'],
    ['two words', 'must be printable ASCII, without spaces'],
    ['line\nbreak', 'must be printable ASCII, without spaces'],
  ])('by HTTP takes no token %j', async (token, problem) => {
    const http = { url: 'https://collector.example', token }
    await expectProblem({ audit: { http } }, `audit.http.token: ${problem}`)
  })

  it('by HTTP goes in clear to this machine alone, in production', async () => {
    const changes = (url: string) => ({ ...PRODUCTION, audit: { http: { url } } })
    expect(await problemsOf(configText(changes('http://127.0.0.1:9428/')))).toEqual([])
    expect(await problemsOf(configText(changes('http://collector.example/')))).toEqual([
      'audit.http.url: must be https: in production',
    ])
  })

  it.each([
    [
      { http: { url: 'https://c.example' }, redis: {} },
      'audit.http: must be left out: the events go to "redis"',
    ],
    [
      { http: { url: 'https://c.example' }, keepFiles: 1 },
      'audit.keepFiles: has a meaning for a file alone',
    ],
    [
      { http: { url: 'https://c.example', timeoutMs: 99 } },
      'audit.http.timeoutMs: must be a whole number from 100 to 60000',
    ],
  ])('has one place, which %j is not', async (audit, problem) => {
    await expectProblem({ ...ON_REDIS, audit }, problem)
  })

  it.each([
    [{ file: 'none', sqlite: '/a.db' }, 'audit.sqlite: must be left out: the events go to "file"'],
    [{ redis: {} }, 'audit.redis: needs a "state" on Redis'],
    [{ sqlite: './data/signet.db' }, 'audit.sqlite: must be another file than "state"'],
    [{ sqlite: '/a.db', keepFiles: 1 }, 'audit.keepFiles: has a meaning for a file alone'],
    [
      { file: 'stdout', maxFileBytes: 1_048_576 },
      'audit.maxFileBytes: has a meaning for a file alone',
    ],
    [
      { file: '/a', keepFiles: 1 },
      'audit.keepFiles: needs "maxFileBytes": no file is put aside without it',
    ],
    [{ file: '/a', keepDays: 1 }, 'audit.keepDays: has a meaning for "sqlite" alone'],
    [
      { file: '/a', maxFileBytes: 1_048_575 },
      'audit.maxFileBytes: must be a whole number from 1048576 to 1099511627776',
    ],
    [
      { file: '/a', maxFileBytes: 2_000, keepFiles: 5 },
      'audit.maxFileBytes: must be a whole number from 1048576 to 1099511627776',
    ],
    [
      { sqlite: 5, keepDays: 1 },
      'audit.sqlite: must be text of 1 to 4096 characters: put it in quotes',
    ],
    [{ sqlite: '/a', keepDays: 0 }, 'audit.keepDays: must be a whole number from 1 to 36500'],
  ])('may not be %j', async (audit, problem) => {
    await expectProblem({ audit }, problem)
  })

  it('on Redis must keep some', async () => {
    await expectProblem(
      { ...ON_REDIS, 'audit.redis': { maxEvents: 999 } },
      'audit.redis.maxEvents: must be a whole number from 1000 to 100000000',
    )
  })

  it('in SQLite may lie beside a ledger on Redis under any name', async () => {
    expect(await settingOf({ sqlite: './data/signet.db' }, ON_REDIS)).toMatchObject({
      kind: 'sqlite',
    })
  })

  it('is missed in production alone', async () => {
    expect(await warningsOf({ 'audit.file': 'none' })).toEqual([])
  })
})
