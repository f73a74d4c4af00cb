import { describe, expect, it } from 'vitest'
import { runCli } from '../../src/cli/cli.ts'
import type { CliIo } from '../../src/cli/cli-io.ts'
import { GatewayError } from '../../src/errors.ts'
import type { InitOptions } from '../../src/ledger/redis/init-ledger.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { CANARIES, configText } from '../config/config-fixture.ts'

const OLD = CANARIES.ticketKey
const NEW = 'canary-ticket-new-4a7b1c90d2e35f68'

/** Runs the command; `made` is what the ledger would have been made with. */
async function init(
  args: readonly string[] = [],
  ticketKey: unknown = OLD,
  answer: CliIo['initLedger'] = async (_, { salt }) => ({ created: true, generation: 7, salt }),
) {
  const output = { stdout: '', stderr: '' }
  const made: InitOptions[] = []
  const text = configText({ state: 'redis://h', 'secrets.ticketKey': ticketKey })
  const code = await runCli(['ledger', 'init', 'f', ...args], {
    env: {},
    fetch: () => Promise.reject(new Error('no network')),
    hashing: nodeHashing,
    random: (length) => new Uint8Array(length),
    version: '1.2.3',
    readText: async () => text,
    writeText: () => Promise.reject(new Error('nothing is written')),
    initLedger: (config, options) => {
      made.push(options)
      return answer(config, options)
    },
    stdout(line) {
      output.stdout += line
    },
    stderr(line) {
      output.stderr += line
    },
  })
  expect(output.stdout + output.stderr).not.toContain('canary')
  return { code, ...output, made }
}

describe('signet ledger init', () => {
  it('prints the salt, as it is needed again when the ledger is lost', async () => {
    const { code, stdout, made } = await init()
    expect(code).toBe(0)
    const [{ salt } = { salt: '' }] = made
    expect(salt).toMatch(/^[A-Za-z0-9_-]{22}$/)
    expect(stdout).toMatch(new RegExp(`^The ledger is made, generation 7\nKeep .*: ${salt}\n$`))
    const json = await init(['--json'])
    expect(JSON.parse(json.stdout)).toEqual({ created: true, generation: 7, salt })
  })

  it('makes the same salt again after a rotation, while the previous key is configured', async () => {
    const saltOf = async (key: unknown) => (await init([], key)).made[0]?.salt
    const before = await saltOf(OLD)
    expect(await saltOf({ current: NEW, previous: OLD })).toBe(before)
    expect(await saltOf(NEW)).not.toBe(before)
  })

  it('takes a salt that was kept', async () => {
    const { made } = await init(['--salt', 'kept_salt-1', '--accept-loss'])
    expect(made).toEqual([{ salt: 'kept_salt-1', replaceSalt: true, acceptLoss: true }])
    expect((await init()).made).toMatchObject([{ replaceSalt: false, acceptLoss: false }])
  })

  it.each(['', 'a b', 'ü', 'x'.repeat(65)])('2: a salt like "%s"', async (salt) => {
    const { code, stderr, made } = await init(['--salt', salt])
    expect([code, made]).toEqual([2, []])
    expect(stderr).toContain('--salt must be')
  })

  it('1: what is in the way, in one line', async () => {
    const refused = new GatewayError('LedgerUnavailable', 'Cannot initialise: it is a replica')
    const { code, stdout, stderr } = await init([], OLD, () => Promise.reject(refused))
    expect([code, stdout, stderr]).toEqual([1, '', 'Cannot initialise: it is a replica\n'])
  })
})
