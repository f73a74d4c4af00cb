import { readFile } from 'node:fs/promises'
import { runCli } from '../../../src/cli/cli.ts'
import { initRedis } from '../../../src/runtime/init-redis.ts'
import { nodeHashing } from '../../../src/runtime/node-hashing.ts'
import { NODE_ENTRY, type PreparedGateway, startChild } from '../gateway-process.ts'

const CLI_ENTRY = NODE_ENTRY.replace('node.ts', 'cli.ts')

/** `signet ledger init` for a prepared gateway, in this process. Throws what it printed. */
export async function initialiseLedger(
  { file }: PreparedGateway,
  ...flags: readonly string[]
): Promise<void> {
  let said = ''
  const print = (text: string) => {
    said += text
  }
  const code = await runCli(['ledger', 'init', file, ...flags], {
    env: {},
    stdout: print,
    stderr: print,
    readText: (path) => readFile(path, 'utf8'),
    writeText: () => Promise.reject(new Error('nothing is written')),
    fetch: () => Promise.reject(new Error('nothing is asked')),
    hashing: nodeHashing,
    random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    initLedger: initRedis,
    version: '1.2.3',
  })
  if (code !== 0) throw new Error(`Cannot initialise: ${said}`)
}

/** The same as an operator runs it: a process of its own, which ends by itself. */
export async function initialiseByHand(
  { file }: PreparedGateway,
  ...flags: readonly string[]
): Promise<void> {
  await using child = startChild({ args: [CLI_ENTRY, 'ledger', 'init', file, ...flags] })
  const { code } = await child.ended
  if (code !== 0) throw new Error(`Cannot initialise: ${child.stdout()}${child.stderr()}`)
}
