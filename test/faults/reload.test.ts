import { mkdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openEmbeddedStore } from '../../src/runtime/demo/embedded-store.ts'
import { createEmbeddedKeyPair } from '../support/embedded-key-pairs.ts'
import {
  callOver,
  type GatewayProcess,
  type PreparedGateway,
  prepareGateway,
  startGateway,
} from '../support/gateway-process.ts'
import { eventsIn } from '../support/log-lines.ts'
import { sendPut } from '../support/send-put.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { until } from '../support/until.ts'

/** What a rotated secret may take, with the default of ten seconds between two looks. */
const LIVE_WITHIN_MS = 15_000
const TOKENS = ['first', 'second', 'third', 'fourth'].map(
  (name) => `${name}-admin-token-0123456789abcdef`,
)

let directory: TemporaryDirectory
beforeEach(async () => {
  directory = await openTemporaryDirectory()
})
afterEach(() => directory.close())

const at = (...names: string[]) => join(directory.path, ...names)

/** A configuration file with some members changed, by dotted path. */
async function prepare(changes: Readonly<Record<string, unknown>>): Promise<PreparedGateway> {
  const prepared = await prepareGateway(directory.path, { server: { reloadSeconds: 1 } })
  const settings = JSON.parse(await readFile(prepared.file, 'utf8'))
  for (const [path, value] of Object.entries(changes)) {
    const steps = path.split('.')
    const last = steps.pop() ?? ''
    let place = settings
    for (const step of steps) place = place[step]
    place[last] = value
  }
  await writeFile(prepared.file, JSON.stringify(settings, null, 2))
  return prepared
}

/** Which of these tokens open the admin listener, as statuses. */
async function opens({ adminUrl }: GatewayProcess, ...tokens: string[]): Promise<number[]> {
  const answers = tokens.map((token) =>
    fetch(`${adminUrl}/admin/v1/plans`, { headers: { authorization: `Bearer ${token}` } }),
  )
  return (await Promise.all(answers)).map(({ status }) => status)
}

function told(gateway: GatewayProcess, event: string) {
  return eventsIn([gateway.stderr()], event)
}

function untilReloaded(gateway: GatewayProcess, generation: number): Promise<unknown> {
  const isLive = async () =>
    told(gateway, 'config.reloaded').some((line) => line.generation === generation)
  return until(`generation ${generation} is live`, isLive, LIVE_WITHIN_MS)
}

async function generationOf({ adminUrl }: GatewayProcess): Promise<number> {
  const headers = { authorization: `Bearer ${TEST_ADMIN_TOKEN}` }
  return (await (await fetch(`${adminUrl}/admin/v1/config`, { headers })).json()).generation
}

/** Whether the alarm is on: what the metrics say of the file. */
async function isRefused({ adminUrl }: GatewayProcess): Promise<boolean> {
  const metrics = await (await fetch(`${adminUrl}/metrics`)).text()
  return /^signet_config_refused\{[^}]*\} 1$/m.test(metrics)
}

