import type { StoreCors } from '../gateway/cors.ts'
import { callAdmin, findAdmin } from './admin-call.ts'
import { type CliIo, type Command, type ExitCode, UsageError } from './cli-io.ts'
import { corsTable } from './cors-table.ts'
import { parseArguments } from './parse-arguments.ts'

const USAGE =
  'NAME --origin URL … [--any-origin] [--bucket B] [--apply] [--json] [--config FILE] [--url URL]'

/** `signet stores cors NAME --origin URL … [--apply]`. */
export const storesCors: Command = {
  name: 'stores cors',
  usage: USAGE,
  summary: 'tell what a browser is refused by a store, and put the rules that let it in',
  help: `Sends the store what a browser would ask before it uploads or downloads, for pages of each origin, and
shows the rule that they need. With --apply it is put where the store has an API for it, and the store
is asked again; the bucket's other rules stay. The rule's origins are then those given here and no
other. Where there is no such API it says what to set instead.
Asks the gateway that runs from FILE (default: the file named by SIGNET_CONFIG, else
config/signet.yaml) by its admin API. Exits with 1 when a browser would be refused anything.

  --origin URL    origin of pages, like https://app.example; up to 20 of them
  --any-origin    pages of every origin: whoever has a grant may use it from anywhere
  --bucket B      one bucket of the gateway; default: every bucket of the store
  --apply         put the rule
  --json          print the report as JSON and nothing else
  --config FILE   the gateway's configuration
  --url URL       origin of the admin API; default: server.admin of FILE
`,
  run,
}

async function run(args: readonly string[], io: CliIo): Promise<ExitCode> {
  const { values, positionals } = parseArguments(args, {
    options: {
      origin: { type: 'string', multiple: true },
      'any-origin': { type: 'boolean' },
      bucket: { type: 'string' },
      apply: { type: 'boolean' },
      json: { type: 'boolean' },
      config: { type: 'string' },
      url: { type: 'string' },
    },
    maxPositionals: 1,
  })
  const [store] = positionals
  if (store === undefined) throw new UsageError('The name of a store is missing')
  const { origin: origins = [], bucket } = values
  const anyOrigin = values['any-origin'] === true
  if (origins.includes('*')) throw new UsageError('For pages of every origin give --any-origin')
  if (origins.length === 0 && !anyOrigin) throw new UsageError('Give one --origin at least')
  const target = await findAdmin({ file: values.config, url: values.url }, io)
  if (target === undefined) return 1
  const report = await callAdmin(
    target,
    {
      path: `/admin/v1/stores/${encodeURIComponent(store)}/cors`,
      body: {
        origins,
        anyOrigin,
        apply: values.apply === true,
        ...(bucket !== undefined && { bucket }),
      },
    },
    io,
  )
  if (report === undefined) return 1
  const found = report as StoreCors
  io.stdout(values.json === true ? `${JSON.stringify(found)}\n` : corsTable(found))
  return found.allowed ? 0 : 1
}
