import type { ParseArgsOptionsConfig } from 'node:util'
import { type AdminAnswer, type AdminCall, askAdmin, findAdmin } from './admin-call.ts'
import { type CliIo, type Command, type ExitCode, UsageError } from './cli-io.ts'
import { parseArguments } from './parse-arguments.ts'

/** What was typed, and the gateway that it is about. */
export interface AdminInvocation {
  /** Values of `names`, in their order. */
  readonly names: readonly string[]
  /** Arguments behind the names. */
  readonly rest: readonly string[]
  /** Options with a value, by name. */
  readonly texts: Readonly<Record<string, string | undefined>>
  /** Whether an option without a value is there. */
  readonly has: (name: string) => boolean
  /** One call of the gateway; `undefined`, when there is no good answer, and why is on stderr. */
  readonly ask: (call: AdminCall) => Promise<AdminAnswer | undefined>
  readonly io: CliIo
}

/** A command that asks a running gateway by its admin API. */
export interface AdminCommand {
  readonly name: string
  /** Of the arguments that it must have, as the help writes them. */
  readonly names?: readonly string[]
  /** Arguments behind the names: as the help writes them, and how many there may be. */
  readonly rest?: { readonly usage: string; readonly max: number }
  /** Options with a value, by name; the value as the help writes it, and what it means. */
  readonly texts?: Readonly<Record<string, readonly [value: string, help: string]>>
  /** Options without one. */
  readonly flags?: Readonly<Record<string, string>>
  readonly summary: string
  /** Whole lines, before those of the options. */
  readonly help: string
  readonly run: (invocation: AdminInvocation) => Promise<ExitCode>
}

const COMMON_TEXTS = {
  config: [
    'FILE',
    'configuration of the gateway that is asked. Default: SIGNET_CONFIG, else config/signet.yaml',
  ],
  url: ['URL', 'origin of the admin API; default: server.admin of FILE'],
} as const
const COMMON_FLAGS = { json: 'print the answer as JSON and nothing else' }

/** Gives it the options that all such commands have, and finds the gateway for it. */
export function adminCommand(command: AdminCommand): Command {
  const { name, names = [], rest, summary, help, run } = command
  const texts = { ...command.texts, ...COMMON_TEXTS }
  const flags = { ...command.flags, ...COMMON_FLAGS }
  const options: ParseArgsOptionsConfig = {}
  for (const text of Object.keys(texts)) options[text] = { type: 'string' }
  for (const flag of Object.keys(flags)) options[flag] = { type: 'boolean' }
  const lines = [
    ...Object.entries(flags).map(([flag, what]) => [`--${flag}`, what] as const),
    ...Object.entries(texts).map(([text, [value, what]]) => [`--${text} ${value}`, what] as const),
  ]
  const width = Math.max(...lines.map(([option]) => option.length)) + 2
  return {
    name,
    usage: [...names, ...(rest === undefined ? [] : [rest.usage]), '[options]'].join(' '),
    summary,
    help: `${help}\n${lines.map(([option, what]) => `  ${option.padEnd(width)}${what}\n`).join('')}`,
    async run(args, io) {
      const maxPositionals = names.length + (rest?.max ?? 0)
      const { values, positionals } = parseArguments(args, { options, maxPositionals })
      const missing = names[positionals.length]
      if (missing !== undefined) throw new UsageError(`${missing} is missing`)
      const given = values as Readonly<Record<string, string | boolean | undefined>>
      const textOf = (text: string) => given[text] as string | undefined
      const target = await findAdmin({ file: textOf('config'), url: textOf('url') }, io)
      if (target === undefined) return 1
      return run({
        names: positionals.slice(0, names.length),
        rest: positionals.slice(names.length),
        texts: Object.fromEntries(Object.keys(texts).map((text) => [text, textOf(text)])),
        has: (flag) => given[flag] === true,
        ask: (call) => askAdmin(target, call, io),
        io,
      })
    },
  }
}

/**
 * A path with names for its placeholders, `{TENANT}` and so on, in their order. Throws `UsageError` for a
 * name that would mean another path.
 */
export function adminPath(template: string, names: readonly string[]): string {
  let at = 0
  return template.replace(/\{\w+\}/g, () => {
    const name = names[at++] ?? ''
    if (name === '' || name === '.' || name === '..') {
      throw new UsageError(`Nothing can be named "${name}" in a path`)
    }
    return encodeURIComponent(name)
  })
}
