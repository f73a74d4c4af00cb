import { describe, expect, it } from 'vitest'
import { parseApiKey } from '../../src/auth/api-key.ts'
import { runCli } from '../../src/cli/cli.ts'
import type { CliIo, ExitCode } from '../../src/cli/cli-io.ts'
import { configJsonSchemaText } from '../../src/config/json-schema.ts'
import { initRedis } from '../../src/runtime/init-redis.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import { authenticatorOf, bytesFrom } from '../auth/auth-fixture.ts'
import { CANARIES, configText } from '../config/config-fixture.ts'

interface World {
  readonly env?: Record<string, string>
  readonly files?: Record<string, string>
}

interface Run {
  readonly code: ExitCode
  readonly stdout: string
  readonly stderr: string
  readonly written: Record<string, string>
}

async function run(args: readonly string[], { env = {}, files = {} }: World = {}): Promise<Run> {
  const output = { stdout: '', stderr: '' }
  const written: Record<string, string> = {}
  const io: CliIo = {
    env,
    fetch: () => Promise.reject(new Error('no network')),
    hashing: nodeHashing,
    random: bytesFrom(args.join(' ')),
    version: '1.2.3',
    initLedger: initRedis,
    stdout(text) {
      output.stdout += text
    },
    stderr(text) {
      output.stderr += text
    },
    readText(path) {
      const text = files[path]
      return text === undefined ? Promise.reject(new Error('ENOENT')) : Promise.resolve(text)
    },
    writeText(path, text) {
      written[path] = text
      return Promise.resolve()
    },
  }
  const code = await runCli(args, io)
  return { code, ...output, written }
}

describe('the command line', () => {
  it.each([[[]], [['--help']], [['-h']], [['help']]])('%j lists all commands', async (args) => {
    const { code, stdout } = await run(args)
    expect(code).toBe(0)
    for (const name of ['config check FILE', 'config schema', 'keys create', 'ledger audit']) {
      expect(stdout).toContain(`signet ${name}`)
    }
  })

  it.each([
    ['config', 'check'],
    ['config', 'schema'],
    ['keys', 'create'],
    ['ledger', 'audit'],
    ['ledger', 'repair'],
  ])('explains %s %s and does nothing', async (...command) => {
    const { code, stdout, written } = await run([...command, '--write', '--help'])
    expect(code).toBe(0)
    expect(stdout).toContain(`Usage: signet ${command.join(' ')} `)
    expect(written).toEqual({})
  })

  it('tells its version', async () => {
    expect(await run(['--version'])).toMatchObject({ code: 0, stdout: '1.2.3\n' })
  })

  it('exits with 2 for a command that it does not know, and says which was meant', async () => {
    const { code, stdout, stderr } = await run(['config', 'chekc', 'x'])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toBe(
      'Unknown command "config chekc", did you mean "config check"?\nTry: signet --help\n',
    )
    expect((await run(['frobnicate'])).stderr).toContain('Unknown command "frobnicate"\n')
  })

  it('exits with 2 for half a command, and lists the ways to go on', async () => {
    const { code, stderr } = await run(['config'])
    expect(code).toBe(2)
    expect(stderr).toContain('signet config check FILE')
    expect(stderr).not.toContain('keys create')
  })

  it.each([
    [['config', 'check'], 'Which file?'],
    [['config', 'check', 'a', 'b'], 'Unexpected argument "b"'],
    [['config', 'schema', '--wirte'], "Unknown option '--wirte'"],
    [['keys', 'create'], 'Which id? Give --id'],
    [['keys', 'create', '--id', 'k_1'], 'The id must be 1 to 64 letters and digits'],
    [['ledger', 'audit', 'a', 'b'], 'Unexpected argument "b"'],
    [['ledger', 'repair', '--repair'], "Unknown option '--repair'"],
    [['ledger', 'audit', '--url', 'localhost:9090'], '--url must be an origin'],
    [['keys', 'create', '--id'], "Option '--id <value>' argument missing"],
  ])('exits with 2 for %j', async (args, message) => {
    const { code, stderr } = await run(args)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain('Usage: signet ')
  })
})

