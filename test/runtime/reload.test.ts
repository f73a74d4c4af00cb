import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createApiKey, hashApiKey } from '../../src/auth/api-key.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { parseYamlTree } from '../../src/config/yaml-tree.ts'
import { createPinning } from '../../src/gateway/pinned-context.ts'
import { createAdminApp } from '../../src/http/create-admin-app.ts'
import { createApp } from '../../src/http/create-app.ts'
import { createLogger } from '../../src/log.ts'
import { readConfigFiles } from '../../src/runtime/config-files.ts'
import { type EmbeddedStore, openEmbeddedStore } from '../../src/runtime/demo/embedded-store.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { openContext } from '../../src/runtime/open-context.ts'
import { createReload } from '../../src/runtime/reload.ts'
import type { Taken } from '../../src/runtime/watch-config.ts'
import { Secret } from '../../src/secret.ts'
import { keyCalls } from '../http/key-calls.ts'
import { createEmbeddedKeyPair, type EmbeddedKeyPair } from '../support/embedded-key-pairs.ts'
import { type PreparedGateway, prepareGateway } from '../support/gateway-process.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'
import { TestClock } from '../support/test-clock.ts'
import { TEST_ADMIN_TOKEN, TEST_PEPPER, TEST_TICKET_KEY } from '../support/test-config.ts'
import { uploadBody } from '../support/test-gateway.ts'

const NEW = 'a-new-secret-0123456789abcdefghijklmnop'

let directory: TemporaryDirectory
let closing: AsyncDisposableStack
let prepared: PreparedGateway
let opened: Awaited<ReturnType<typeof open>>

beforeEach(async () => {
  directory = await openTemporaryDirectory()
  prepared = await prepareGateway(directory.path, {}, { state: 'memory:' })
  opened = await open()
})
afterEach(async () => {
  await closing.disposeAsync()
  await directory.close()
})

/** A gateway of a file, and what takes that file anew. */
async function open() {
  const { file } = prepared
  const env = {}
  const clock = new TestClock(Date.now())
  const files = readConfigFiles()
  const sources = { env, readText: files.readText, hashing: nodeHashing }
  const { config, secrets } = await loadConfig(await files.readText(file), file, sources)
  closing = new AsyncDisposableStack()
  const log: Record<string, unknown>[] = []
  const audited: { event: string; resource?: string | undefined }[] = []
  const sink = { fails: false }
  const context = await openContext(config, secrets, closing, {
    clock,
    log: createLogger({ write: (line) => log.push(JSON.parse(line)), clock }),
    audit: {
      async append({ event, resource }) {
        if (sink.fails) throw new Error('the disk is full')
        audited.push({ event, resource })
      },
      query: () => Promise.reject(new Error('nobody asks')),
      async close() {},
    },
  })
  context.lifecycle.state = 'ready'
  let reconfigured = 0
  const take = createReload({ context, file, env, onReloaded: () => (reconfigured += 1) })
  return {
    context,
    clock,
    log,
    audited,
    sink,
    app: createApp(context),
    admin: createAdminApp(context),
    reconfigured: () => reconfigured,
    reload: () => take(readConfigFiles()),
  }
}

/** Members to change in the file, by dotted path. */
async function rewrite(changes: Readonly<Record<string, unknown>>): Promise<void> {
  const settings = JSON.parse(await readFile(prepared.file, 'utf8'))
  for (const [path, value] of Object.entries(changes)) {
    const steps = path.split('.')
    const last = steps.pop() ?? ''
    let at = settings
    for (const step of steps) at = at[step] ??= {}
    at[last] = value
  }
  await writeFile(prepared.file, JSON.stringify(settings, null, 2))
}

/** Changes the file and takes it; answers what became of it. */
async function reloadWith(changes: Readonly<Record<string, unknown>>): Promise<Taken> {
  await rewrite(changes)
  return opened.reload()
}

