import { didYouMean } from '../config/suggest.ts'
import { auditCommand } from './audit-command.ts'
import { type CliIo, type Command, type ExitCode, UsageError } from './cli-io.ts'
import { configCheck } from './config-check.ts'
import { configSchemaCommand } from './config-schema.ts'
import { DIRECTORY_COMMANDS } from './directory-commands.ts'
import { KEY_COMMANDS } from './key-commands.ts'
import { keysCreate } from './keys-create.ts'
import { ledgerAudit, ledgerRepair } from './ledger-audit.ts'
import { ledgerInit } from './ledger-init.ts'
import { reconcileCommand } from './reconcile.ts'
import { storesCors } from './stores-cors.ts'
import { storesList } from './stores-list.ts'
import { storesProbe } from './stores-probe.ts'

const COMMANDS: readonly Command[] = [
  configCheck,
  configSchemaCommand,
  keysCreate,
  ...KEY_COMMANDS,
  ...DIRECTORY_COMMANDS,
  auditCommand,
  ledgerInit,
  ledgerAudit,
  ledgerRepair,
  reconcileCommand,
  storesCors,
  storesList,
  storesProbe,
]

/**
 * The command line: runs one command and resolves with the exit code. Rejects only for errors of the
 * program itself.
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<ExitCode> {
  const [first = '--help'] = args
  if (['--help', '-h', 'help'].includes(first)) {
    io.stdout(overview())
    return 0
  }
  if (first === '--version') {
    io.stdout(`${io.version}\n`)
    return 0
  }
  const command = COMMANDS.find(({ name }) => isCalled(name, args))
  if (command === undefined) return unknownCommand(args, io)
  const rest = args.slice(wordsOf(command.name))
  if (rest.some((arg) => arg === '--help' || arg === '-h')) {
    io.stdout(helpOf(command))
    return 0
  }
  try {
    return await command.run(rest, io)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    io.stderr(`${error.message}\n\nUsage: signet ${command.name} ${command.usage}\n`)
    return 2
  }
}

function isCalled(name: string, args: readonly string[]): boolean {
  return args.slice(0, wordsOf(name)).join(' ') === name
}

function wordsOf(name: string): number {
  return name.split(' ').length
}

function unknownCommand(args: readonly string[], io: CliIo): ExitCode {
  const [first = ''] = args
  const group = COMMANDS.filter(({ name }) => name.startsWith(`${first} `))
  if (group.length > 0 && (args.length === 1 || args[1] === '--help' || args[1] === '-h')) {
    const write = args.length === 1 ? io.stderr : io.stdout
    write(listOf(group))
    return args.length === 1 ? 2 : 0
  }
  const typed = args.slice(0, 2).join(' ')
  const names = [...COMMANDS.map(({ name }) => name)]
  io.stderr(`Unknown command ${JSON.stringify(typed)}${didYouMean(typed, names)}\n`)
  io.stderr('Try: signet --help\n')
  return 2
}

function overview(): string {
  return `Signet signs uploads and downloads for S3-compatible stores.

${listOf(COMMANDS)}
  signet <command> --help says more; signet --version which version this is.
`
}

function listOf(commands: readonly Command[]): string {
  const lines = commands.map(
    ({ name, usage, summary }) => `  signet ${name} ${usage}\n      ${summary}`,
  )
  return `${lines.join('\n')}\n`
}

function helpOf({ name, usage, summary, help }: Command): string {
  return `Usage: signet ${name} ${usage}

${summary.charAt(0).toUpperCase()}${summary.slice(1)}.

${help}`
}
