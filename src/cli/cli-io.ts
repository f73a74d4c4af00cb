import type { Config } from '../config/config.ts'
import type { Hashing } from '../hashing.ts'
import type { InitOptions, InitResult } from '../ledger/redis/init-ledger.ts'

/** All that a command may touch: an entry file hands it over, a test makes its own. */
export interface CliIo {
  /** Environment variables. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Takes text as it is; commands end their lines themselves. */
  readonly stdout: (text: string) => void
  readonly stderr: (text: string) => void
  /** Reads a UTF-8 file; rejects when it cannot. */
  readonly readText: (path: string) => Promise<string>
  /** Replaces a file, or makes it; rejects when it cannot. */
  readonly writeText: (path: string, text: string) => Promise<void>
  /** HTTP to a running gateway; rejects when there is no answer. */
  readonly fetch: (url: string, init: RequestInit) => Promise<Response>
  readonly hashing: Hashing
  /** Cryptographically random bytes. */
  readonly random: (length: number) => Uint8Array
  /** Makes the ledger that a configuration names. Throws `LedgerUnavailable`. */
  readonly initLedger: (
    config: Pick<Config, 'state' | 'ledger'>,
    options: InitOptions,
  ) => Promise<InitResult>
  /** Signet's own, for `--version`. */
  readonly version: string
}

/** Exit codes: 0 done, 1 the answer is no, 2 the command line makes no sense. */
export type ExitCode = 0 | 1 | 2

/** One command. */
export interface Command {
  /** Words that choose it, like `config check`. */
  readonly name: string
  /** What follows the name, for the help. */
  readonly usage: string
  /** One line for the list of commands. */
  readonly summary: string
  /** What `signet <command> --help` says besides; whole lines. */
  readonly help: string
  /** Gets the arguments after the name. Throws `UsageError` for ones that it cannot take. */
  run(args: readonly string[], io: CliIo): Promise<ExitCode>
}

/** Arguments that make no sense; the message goes to the person who typed them. */
export class UsageError extends Error {
  constructor(message: string, options?: { readonly cause: unknown }) {
    super(message, options)
    this.name = 'UsageError'
  }
}