async function create(apiKey = prepared.apiKey, changes = {}): Promise<Response> {
  return opened.app.request('/v1/uploads', {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(uploadBody({ key: `acme/alice/${crypto.randomUUID()}`, ...changes })),
  })
}

async function ask(path: string, token = TEST_ADMIN_TOKEN): Promise<Response> {
  return opened.admin.request(path, { headers: { authorization: `Bearer ${token}` } })
}

/** `line:column` of a member in the file. */
async function placeOf(path: string): Promise<string> {
  const { locate } = parseYamlTree(await readFile(prepared.file, 'utf8'))
  const { line, column } = locate(path.split('.'), 'value')
  expect(line).toBeGreaterThan(1)
  return `${line}:${column}`
}

const status = async () => (await ask('/admin/v1/config')).json()
const told = (event: string) => opened.log.filter((line) => line.event === event)

describe('a configuration that is read anew', () => {
  it('is in force with the next request, all of it at once', async () => {
    const settings = JSON.parse(await readFile(prepared.file, 'utf8'))
    const rule = settings.tenants.acme.keys[0]
    expect((await create(prepared.apiKey, { contentType: 'image/png' })).status).toBe(201)
    const upload = { ...settings.buckets.media.upload, contentTypes: ['image/jpeg'] }
    expect(
      await reloadWith({
        'buckets.media.upload': upload,
        'server.cors': { origins: ['https://a.example'] },
      }),
    ).toBe('used')
    expect((await create(prepared.apiKey, { contentType: 'image/png' })).status).toBe(415)
    expect((await create()).status).toBe(201)
    const page = await opened.app.request('/v1/usage', { headers: { origin: 'https://a.example' } })
    expect(page.headers.get('access-control-allow-origin')).toBe('https://a.example')
    expect(told('config.reloaded')).toMatchObject([
      { generation: 2, changed: ['server.cors', 'buckets.media'] },
    ])
    expect(await reloadWith({ 'tenants.acme.keys': [] })).toBe('used')
    expect((await create()).status).toBe(401)
    expect(await reloadWith({ 'tenants.acme.keys': [rule] })).toBe('used')
    expect((await create()).status).toBe(201)
    // The same key with other rules.
    const narrow = { ...rule, allow: [{ ...rule.allow[0], networks: ['192.0.2.0/24'] }] }
    expect(await reloadWith({ 'tenants.acme.keys': [narrow] })).toBe('used')
    expect((await create()).status).toBe(403)
    expect(await reloadWith({ 'tenants.acme.keys': [rule] })).toBe('used')
    expect((await create()).status).toBe(201)
    expect(opened.reconfigured()).toBe(5)
  })

  it('is what a request that has begun does not see', async () => {
    const pin = createPinning(() => opened.context)
    const before = pin()
    await reloadWith({ 'plans.other': { rates: [], quotas: [] }, 'server.drainSeconds': 3 })
    expect(before.config.plans.has('other')).toBe(false)
    expect(pin().config.plans.has('other')).toBe(true)
  })

  it('says what happened: to operators, in metrics, and to the audit log', async () => {
    expect(await status()).toEqual({
      generation: 1,
      loadedAt: expect.any(String),
      needsRestart: [],
      problems: [],
      directory: { problems: [] },
    })
    const loadedAt = (await status()).loadedAt
    opened.clock.advance(5_000)
    await reloadWith({ 'server.drainSeconds': 3 })
    expect(await status()).toMatchObject({ generation: 2, needsRestart: [], problems: [] })
    expect((await status()).loadedAt).not.toBe(loadedAt)
    expect(opened.audited).toEqual([{ event: 'config.reloaded', resource: 'config/2' }])
    const metrics = await (await opened.admin.request('/metrics')).text()
    expect(metrics).toContain(
      'signet_config_reads_total{outcome="reloaded",otel_scope_name="signet"} 1',
    )
    expect(metrics).toContain('signet_config_generation{otel_scope_name="signet"} 2')
    expect(metrics).toContain('signet_config_refused{otel_scope_name="signet"} 0')
  })

  it('is no other one when it says the same in other words', async () => {
    const { config, live } = opened.context
    const { tenants } = live.file
    await writeFile(prepared.file, `# the same\n${await readFile(prepared.file, 'utf8')}\n`)
    expect(await opened.reload()).toBe('used')
    expect((await status()).generation).toBe(1)
    expect([opened.context.config === config, live.file.tenants === tenants]).toEqual([true, true])
    expect([told('config.unchanged').length, opened.reconfigured()]).toEqual([1, 0])
  })

  it('leaves what it does not change the same objects, which others know it by', async () => {
    const { stores, buckets, tenants } = opened.context.live.file
    await reloadWith({ 'plans.other': { rates: [], quotas: [] } })
    const { file } = opened.context.live
    expect(file.stores === stores && file.buckets === buckets && file.tenants === tenants).toBe(
      true,
    )
  })

  it('is asked of a store at another address as of one that nobody has seen', async () => {
    const { storeHealth, config } = opened.context
    const [store] = config.stores.values()
    if (store === undefined) throw new Error('no store')
    for (let failures = 0; failures < 5; failures += 1) {
      const visit = await storeHealth.visit(store, { background: false, patienceMs: 0 })
      visit.ended({ failed: true })
    }
    expect(storeHealth.of('main').breaker).toBe('open')
    await reloadWith({ 'stores.main.endpoint': 'http://127.0.0.1:10' })
    expect(storeHealth.of('main').breaker).toBe('closed')
  })

  it('is in force although nobody can record it', async () => {
    opened.sink.fails = true
    expect(await reloadWith({ 'tenants.acme.keys': [] })).toBe('used')
    expect((await create()).status).toBe(401)
    expect(told('config.not_recorded')).toHaveLength(1)
  })
})

