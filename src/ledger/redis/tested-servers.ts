import type { ScriptName } from './scripts/load-scripts.ts'

/** What was found out of a server, as long as it runs. */
export interface TestedServer {
  /** The run that has the scripts and has passed the self-test; none so far: `undefined`. */
  run: string | undefined
  /** The scripts' hashes, as that server gave them. */
  readonly shas: Map<ScriptName, string>
}

/**
 * Servers by name: for ledgers of one process, of which each looks anew at whose server it is and whether it
 * is fit, but need not load and try the scripts again.
 */
export type TestedServers = Map<string, TestedServer>

/** What is known of a server: the same object for all who ask. */
export function testedServer(servers: TestedServers, name: string): TestedServer {
  const known = servers.get(name)
  if (known !== undefined) return known
  const made: TestedServer = { run: undefined, shas: new Map() }
  servers.set(name, made)
  return made
}
