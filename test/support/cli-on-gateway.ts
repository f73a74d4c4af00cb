import { runCli } from '../../src/cli/cli.ts'
import type { ExitCode } from '../../src/cli/cli-io.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { TEST_ADMIN_TOKEN } from './test-config.ts'
import type { TestGateway } from './test-gateway.ts'

const CONFIG = `secrets: { adminToken: "${TEST_ADMIN_TOKEN}" }`

/** Runs a command that asks the admin API of a gateway, which needs no listener for it. */
export async function runOnGateway(
  { admin }: Pick<TestGateway, 'admin'>,
  args: readonly string[],
): Promise<{ code: ExitCode; stdout: string; stderr: string }> {
  const output = { stdout: '', stderr: '' }
  const code = await runCli(args, {
    env: {},
    fetch: async (url, init) => admin.request(new URL(url).pathname, init),
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
    readText: async () => CONFIG,
    writeText: () => Promise.reject(new Error('nothing is written')),
  })
  return { code, ...output }
}
