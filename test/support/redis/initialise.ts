import { NODE_ENTRY, type PreparedGateway, startChild } from '../gateway-process.ts'

const CLI_ENTRY = NODE_ENTRY.replace('node.ts', 'cli.ts')

/** `signet ledger init` for a prepared gateway, as an operator runs it. Throws what it printed. */
export async function initialiseLedger(
  { file }: PreparedGateway,
  ...flags: readonly string[]
): Promise<void> {
  await using child = startChild({ args: [CLI_ENTRY, 'ledger', 'init', file, ...flags] })
  const { code } = await child.ended
  if (code !== 0) throw new Error(`Cannot initialise: ${child.stdout()}${child.stderr()}`)
}
