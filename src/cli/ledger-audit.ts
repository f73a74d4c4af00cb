import type { LedgerReport } from '../gateway/ledger-report.ts'
import { callAdmin, findAdmin } from './admin-call.ts'
import type { CliIo, Command, ExitCode } from './cli-io.ts'
import { ledgerTable } from './ledger-table.ts'
import { parseArguments } from './parse-arguments.ts'

const OPTIONS = `  --stored        compare stored totals with the stores as well: a HEAD for every object, so
                  minutes for many; uploads and deletions under way may show as differences
  --json          print the report as JSON and nothing else
  --url URL       origin of the admin API; default: server.admin of FILE
`
const WHERE = `Asks the gateway that runs from FILE (default: the file named by SIGNET_CONFIG, else
config/signet.yaml) by its admin API; the token is secrets.adminToken of FILE. An answer that takes
longer than five minutes is not waited for. Exits with 1 when something is wrong, or nobody answers.
`
const LOOKS = `Compares pending amounts with the reservations that hold them, and the sweeper's index with what
has not ended.
`

/** `signet ledger audit [FILE] [--repair] [--stored] [--json] [--url URL]`. */
export const ledgerAudit: Command = {
  name: 'ledger audit',
  usage: '[FILE] [--repair] [--stored] [--json] [--url URL]',
  summary: "compare a running gateway's ledger with itself, and with the stores",
  help: `${LOOKS}${WHERE}
  --repair        mend what can be mended, as "signet ledger repair" does
${OPTIONS}`,
  run: (args, io) => audit(args, io, false),
}

/** `signet ledger repair [FILE] [--stored] [--json] [--url URL]`. */
export const ledgerRepair: Command = {
  name: 'ledger repair',
  usage: '[FILE] [--stored] [--json] [--url URL]',
  summary: "audit a running gateway's ledger and mend its counters and its index",
  help: `${LOOKS}Counters take what is held, and reservations that were forgotten are looked at again. What was
posted is never changed: adjustments do that. Values that cannot be read are named and left.
${WHERE}
${OPTIONS}`,
  run: (args, io) => audit(args, io, true),
}

async function audit(args: readonly string[], io: CliIo, repairs: boolean): Promise<ExitCode> {
  const flag = { type: 'boolean' } as const
  const { values, positionals } = parseArguments(args, {
    options: {
      stored: flag,
      json: flag,
      url: { type: 'string' },
      ...(repairs ? {} : { repair: flag }),
    },
    maxPositionals: 1,
  })
  const target = await findAdmin({ file: positionals[0], url: values.url }, io)
  if (target === undefined) return 1
  const repair = repairs || ('repair' in values && values.repair === true)
  const body = { repair, stored: values.stored === true }
  const report = await callAdmin(target, { path: '/admin/v1/ledger/audit', body }, io)
  if (report === undefined) return 1
  const { clean } = report as LedgerReport
  io.stdout(
    values.json === true ? `${JSON.stringify(report)}\n` : ledgerTable(report as LedgerReport),
  )
  return clean ? 0 : 1
}
