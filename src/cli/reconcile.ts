import type { ReconcileView } from '../http/reconcile-routes.ts'
import { type AdminTarget, callAdmin, findAdmin } from './admin-call.ts'
import { type CliIo, type Command, UsageError } from './cli-io.ts'
import { parseArguments } from './parse-arguments.ts'
import { reconcileTable } from './reconcile-table.ts'

/** Findings that are kept for the end; `counts` has all of them. */
const MAX_SHOWN = 1_000
const DEFAULT_PAGE = 500
const MAX_PAGE = 1_000

/** `signet reconcile [FILE] [--repair] [--bucket NAME] [--fresh] [--forget] [--page N] [--json] [--url URL]`. */
export const reconcileCommand: Command = {
  name: 'reconcile',
  usage: '[FILE] [--repair] [--bucket NAME] [--fresh] [--forget] [--page N] [--json] [--url URL]',
  summary: 'compare what the stores hold with tickets and the ledger, page by page, and repair',
  help: `Lists every bucket, asks the store for each object, and compares it with its ticket and with what the
ledger counts; then compares stored totals with the sums. A run that was interrupted is gone on with,
for a day, by any gateway and from any machine: settings must be the same.
  --repair        settle what has arrived, judge what came late, and put totals right where that is
                  certain; what may be traffic is reported as busy, and another run tells
  --bucket NAME   only this bucket of the configuration; then totals are not compared
  --fresh         begin anew, whatever was left unfinished
  --forget        begin anew; buckets of earlier runs that are not configured now are empty for good
  --page N        objects of one call, 1 to ${MAX_PAGE}; default ${DEFAULT_PAGE}
  --json          print one JSON object at the end, and progress to stderr
  --url URL       origin of the admin API; default: server.admin of FILE
Asks the gateway that runs from FILE (default: the file named by SIGNET_CONFIG, else
config/signet.yaml) by its admin API; the token is secrets.adminToken of FILE. Exits with 1 when
something is left open, or nobody answers: then the same command goes on.
`,
  async run(args, io) {
    const { values, positionals } = parseArguments(args, {
      options: {
        repair: { type: 'boolean' },
        fresh: { type: 'boolean' },
        forget: { type: 'boolean' },
        bucket: { type: 'string' },
        page: { type: 'string' },
        json: { type: 'boolean' },
        url: { type: 'string' },
      },
      maxPositionals: 1,
    })
    const limit = pageOf(values.page)
    const target = await findAdmin({ file: positionals[0], url: values.url }, io)
    if (target === undefined) return 1
    const begin = {
      resume: values.fresh !== true,
      repair: values.repair === true,
      ...(values.forget === true && { forget: true }),
      ...(values.bucket !== undefined && { bucket: values.bucket }),
    }
    const ended = await runToEnd(target, { begin, limit }, io)
    if (ended === undefined) return 1
    io.stdout(values.json === true ? `${JSON.stringify(ended)}\n` : reconcileTable(ended))
    return ended.clean ? 0 : 1
  },
}

/** Step after step. `undefined` when one is not answered: why is on stderr. */
async function runToEnd(
  target: AdminTarget,
  { begin, limit }: { readonly begin: object; readonly limit: number },
  io: CliIo,
): Promise<ReconcileView | undefined> {
  const findings: ReconcileView['findings'] = []
  let body: object = { ...begin, limit }
  for (;;) {
    const step = (await callAdmin(target, { path: '/admin/v1/reconcile', body }, io)) as
      | ReconcileView
      | undefined
    if (step === undefined) {
      io.stderr('The run is not lost: the same command goes on with it\n')
      return undefined
    }
    findings.push(...step.findings.slice(0, MAX_SHOWN - findings.length))
    if (step.done) return { ...step, findings }
    io.stderr(progressOf(step))
    body = { run: step.run, limit }
  }
}

function progressOf({ stage, counts, place }: ReconcileView): string {
  const where = place === undefined ? stage : `${place.store} ${place.bucket}/${place.prefix}`
  return `${counts.objects} objects, ${counts.open} open, ${counts.repaired} repaired; next: ${where}\n`
}

function pageOf(text: string | undefined): number {
  if (text === undefined) return DEFAULT_PAGE
  const page = Number(text)
  if (/^[0-9]{1,4}$/.test(text) && page >= 1 && page <= MAX_PAGE) return page
  throw new UsageError(`--page must be a whole number from 1 to ${MAX_PAGE}`)
}
