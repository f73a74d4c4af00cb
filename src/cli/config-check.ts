import { loadConfig } from '../config/load-config.ts'
import { type Command, UsageError } from './cli-io.ts'
import { orProblems, printWarnings } from './config-file.ts'
import { parseArguments } from './parse-arguments.ts'

/** `signet config check FILE`. */
export const configCheck: Command = {
  name: 'config check',
  usage: 'FILE',
  summary: 'print every problem of a configuration file',
  help: `Prints one line for each problem, as file:line:column path: message, and exits with 1; or "ok",
and exits with 0. Warnings are printed and change nothing. Secrets are looked up, so run it where
the gateway would run.
`,
  async run(args, io) {
    const { positionals } = parseArguments(args, { options: {}, maxPositionals: 1 })
    const [file] = positionals
    if (file === undefined) throw new UsageError('Which file?')
    const text = await io.readText(file).catch(() => undefined)
    if (text === undefined) {
      io.stdout(`Cannot read ${file}\n`)
      return 1
    }
    const loaded = await orProblems(() => loadConfig(text, file, io), io.stdout)
    if (loaded === undefined) return 1
    printWarnings(loaded.warnings, io.stdout)
    io.stdout('ok\n')
    return 0
  },
}
