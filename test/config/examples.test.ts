import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { configJsonSchemaText } from '../../src/config/json-schema.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { sources } from './config-fixture.ts'

const HASH = `v1:${'A'.repeat(43)}`
const env = {
  SIGNET_PEPPER: 'pepper-of-the-example-0123456789ab',
  SIGNET_TICKET_KEY: 'ticket-of-the-example-0123456789ab',
  SIGNET_ADMIN_TOKEN: 'admin-of-the-example-0123456789ab',
  STORE_ENDPOINT: 'https://s3.example.com',
  STORE_WRITE_KEY_ID: 'WRITE',
  STORE_WRITE_SECRET: 'write-secret',
  STORE_READ_KEY_ID: 'READ',
  STORE_READ_SECRET: 'read-secret',
  STORE_MANAGE_KEY_ID: 'MANAGE',
  STORE_MANAGE_SECRET: 'manage-secret',
  ALICE_KEY_HASH: HASH,
  BOB_KEY_HASH: HASH,
  APP_SERVER_KEY_HASH: HASH,
  REDIS_PASSWORD: 'redis-password',
  SENTINEL_PASSWORD: 'sentinel-password',
}
const files = {
  'config/ticket.key': 'ticket-key-of-the-default-0123456789\n',
  'config/admin.token': 'admin-token-of-the-default-0123456789\n',
  'config/examples/redis-ca.pem': '-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n',
}
const open = async (file: string) =>
  loadConfig(await readFile(file, 'utf8'), file, sources({ env, files }))

describe('the configurations that come with Signet', () => {
  it.each([
    'config/signet.yaml',
    'config/examples/news-feed.yaml',
    'config/examples/container.yaml',
    'config/examples/several-gateways.yaml',
  ])('%s loads without a warning', async (file) => {
    const { warnings } = await open(file)
    expect(warnings).toEqual([])
  })

  it('show in comments how tokens are taken, which loads as well', async () => {
    const file = 'config/signet.yaml'
    const text = await readFile(file, 'utf8')
    const isShown = (part: string) => /^# (issuers|admin):$/m.test(part)
    const shown = text
      .split('\n\n')
      .map((part) => (isShown(part) ? part.replaceAll(/^# (?=\S+:$| {2})/gm, '') : part))
      .join('\n\n')
    const { config, warnings } = await loadConfig(shown, file, sources({ env, files }))
    expect([config.issuers.size, config.adminIssuer !== undefined, warnings]).toEqual([1, true, []])
  })

  it('name their JSON Schema in the first line', async () => {
    for (const [file, schema] of [
      ['config/signet.yaml', './signet.schema.json'],
      ['config/examples/news-feed.yaml', '../signet.schema.json'],
      ['config/examples/container.yaml', '../signet.schema.json'],
      ['config/examples/several-gateways.yaml', '../signet.schema.json'],
    ] as const) {
      const text = await readFile(file, 'utf8')
      expect(text.split('\n')[0]).toBe(`# yaml-language-server: $schema=${schema}`)
    }
  })

  it('write nowhere but to the volume that the image gives to its user', async () => {
    const { config } = await open('config/examples/container.yaml')
    expect(config.state).toEqual({ kind: 'sqlite', path: '/data/signet.db' })
    expect(config.audit).toEqual({ kind: 'file', path: '/data/audit.jsonl' })
    expect(config.server.listen).toEqual({ host: undefined, port: 8_080 })
    const image = await readFile('Dockerfile', 'utf8')
    expect(image).toContain('--chown=65532:65532 /data /data')
    expect(image).toMatch(/^VOLUME \["\/data"\]$/m)
  })

  it('keep what several gateways promise on all replicas', async () => {
    const { state, ledger } = (await open('config/examples/several-gateways.yaml')).config
    expect(state).toMatchObject({ kind: 'redis', topology: 'sentinel', masterName: 'signet' })
    expect(ledger).toMatchObject({ durability: 'strict', replicas: 2, gateways: 3 })
  })

  it('listen on loopback alone', async () => {
    const { server } = (await open('config/signet.yaml')).config
    expect([server.listen.host, server.admin.host]).toEqual(['127.0.0.1', '127.0.0.1'])
  })

  it('let the news feed’s people post for themselves, and its server read it all', async () => {
    const { config } = await open('config/examples/news-feed.yaml')
    const rules = (id: string) => config.keys.get(id)?.permissions ?? []
    for (const user of ['alice', 'bob']) {
      expect(new Set(rules(`${user}1`).map(({ prefix }) => prefix))).toEqual(
        new Set([`newsfeed/${user}/`]),
      )
    }
    expect(rules('server1')).toEqual([
      {
        operations: new Set(['download', 'list']),
        buckets: new Set(['posts']),
        prefix: 'newsfeed/',
      },
    ])
  })
})

describe('config/signet.schema.json', () => {
  it('is current: if not, run "signet config schema --write"', async () => {
    expect(await readFile('config/signet.schema.json', 'utf8')).toBe(configJsonSchemaText())
  })

  it('describes every member', () => {
    const missing: string[] = []
    const visit = (node: unknown, path: string) => {
      if (typeof node !== 'object' || node === null) return
      const { properties } = node as { properties?: Record<string, { description?: string }> }
      for (const [name, member] of Object.entries(properties ?? {})) {
        if (member.description === undefined) missing.push(`${path}.${name}`)
      }
      for (const [name, member] of Object.entries(node)) visit(member, `${path}.${name}`)
    }
    visit(JSON.parse(configJsonSchemaText()), '')
    expect(missing).toEqual([])
  })
})
