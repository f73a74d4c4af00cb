import { runCommand, type Said } from '../support/run-command.ts'
import { TEST_ADMIN_TOKEN } from '../support/test-config.ts'

/** Just what a command needs that asks a gateway: other secrets cannot be read here. */
export function adminConfig(admin: string): string {
  return `
server: { admin: "${admin}" }
secrets: { pepper: "\${NOT_HERE}", adminToken: "\${SIGNET_ADMIN_TOKEN}" }
stores: { main: { credentials: { secretAccessKey: "\${NOT_HERE_EITHER}" } } }
`
}

/**
 * Runs a command whose `config/signet.yaml` names the admin listener at `127.0.0.1:<port>`, beside other
 * files by path.
 */
export async function askGateway(
  args: readonly string[],
  adminPort: number,
  files: Readonly<Record<string, string>> = {},
): Promise<Said> {
  return runCommand(args, {
    env: { SIGNET_ADMIN_TOKEN: TEST_ADMIN_TOKEN },
    files: { 'config/signet.yaml': adminConfig(`127.0.0.1:${adminPort}`), ...files },
  })
}
