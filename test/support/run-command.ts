import { runCli } from '../../src/cli/cli.ts'
import type { CliIo, ExitCode } from '../../src/cli/cli-io.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { watch } from './leak-watch.ts'

/** What a command has said. */
export interface Said {
  readonly code: ExitCode
  readonly stdout: string
  readonly stderr: string
}

/** What a command finds around it; nothing else can be read, written or made. */
export interface CommandWorld {
  readonly env?: Readonly<Record<string, string>>
  /** Texts of files, by path. */
  readonly files?: Readonly<Record<string, string>>
  /** Default: the real `fetch`. */
  readonly fetch?: CliIo['fetch']
}

/** Runs a command of the command line in this process. */
export async function runCommand(
  args: readonly string[],
  { env = {}, files = {}, fetch: send = fetch }: CommandWorld = {},
): Promise<Said> {
  const output = { stdout: '', stderr: '' }
  const code = await runCli(args, {
    env,
    fetch: (url, init) => send(url, init),
    hashing: nodeHashing,
    random: (length) => new Uint8Array(length),
    initLedger: () => Promise.reject(new Error('nothing is made')),
    version: '1.2.3',
    stdout(text) {
      output.stdout += text
    },
    stderr(text) {
      output.stderr += text
    },
    readText: async (path) => files[path] ?? Promise.reject(new Error('ENOENT')),
    writeText: () => Promise.reject(new Error('nothing is written')),
  })
  const said = `${output.stdout}${output.stderr}`
  watch('command', said, code === 0 ? shownBy(args) : [])
  return { code, ...output }
}

/** What a command is for. */
function shownBy([command, verb = '']: readonly string[]): readonly string[] {
  if (command !== 'keys') return []
  if (verb === 'create') return ['an API key', 'a hash of a key']
  return verb === 'issue' || verb === 'rotate' ? ['an API key'] : []
}