describe('the files of a running gateway', () => {
  it('R21 a secret is live within 15 s however it is replaced, the one before opens still, and a bad one is an alarm', async () => {
    const [first = '', second = '', third = '', fourth = ''] = TOKENS
    for (const [folder, current, previous] of [
      ['v1', first, 'an-older-admin-token-0123456789abcdef'],
      ['v2', second, first],
    ] as const) {
      await mkdir(at(folder))
      await writeFile(at(folder, 'current'), `${current}\n`)
      await writeFile(at(folder, 'previous'), `${previous}\n`)
    }
    await symlink('v1', at('now'))
    const prepared = await prepare({
      'secrets.adminToken': { current: 'file:./now/current', previous: 'file:./now/previous' },
    })
    await using gateway = await startGateway(prepared)
    expect(await opens(gateway, first, second)).toEqual([200, 401])

    await symlink('v2', at('next'))
    await rename(at('next'), at('now'))
    await untilReloaded(gateway, 2)
    expect(await opens(gateway, first, second)).toEqual([200, 200])

    await writeFile(at('v2', 'new'), third)
    await writeFile(at('v2', 'previous'), second)
    await rename(at('v2', 'new'), at('v2', 'current'))
    await untilReloaded(gateway, 3)
    expect(await opens(gateway, first, second, third)).toEqual([401, 200, 200])
    expect(told(gateway, 'config.refused')).toEqual([])

    for (const bad of ['', 'short', undefined]) {
      if (bad === undefined) await rm(at('v2', 'current'))
      else await writeFile(at('v2', 'current'), bad)
      const before = told(gateway, 'config.problem').length
      const alarm = async () =>
        told(gateway, 'config.problem').length > before && isRefused(gateway)
      await until(`${bad} is an alarm`, alarm, LIVE_WITHIN_MS)
      expect(await opens(gateway, third)).toEqual([200])
    }
    const problems = told(gateway, 'config.problem').map(({ path, message }) => [path, message])
    const path = 'secrets.adminToken'
    expect(problems).toEqual([
      [`${path}.current`, 'is empty'],
      [`${path}.current`, expect.stringContaining('too short')],
      [`${path}.current`, 'names a file that cannot be read'],
    ])

    await writeFile(at('v2', 'previous'), third)
    await writeFile(at('v2', 'current'), fourth.slice(0, 9))
    await writeFile(at('v2', 'current'), fourth)
    await untilReloaded(gateway, 4)
    expect(await opens(gateway, second, third, fourth)).toEqual([401, 200, 200])
    expect(await isRefused(gateway)).toBe(false)
    for (const token of TOKENS) expect(gateway.stderr()).not.toContain(token)
  })

  it('are read at SIGHUP where they are not looked at by themselves, and the process goes on', async () => {
    const prepared = await prepare({ 'server.reloadSeconds': 0 })
    await using gateway = await startGateway(prepared)
    const call = callOver(gateway.url, prepared)
    expect((await call('POST', '/v1/uploads', uploadBody())).status).toBe(201)
    const settings = JSON.parse(await readFile(prepared.file, 'utf8'))
    settings.tenants.acme.keys = []
    await writeFile(prepared.file, JSON.stringify(settings))
    gateway.kill('SIGHUP')
    await untilReloaded(gateway, 2)
    expect((await call('POST', '/v1/uploads', uploadBody())).status).toBe(401)
    gateway.kill('SIGHUP')
    await gateway.said(/"config\.unchanged"/)
    // What is below the level that a file asks for is told no more, and then again.
    for (const level of ['warn', 'info']) {
      await writeFile(prepared.file, JSON.stringify({ ...settings, log: { level } }))
      gateway.kill('SIGHUP')
      const isDone = async () => (await generationOf(gateway)) === (level === 'warn' ? 3 : 4)
      await until(`the level is ${level}`, isDone, LIVE_WITHIN_MS)
    }
    await untilReloaded(gateway, 4)
    expect(told(gateway, 'config.reloaded').map(({ generation }) => generation)).toEqual([2, 4])
    gateway.kill('SIGTERM')
    expect(await gateway.ended).toEqual({ code: 0, signal: null })
  })
})

/** How often a worker goes all the way from link to object and back. */
const ROUNDS = 12

describe('the key pair of a store', () => {
  it('is rotated under load, and no link fails that was used before the old pair was deleted', async () => {
    await using closing = new AsyncDisposableStack()
    const store = await openEmbeddedStore({
      directory: at('store'),
      port: 0,
      bucket: 'media-prod',
      origins: [],
    })
    closing.defer(() => store.close())
    const [before, after] = [createEmbeddedKeyPair(), createEmbeddedKeyPair()]
    const write = async (pair: typeof before) => {
      await writeFile(at('id'), pair.accessKeyId)
      await writeFile(at('secret'), pair.secretAccessKey)
    }
    await write(before)
    const prepared = await prepare({
      'stores.main.endpoint': store.url,
      'stores.main.credentials': { accessKeyId: 'file:./id', secretAccessKey: 'file:./secret' },
    })
    await using gateway = await startGateway(prepared)
    const call = callOver(gateway.url, prepared)

    const create = async (name: string) => {
      const body = uploadBody({ key: `acme/alice/${name}`, sizeBytes: 3 })
      return (await call('POST', '/v1/uploads', body)).json()
    }
    const download = async (name: string) => {
      const body = { bucket: 'media', key: `acme/alice/${name}` }
      return (await call('POST', '/v1/downloads', body)).json()
    }
    const put = ({ request }: Awaited<ReturnType<typeof create>>) =>
      sendPut(request, { body: 'abc' })
    const get = async ({ request }: { request: { url: string } }) =>
      (await fetch(request.url)).status

    const wrong: unknown[] = []
    let rounds = 0
    let stopped = false
    const work = async (worker: number) => {
      for (let round = 0; !stopped; round += 1) {
        const name = `${worker}-${round}`
        const upload = await create(name)
        const steps = [await put(upload)]
        steps.push((await call('POST', `/v1/uploads/${upload.id}/complete`)).status)
        steps.push(await get(await download(name)))
        if (steps.some((status) => status !== 200)) wrong.push([name, steps])
        rounds += 1
      }
    }
    const workers = [0, 1, 2].map(work)
    const more = (what: string) => {
      const enough = rounds + ROUNDS
      return until(what, async () => rounds >= enough)
    }
    await more('rounds by the old pair')
    const held = { upload: await create('held'), download: await download('0-0') }
    await write(after)
    await gateway.said(/"config\.reloaded"/)
    await more('rounds by the new pair while both are there')
    expect([await put(held.upload), await get(held.download)]).toEqual([200, 200])
    before.revoke()
    await more('rounds by the new pair alone')
    stopped = true
    await Promise.all(workers)
    expect(wrong).toEqual([])
    expect(await get(held.download)).toBe(403)
    expect(gateway.stderr()).not.toContain(after.secretAccessKey)
  })
})