describe('config check', () => {
  it('prints ok and exits with 0', async () => {
    const files = { 'signet.yaml': configText() }
    expect(await run(['config', 'check', 'signet.yaml'], { files })).toMatchObject({
      code: 0,
      stdout: 'ok\n',
      stderr: '',
    })
  })

  it('prints every problem, one line each, and exits with 1', async () => {
    const files = {
      'conf/signet.yaml': configText({ 'server.lisen': 1, 'buckets.media.keys': {}, state: 'x:' }),
    }
    const { code, stdout } = await run(['config', 'check', 'conf/signet.yaml'], { files })
    expect(code).toBe(1)
    const lines = stdout.trimEnd().split('\n')
    expect(lines).toHaveLength(3)
    for (const line of lines) expect(line).toMatch(/^conf\/signet\.yaml:\d+:\d+ [a-z.]+: /)
  })

  it('prints warnings and exits with 0', async () => {
    const files = { f: configText({ tenants: {} }) }
    const { code, stdout } = await run(['config', 'check', 'f'], { files })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^f:\d+:\d+ tenants: has nobody in it: .* \(warning\)\nok\n$/)
  })

  it('prints no secret', async () => {
    const files = { f: configText({ 'buckets.media.keys': {}, state: 'x:' }) }
    const { stdout, stderr } = await run(['config', 'check', 'f'], { files })
    for (const canary of Object.values(CANARIES)) expect(stdout + stderr).not.toContain(canary)
  })

  it('exits with 1 for a file that is not there', async () => {
    expect(await run(['config', 'check', 'f'])).toMatchObject({
      code: 1,
      stdout: 'Cannot read f\n',
    })
  })
})

describe('config schema', () => {
  it('prints the JSON Schema, or writes it to its place', async () => {
    expect(await run(['config', 'schema'])).toMatchObject({
      code: 0,
      stdout: configJsonSchemaText(),
      written: {},
    })
    expect(await run(['config', 'schema', '--write'])).toMatchObject({
      code: 0,
      stdout: '',
      written: { 'config/signet.schema.json': configJsonSchemaText() },
    })
  })
})

describe('keys create', () => {
  const PEPPER = 'pepper-from-the-environment-0123456789'
  const json = ['keys', 'create', '--id', 'k1', '--json']

  function works(text: string, pepper: { version: number; text: string }): void {
    const { id, secret, hash } = JSON.parse(text)
    const record = {
      id,
      tenant: 'acme',
      user: 'alice',
      hashes: [{ hash }],
      permissions: [],
      source: 'configuration' as const,
    }
    const authenticate = authenticatorOf({
      keys: new Map([[id, record]]),
      peppers: { current: { version: pepper.version, secret: new Secret(pepper.text) } },
    })
    const presented = { hasQueryCredential: false, hasOtherCredential: false }
    expect(authenticate({ ...presented, authorization: `Bearer ${secret}` }).keyId).toBe('k1')
    expect(parseApiKey(secret)?.id).toBe('k1')
  }

  it('prints id, secret and hash as one line of JSON, which authenticate', async () => {
    const { code, stdout, stderr } = await run(json, { env: { SIGNET_PEPPER: PEPPER } })
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(Object.keys(JSON.parse(stdout))).toEqual(['id', 'secret', 'hash'])
    works(stdout, { version: 1, text: PEPPER })
  })

  it('shows people how to paste it', async () => {
    const { stdout } = await run(json.slice(0, -1), { env: { SIGNET_PEPPER: PEPPER } })
    expect(stdout).toMatch(/signet_k1_[\w-]{43}_[0-9A-Za-z]{6}/)
    expect(stdout).toMatch(/ {2}- id: k1\n {4}user: <user>\n {4}hash: v1:[\w-]{43}\n/)
  })

  it('takes the pepper of the configuration, with its version, whatever else is missing there', async () => {
    const pepper = { current: PEPPER, previous: `old-${PEPPER}`, version: 4 }
    const text = configText({ 'secrets.pepper': pepper, stores: undefined, tenants: 'none yet' })
    for (const world of [
      { files: { 'config/signet.yaml': text } },
      { files: { mine: text }, env: { SIGNET_CONFIG: 'mine', SIGNET_PEPPER: `other-${PEPPER}` } },
    ]) {
      const { code, stdout } = await run(json, world)
      expect(code).toBe(0)
      works(stdout, { version: 4, text: PEPPER })
    }
    const { stdout } = await run([...json, '--config', 'mine'], {
      files: { mine: text, 'config/signet.yaml': configText() },
    })
    works(stdout, { version: 4, text: PEPPER })
  })

  it('makes no key without a pepper that is a secret, and says what is wrong', async () => {
    for (const [world, message] of [
      [{}, 'Cannot read config/signet.yaml, where the pepper should be'],
      [{ env: { SIGNET_PEPPER: 'changeme' } }, 'Cannot use SIGNET_PEPPER: it is a placeholder'],
      [{ env: { SIGNET_PEPPER: '' } }, 'Cannot use SIGNET_PEPPER: it is empty'],
      [{ env: { SIGNET_CONFIG: 'gone', SIGNET_PEPPER: PEPPER } }, 'Cannot read gone'],
      [
        { files: { 'config/signet.yaml': configText({ 'secrets.pepper': 'short' }) } },
        'secrets.pepper: is too short',
      ],
      [
        { files: { 'config/signet.yaml': configText({ secrets: undefined }) } },
        'secrets.pepper: is required',
      ],
      [{ files: { 'config/signet.yaml': 'a: [' } }, 'is not YAML'],
    ] as const) {
      const { code, stdout, stderr } = await run(json, world)
      expect([code, stdout]).toEqual([1, ''])
      expect(stderr).toContain(message)
    }
  })
})
