import { runCommand, type Said } from './run-command.ts'
import { TEST_ADMIN_TOKEN } from './test-config.ts'
import type { TestGateway } from './test-gateway.ts'

/** Runs a command that asks the admin API of a gateway, which needs no listener for it. */
export async function runOnGateway(
  { admin }: Pick<TestGateway, 'admin'>,
  args: readonly string[],
): Promise<Said> {
  return runCommand(args, {
    fetch: async (url, init) => admin.request(new URL(url).pathname, init),
    files: { 'config/signet.yaml': `secrets: { adminToken: "${TEST_ADMIN_TOKEN}" }` },
  })
}
