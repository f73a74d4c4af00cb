import { stringify } from 'yaml'
import type { AdminAnswer, AdminCall } from './admin-call.ts'
import { type AdminInvocation, adminCommand, adminPath } from './admin-command.ts'
import { limitOption, listAll, type Shown } from './admin-list.ts'
import { type Command, type ExitCode, UsageError } from './cli-io.ts'
import { columns, printable } from './columns.ts'
import { readAssignments, readSettings } from './read-settings.ts'

/** Entities of a list unless `--limit` says otherwise. */
const USUAL_LIMIT = 1_000

/** One kind of what the admin API keeps, as commands need it. */
export interface EntityKind {
  /** First word of the commands, and the member of lists: `tenants`. */
  readonly plural: string
  /** With its article: `a tenant`. */
  readonly singular: string
  /** Placeholders of `path`. */
  readonly names: readonly string[]
  readonly path: string
  /** What lists are asked of; default: `path` without its last name. */
  readonly listPath?: string
  /** Options of the list. */
  readonly filters: Readonly<Record<string, readonly [value: string, help: string]>>
  /** Columns of the list: title, and what stands below it. */
  readonly table: readonly (readonly [title: string, cell: (shown: Shown) => unknown])[]
  /** What a PUT or PATCH takes, for the help: whole lines. */
  readonly settings: string
}

const IF_MATCH = { 'if-match': ['TAG', 'only over this version, as "get" shows it'] } as const

/** `signet <plural> list`. */
export function listCommand(kind: EntityKind): Command {
  const { plural, path, listPath = path.replace(/\/\{\w+\}$/, ''), filters, table } = kind
  const titles = table.map(([title]) => title)
  return adminCommand({
    name: `${plural} list`,
    names: kind.names.slice(0, [...listPath.matchAll(/\{/g)].length),
    texts: { ...filters, limit: limitOption(USUAL_LIMIT) },
    summary: `list ${plural} of a running gateway`,
    help: `Those of the configuration file and those that were made by the admin API.\n`,
    run: (invocation) =>
      listAll(invocation, {
        path: listPath,
        member: plural,
        filters: Object.keys(filters),
        usual: USUAL_LIMIT,
        print(items) {
          if (items.length === 0) return `No ${plural}\n`
          const lines = items.map((shown) => table.map(([, cell]) => cellText(cell(shown))))
          return columns([titles, ...lines]).join('')
        },
      }),
  })
}

/** `signet <plural> get`. */
export function getCommand({ plural, singular, names, path }: EntityKind): Command {
  return adminCommand({
    name: `${plural} get`,
    names,
    summary: `show ${singular} of a running gateway`,
    help: 'As YAML, after a line with its version, which --if-match takes.\n',
    async run(invocation) {
      const answer = await invocation.ask({ path: adminPath(path, invocation.names) })
      return answered(invocation, answer, ({ value, version }) => {
        const head =
          version === undefined ? '# no version: the configuration file sets it' : `# ${version}`
        return `${head}\n${stringify(value)}`
      })
    },
  })
}

/** `signet <plural> put`: makes or replaces by a file. */
export function putCommand({ plural, singular, names, path, settings }: EntityKind): Command {
  return adminCommand({
    name: `${plural} put`,
    names: [...names, 'FILE'],
    texts: IF_MATCH,
    flags: { new: 'only if there is none yet' },
    summary: `make ${singular}, or replace its settings`,
    help: `FILE is YAML or JSON; what it leaves out has its default. ${settings}`,
    async run(invocation) {
      const { has, io } = invocation
      const [file = ''] = invocation.names.slice(names.length)
      const body = await readSettings(file, io)
      if (body === undefined) return 1
      const headers = preconditions(invocation)
      if (has('new') && headers['if-match'] !== undefined) {
        throw new UsageError('--new and --if-match go not together')
      }
      const which = invocation.names.slice(0, names.length)
      return changed(invocation, which, {
        method: 'PUT',
        path: adminPath(path, which),
        body,
        headers: { ...headers, ...(has('new') && { 'if-none-match': '*' }) },
      })
    },
  })
}

/** `signet <plural> set`: changes single settings. */
export function setCommand({ plural, singular, names, path, settings }: EntityKind): Command {
  return adminCommand({
    name: `${plural} set`,
    names,
    rest: { usage: 'NAME=VALUE …', max: 100 },
    texts: IF_MATCH,
    summary: `change single settings of ${singular}`,
    help: `Each VALUE is YAML; null takes a setting away. ${settings}`,
    async run(invocation) {
      return changed(invocation, invocation.names, {
        method: 'PATCH',
        path: adminPath(path, invocation.names),
        body: readAssignments(invocation.rest),
        headers: preconditions(invocation),
      })
    },
  })
}

/** `signet <plural> <verb>`, which takes an entity away. */
export function deleteCommand(
  { plural, names, path }: EntityKind,
  { verb, done, summary, help }: Readonly<Record<'verb' | 'done' | 'summary' | 'help', string>>,
): Command {
  return adminCommand({
    name: `${plural} ${verb}`,
    names,
    texts: IF_MATCH,
    summary,
    help,
    async run(invocation) {
      const answer = await invocation.ask({
        method: 'DELETE',
        path: adminPath(path, invocation.names),
        headers: preconditions(invocation),
      })
      if (answer === undefined) return 1
      const { io, has, names: given } = invocation
      io.stdout(has('json') ? '{}\n' : `${printable(given.join(' '))}: ${done}\n`)
      return 0
    },
  })
}

/** Prints a good answer, as JSON or in words. */
export function answered(
  { has, io }: AdminInvocation,
  answer: AdminAnswer | undefined,
  words: (answer: AdminAnswer) => string,
): ExitCode {
  if (answer === undefined) return 1
  io.stdout(has('json') ? `${JSON.stringify(answer.value)}\n` : words(answer))
  return 0
}

/** `If-Match` of the option, where it is there. */
export function preconditions({ texts }: AdminInvocation): Readonly<Record<string, string>> {
  const version = texts['if-match']
  return version === undefined ? {} : { 'if-match': version }
}

async function changed(
  invocation: AdminInvocation,
  names: readonly string[],
  call: AdminCall,
): Promise<ExitCode> {
  return answered(invocation, await invocation.ask(call), ({ value, version = 'so' }) => {
    const { problem } = value as { readonly problem?: string }
    const but = problem === undefined ? '' : `, but not in force: ${problem}`
    return `${printable(`${names.join(' ')} is now ${version}${but}`)}\n`
  })
}

function cellText(cell: unknown): string {
  if (cell === undefined || cell === null) return '-'
  return Array.isArray(cell) ? cell.join(' ') : String(cell)
}