describe('a configuration that cannot be used', () => {
  it('changes nothing, and each of its problems is told', async () => {
    await rewrite({ 'tenants.acme.keys': [], 'plans.test.rates': 'none', sever: {} })
    expect(await opened.reload()).toBe('refused')
    expect((await create()).status).toBe(201)
    const problems = [
      { line: expect.any(Number), path: 'plans.test.rates', message: 'must be a list' },
      { line: expect.any(Number), path: 'sever', message: expect.stringContaining('server') },
    ]
    expect(told('config.problem')).toMatchObject(problems)
    expect(told('config.refused')).toMatchObject([{ level: 'error', problems: 2, generation: 1 }])
    expect(await status()).toMatchObject({
      generation: 1,
      refusedAt: expect.any(String),
      problems,
    })
    expect(opened.audited).toContainEqual({ event: 'config.refused', resource: 'config/1' })
    const metrics = await (await opened.admin.request('/metrics')).text()
    expect(metrics).toContain('signet_config_refused{otel_scope_name="signet"} 1')
    expect(opened.reconfigured()).toBe(0)
  })

  it.each([
    ['is empty', ''],
    ['is half written', '{"server": {'],
    ['is gone', undefined],
  ])('is one whose file %s, and is forgotten once the file is good again', async (_, text) => {
    const good = await readFile(prepared.file, 'utf8')
    const { file } = prepared
    if (text === undefined) await rm(file)
    else await writeFile(file, text)
    expect(await opened.reload()).toBe('refused')
    expect((await status()).problems).not.toEqual([])
    expect((await create()).status).toBe(201)
    await writeFile(file, good)
    expect(await opened.reload()).toBe('used')
    const now = await status()
    expect([now.problems, now.refusedAt, now.generation]).toEqual([[], undefined, 1])
  })

  it('is one that drops a secret in use, and none of it is told', async () => {
    expect(await reloadWith({ 'secrets.ticketKey': NEW, 'secrets.pepper': `${NEW}-2` })).toBe(
      'refused',
    )
    expect((await status()).problems.map(({ path }: { path: string }) => path)).toEqual([
      'secrets.pepper',
      'secrets.ticketKey',
    ])
    for (const { path, line, column } of (await status()).problems) {
      expect(`${line}:${column}`).toBe(await placeOf(path))
    }
    const said = JSON.stringify([opened.log, await status()])
    for (const secret of [NEW, TEST_PEPPER, TEST_TICKET_KEY]) expect(said).not.toContain(secret)
  })
})

