import { type AdminInvocation, adminPath } from './admin-command.ts'
import { type ExitCode, UsageError } from './cli-io.ts'

/** Entities of one page, at most: the admin API's own limit. */
const MAX_PAGE = 1_000
/** Entities of a command, at most. */
const MAX_LISTED = 100_000

/** An entity as the admin API shows it. */
export type Shown = Readonly<Record<string, unknown>>

/** Help of the option `--limit` of a list. */
export function limitOption(usual: number): readonly [string, string] {
  return ['N', `so many at most, 1 to ${MAX_LISTED}; default ${usual}`]
}

/**
 * Reads a list page by page, with the options `filters` as its query, and hands it over as soon as it is
 * whole. Says on stderr when there is more than `--limit`.
 */
export async function listAll(
  invocation: AdminInvocation,
  {
    path,
    member,
    filters,
    usual,
    print,
  }: {
    readonly path: string
    /** Member of the answer that holds the entities. */
    readonly member: string
    /** Names of options, in kebab case; the query has them in camel case. */
    readonly filters: readonly string[]
    /** Limit where none is given. */
    readonly usual: number
    readonly print: (items: readonly Shown[]) => string
  },
): Promise<ExitCode> {
  const { names, texts, has, ask, io } = invocation
  const wanted = limitOf(texts.limit, usual)
  const items: Shown[] = []
  let cursor: string | undefined
  do {
    const query = new URLSearchParams()
    for (const filter of filters) {
      const value = texts[filter]
      if (value !== undefined) query.set(memberName(filter), value)
    }
    query.set('limit', String(Math.min(MAX_PAGE, wanted - items.length)))
    if (cursor !== undefined) query.set('cursor', cursor)
    const answer = await ask({ path: `${adminPath(path, names)}?${query}` })
    if (answer === undefined) return 1
    const page = answer.value as { readonly nextCursor?: string } & Record<string, Shown[]>
    items.push(...(page[member] ?? []))
    cursor = page.nextCursor
  } while (cursor !== undefined && items.length < wanted)
  io.stdout(has('json') ? `${JSON.stringify({ [member]: items })}\n` : print(items))
  if (cursor !== undefined) io.stderr(`There is more: --limit ${wanted} was reached\n`)
  return 0
}

/** `source-ip` as a member of JSON: `sourceIp`. */
export function memberName(option: string): string {
  return option.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())
}

function limitOf(text: string | undefined, usual: number): number {
  if (text === undefined) return usual
  const limit = Number(text)
  if (/^\d{1,6}$/.test(text) && limit >= 1 && limit <= MAX_LISTED) return limit
  throw new UsageError(`--limit must be a whole number from 1 to ${MAX_LISTED}`)
}
