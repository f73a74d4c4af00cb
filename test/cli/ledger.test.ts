import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { type MemoryState, newMemoryState, openMemoryLedger } from '../../src/ledger/memory.ts'
import { listenNode } from '../../src/runtime/listen-node.ts'
import { type ListeningGateway, openListeningGateway } from '../http/listening-gateway.ts'
import { runCommand } from '../support/run-command.ts'
import { TestClock } from '../support/test-clock.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { adminConfig } from './ask-gateway.ts'

const OTHER_TOKEN = 'An0ther-token-for-tests-5c1d9a7e3b2f6048'

describe('signet ledger audit and repair', () => {
  let gateway: ListeningGateway
  let state: MemoryState
  let asked: { url: string; authorization: string | null }[]
  beforeEach(async () => {
    state = newMemoryState()
    const clock = new TestClock()
    gateway = await openListeningGateway({
      clock,
      overrides: { ledger: openMemoryLedger({ clock, state }) },
    })
    asked = []
  })
  afterEach(() => gateway.close())

  const config = (admin = `127.0.0.1:${gateway.adminPort}`) => adminConfig(admin)

  async function run(
    args: readonly string[],
    { files = {}, env = {} }: { files?: Record<string, string>; env?: Record<string, string> } = {},
  ) {
    return runCommand(['ledger', ...args], {
      env: { SIGNET_ADMIN_TOKEN: TEST_ADMIN_TOKEN, ...env },
      files: { 'config/signet.yaml': config(), ...files },
      fetch(url, init) {
        asked.push({ url, authorization: new Headers(init.headers).get('authorization') })
        return fetch(url, init)
      },
    })
  }

  async function upload(): Promise<string> {
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody())
    return ((await answer.json()) as { id: string }).id
  }
  function bend(): void {
    const [id = '', before = []] = [...state.subjects].find(([name]) => name.startsWith('u')) ?? []
    state.subjects.set(id, before.with(-1, 5))
  }

  it('0: says ok for a ledger in which nothing is wrong, and what it looked at', async () => {
    await upload()
    const { code, stdout, stderr } = await run(['audit'])
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      /^1 pending and 0 condemned reservations, 2 subjects in 1 partitions, at 2026-.*\nok\n$/,
    )
  })

  it('1: names what is wrong in columns, and what to do', async () => {
    const id = await upload()
    bend()
    state.due.delete(id)
    const { code, stdout } = await run(['audit'])
    expect(code).toBe(1)
    const lines = stdout.split('\n').map((line) => line.trim().split(/ {2,}/))
    expect(lines).toContainEqual(['subject', 'policy', 'window', 'pending', 'held'])
    expect(lines).toContainEqual(['acme/alice', 'user-pending', '0', '5', '1'])
    expect(lines).toContainEqual([id, 'missing'])
    expect(stdout).toContain('signet ledger repair')
    expect(await run(['audit'])).toMatchObject({ code: 1 })
  })

  it.each([[['repair']], [['audit', '--repair']]])(
    '0: %j mends it, says what, and the next audit is ok',
    async (args) => {
      state.due.delete(await upload())
      bend()
      const { code, stdout } = await run(args)
      expect(code).toBe(0)
      expect(stdout.match(/ {2}repaired\n/g)).toHaveLength(2)
      expect(stdout).toMatch(/ok\n$/)
      expect(await run(['audit'])).toMatchObject({ code: 0 })
    },
  )

  it('1: what a repair cannot mend', async () => {
    await upload()
    const [id = ''] = [...state.subjects.keys()]
    state.subjects.set(id, [1, 0, 7])
    const { code, stdout } = await run(['repair'])
    expect(code).toBe(1)
    expect(stdout).toContain(`subject ${id}`)
    expect(state.subjects.get(id)).toEqual([1, 0, 7])
  })

  it('prints the report as one line of JSON, with --json', async () => {
    await upload()
    bend()
    const { code, stdout } = await run(['audit', '--json'])
    expect(code).toBe(1)
    expect(stdout).toMatch(/^\{.*\}\n$/)
    expect(JSON.parse(stdout)).toMatchObject({ clean: false, found: { drifts: 1 } })
  })

  it('1: --stored asks the stores as well, and says which does not answer', async () => {
    const { code, stdout, stderr } = await run(['audit', '--stored'])
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^The gateway at http:\S+ answers 503 StoreUnavailable: /)
  })

  it('finds the configuration by name, by SIGNET_CONFIG, or where it usually is', async () => {
    const files = { 'a.yaml': config(), 'config/signet.yaml': 'nothing' }
    expect(await run(['audit', 'a.yaml'], { files })).toMatchObject({ code: 0 })
    expect(await run(['audit'], { files, env: { SIGNET_CONFIG: 'a.yaml' } })).toMatchObject({
      code: 0,
    })
    expect(await run(['audit'])).toMatchObject({ code: 0 })
    expect(await run(['audit', 'b.yaml'])).toMatchObject({
      code: 1,
      stderr: 'Cannot read b.yaml, where the admin token should be\n',
    })
  })

  it('asks a port of every interface on this machine, and another address with --url', async () => {
    const port = gateway.adminPort
    for (const admin of [`:${port}`, `0.0.0.0:${port}`, `[::]:${port}`]) {
      const files = { 'config/signet.yaml': config(admin) }
      expect(await run(['audit'], { files })).toMatchObject({ code: 0 })
    }
    const files = { 'config/signet.yaml': config('127.0.0.1:0') }
    expect(await run(['audit'], { files })).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('give --url'),
    })
    const url = `http://127.0.0.1:${port}`
    expect(await run(['audit', '--url', url], { files })).toMatchObject({ code: 0 })
    expect(new Set(asked.map((each) => each.url))).toEqual(
      new Set([`${url}/admin/v1/ledger/audit`]),
    )
  })

  it('1: every problem of the two settings that it needs, and none of the others', async () => {
    const text = 'server: { admin: nowhere }\nsecrets: { adminToken: short }\n'
    const { code, stderr } = await run(['audit', 'a.yaml'], { files: { 'a.yaml': text } })
    expect(code).toBe(1)
    expect(stderr).toMatch(/server\.admin: must be host:port/)
    expect(stderr).toMatch(/secrets\.adminToken: is too short/)
    expect(stderr).not.toMatch(/pepper|stores/)
    expect(asked).toEqual([])
  })

  it('1: a gateway that is away, and one that has another token; the token is never shown', async () => {
    const away = await run(['audit', '--url', 'http://127.0.0.1:9'])
    expect(away).toMatchObject({ code: 1, stdout: '' })
    expect(away.stderr).toMatch(/^The gateway at http:\/\/127\.0\.0\.1:9 does not answer/)
    const other = await run(['audit'], { env: { SIGNET_ADMIN_TOKEN: OTHER_TOKEN } })
    expect(other).toMatchObject({ code: 1, stdout: '' })
    expect(other.stderr).toContain('401 Unauthenticated')
    const strange = await run(['audit', '--url', `http://127.0.0.1:${gateway.port}`])
    expect(strange).toMatchObject({ code: 1, stdout: '' })
    for (const { stderr } of [away, other, strange]) {
      expect(stderr).not.toContain(OTHER_TOKEN)
      expect(stderr).not.toContain(TEST_ADMIN_TOKEN)
    }
  })

  it('1: why the ledger does not answer, which callers are not told', async () => {
    const why = 'its data is gone or was never there: run "signet ledger init"'
    const error = new GatewayError('LedgerUnavailable', 'Cannot decide', { facts: { why } })
    gateway.context.ledger.audit = () => Promise.reject(error)
    gateway.context.ledger.admit = () => Promise.reject(error)
    const { code, stderr } = await run(['audit'])
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining(`503 LedgerUnavailable: Cannot decide: ${why}\n`),
    ])
    const answer = await gateway.call('POST', '/v1/uploads', uploadBody())
    expect(await answer.json()).toMatchObject({ status: 503, detail: 'Cannot decide' })
  })

  it('follows no redirect with the token', async () => {
    const { server } = gateway.context.config
    const target = `http://127.0.0.1:${gateway.adminPort}/admin/v1/ledger/audit`
    const stranger = await listenNode(
      () => Response.redirect(target, 307),
      { host: '127.0.0.1', port: 0 },
      server,
    )
    try {
      const url = `http://127.0.0.1:${stranger.address.port}`
      const { code, stdout, stderr } = await run(['audit', '--url', url])
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toContain('does not answer')
    } finally {
      await stranger.stop(0)
    }
  })
})
