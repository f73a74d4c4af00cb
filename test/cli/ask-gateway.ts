import { runCli } from '../../src/cli/cli.ts'
import type { CliIo } from '../../src/cli/cli-io.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'

/** What a command has said. */
export interface Said {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Just what a command needs that asks a gateway: other secrets cannot be read here. */
export function adminConfig(admin: string): string {
  return `
server: { admin: "${admin}" }
secrets: { pepper: "\${NOT_HERE}", adminToken: "\${SIGNET_ADMIN_TOKEN}" }
stores: { main: { credentials: { secretAccessKey: "\${NOT_HERE_EITHER}" } } }
`
}

/** Runs a command whose `config/signet.yaml` names the admin listener at `127.0.0.1:<port>`. */
export async function askGateway(args: readonly string[], adminPort: number): Promise<Said> {
  const output = { stdout: '', stderr: '' }
  const files: Record<string, string> = {
    'config/signet.yaml': adminConfig(`127.0.0.1:${adminPort}`),
  }
  const io: CliIo = {
    env: { SIGNET_ADMIN_TOKEN: TEST_ADMIN_TOKEN },
    fetch: (url, init) => fetch(url, init),
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
  }
  const code = await runCli(args, io)
  return { code, ...output }
}