describe('what needs a restart', () => {
  it('is named and stays as it was, while the rest comes into force', async () => {
    const { listen } = opened.context.config.server
    expect(
      await reloadWith({
        'server.listen': '127.0.0.1:8099',
        state: 'sqlite:./other.db',
        'tenants.acme.keys': [],
      }),
    ).toBe('used')
    expect((await create()).status).toBe(401)
    expect(opened.context.config.server.listen).toBe(listen)
    expect(opened.context.config.state).toEqual({ kind: 'memory' })
    expect((await status()).needsRestart).toEqual(['server.listen', 'state'])
    expect(told('config.needs_restart')).toMatchObject([{ settings: ['server.listen', 'state'] }])
    await reloadWith({ 'server.listen': '127.0.0.1:0', state: 'memory:' })
    expect((await status()).needsRestart).toEqual([])
  })
})

describe('a secret that is rotated', () => {
  it('opens with both admin tokens while both are there, and then with the new one', async () => {
    const statuses = async () =>
      Promise.all(
        [TEST_ADMIN_TOKEN, NEW].map(async (token) => (await ask('/admin/v1/plans', token)).status),
      )
    expect(await statuses()).toEqual([200, 401])
    await reloadWith({ 'secrets.adminToken': { current: NEW, previous: TEST_ADMIN_TOKEN } })
    expect(await statuses()).toEqual([200, 200])
    await reloadWith({ 'secrets.adminToken': { current: NEW, version: 2 } })
    expect(await statuses()).toEqual([401, 200])
  })

  it('takes keys that were made with either pepper', async () => {
    const random = (length: number) => crypto.getRandomValues(new Uint8Array(length))
    const key = createApiKey(random, 'second')
    const hash = hashApiKey(nodeHashing, { version: 2, secret: new Secret(NEW) }, key)
    const settings = JSON.parse(await readFile(prepared.file, 'utf8'))
    const [first] = settings.tenants.acme.keys
    const second = { ...first, id: 'second', hash }
    expect(
      await reloadWith({
        'secrets.pepper': { current: NEW, previous: TEST_PEPPER },
        'tenants.acme.keys': [first, second],
      }),
    ).toBe('used')
    expect((await create()).status).toBe(201)
    expect((await create(key.reveal())).status).toBe(201)
  })

  it('keeps a pepper as long as a key of the admin API hangs on it, and then lets it go', async () => {
    const keys = keyCalls(opened)
    const made = await keys.create('made')
    const revoked = await keys.create('revoked')
    const both = { current: NEW, previous: TEST_PEPPER }
    expect(await reloadWith({ 'secrets.pepper': both, 'tenants.acme.keys': [] })).toBe('used')
    const alone = { 'secrets.pepper': { current: NEW, version: 2 } }
    expect(await reloadWith(alone)).toBe('later')
    const counted = (count: number) => [
      { path: 'secrets.pepper', message: expect.stringContaining(`hang on it still (${count})`) },
    ]
    expect((await status()).problems).toMatchObject(counted(2))
    await keys.call('DELETE', '/tenants/acme/keys/revoked')
    expect(await opened.reload()).toBe('later')
    expect((await status()).problems).toMatchObject(counted(1))
    expect(told('config.problem')).toHaveLength(1)
    expect(await keys.status(made.secret)).toBe(200)
    expect(await keys.status(revoked.secret)).toBe(401)
    const rotated = await keys.rotate('made', 60)
    expect(await opened.reload()).toBe('later')
    opened.clock.advance(60_000)
    expect(await opened.reload()).toBe('used')
    expect(await keys.status(rotated.secret)).toBe(200)
    expect((await status()).problems).toEqual([])
  })

  it('warns of a ticket key before that is gone', async () => {
    await reloadWith({ 'secrets.ticketKey': { current: NEW, previous: TEST_TICKET_KEY } })
    expect(told('config.warning')).toEqual([])
    await reloadWith({ 'secrets.ticketKey': { current: NEW, version: 2 } })
    expect(told('config.warning')).toMatchObject([
      { path: 'secrets.ticketKey', message: expect.stringContaining('uploads under way') },
    ])
  })

  it('keeps uploads whose tickets were sealed with the ticket key before, and their cursors', async () => {
    const headers = { authorization: `Bearer ${prepared.apiKey}` }
    const list = async (cursor = '') =>
      (await opened.app.request(`/v1/uploads?limit=1${cursor}`, { headers })).json()
    const first = await (await create()).json()
    await create()
    const { nextCursor } = await list()
    await reloadWith({ 'secrets.ticketKey': { current: NEW, previous: TEST_TICKET_KEY } })
    expect((await list(`&cursor=${nextCursor}`)).uploads).toHaveLength(1)
    const aborted = await opened.app.request(`/v1/uploads/${first.id}`, {
      method: 'DELETE',
      headers,
    })
    expect(aborted.status).toBeLessThan(300)
  })
})

