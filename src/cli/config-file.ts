import { ConfigError, formatProblem, type Problem } from '../config/problem.ts'
import type { CliIo } from './cli-io.ts'

/** The file that is used when nobody names one. */
export const DEFAULT_CONFIG_FILE = 'config/signet.yaml'

/** What `load` gives; when that is a `ConfigError`, writes all of it and gives `undefined`. */
export async function orProblems<Loaded>(
  load: () => Promise<Loaded>,
  write: CliIo['stdout'],
): Promise<Loaded | undefined> {
  try {
    return await load()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    for (const problem of error.problems) write(`${formatProblem(problem)}\n`)
    printWarnings(error.warnings, write)
    return undefined
  }
}

/** One line for each warning. */
export function printWarnings(warnings: readonly Problem[], write: CliIo['stdout']): void {
  for (const warning of warnings) write(`${formatProblem(warning)} (warning)\n`)
}