describe('the key pair of a store, replaced', () => {
  let store: EmbeddedStore
  beforeEach(async () => {
    store = await openEmbeddedStore({
      directory: join(directory.path, 'store'),
      port: 0,
      bucket: 'media-prod',
      origins: [],
    })
    await reloadWith({ 'stores.main.endpoint': store.url, 'stores.main.credentials': inFile(good) })
  })
  afterEach(() => store.close())

  const good = createEmbeddedKeyPair()
  const inFile = ({
    accessKeyId,
    secretAccessKey,
  }: Omit<EmbeddedKeyPair, 'revoke' | 'restore'>) => ({
    accessKeyId,
    secretAccessKey,
  })
  const signedBy = async () => (await (await create()).json()).request.url.split('Credential=')[1]

  it('is not signed with before the store takes it, which is tried again and told once', async () => {
    const next = createEmbeddedKeyPair()
    next.revoke()
    expect(await reloadWith({ 'stores.main.credentials': inFile(next) })).toBe('later')
    expect(await opened.reload()).toBe('later')
    expect(await signedBy()).toMatch(`${good.accessKeyId}%2F`)
    expect(told('config.problem')).toMatchObject([
      {
        path: 'stores.main.credentials',
        message: 'does not work for write, read, manage: the store says InvalidAccessKeyId',
      },
    ])
    const [{ line, column } = {}] = told('config.problem')
    expect(`${line}:${column}`).toBe(await placeOf('stores.main.credentials'))
    next.restore()
    expect(await opened.reload()).toBe('used')
    expect(await signedBy()).toMatch(`${next.accessKeyId}%2F`)
    expect((await status()).problems).toEqual([])
  })

  it('is named by what it is for, and its secret is told to nobody', async () => {
    const next = createEmbeddedKeyPair()
    const wrong = { ...inFile(next), secretAccessKey: 'canary-of-a-wrong-secret' }
    const credentials = { write: wrong, read: inFile(next), manage: inFile(good) }
    expect(await reloadWith({ 'stores.main.credentials': credentials })).toBe('later')
    expect((await status()).problems).toMatchObject([
      { message: 'does not work for write: the store says SignatureDoesNotMatch' },
    ])
    expect(JSON.stringify([opened.log, await status()])).not.toContain('canary-of-a-wrong')
  })

  it('is signed with all the same where the old one does not work either, or nobody answers', async () => {
    const [old, next] = [createEmbeddedKeyPair(), createEmbeddedKeyPair()]
    await reloadWith({ 'stores.main.credentials': inFile(old) })
    old.revoke()
    next.revoke()
    expect(await reloadWith({ 'stores.main.credentials': inFile(next) })).toBe('used')
    await store.close()
    expect(await reloadWith({ 'stores.main.credentials': inFile(good) })).toBe('used')
  })
})
