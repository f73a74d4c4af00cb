import { loadConfig } from '../config/load-config.ts'
import { GatewayError } from '../errors.ts'
import { toBase64Url } from '../hashing.ts'
import type { Command } from './cli-io.ts'
import { DEFAULT_CONFIG_FILE, orProblems } from './config-file.ts'
import { parseArguments } from './parse-arguments.ts'

const SALT_BYTES = 16

/** `signet ledger init`. */
export const ledgerInit: Command = {
  name: 'ledger init',
  usage: '[FILE] [--accept-loss] [--json]',
  summary: 'make the ledger on Redis that a configuration names',
  help: `FILE is the configuration; default: SIGNET_CONFIG, or ${DEFAULT_CONFIG_FILE}.

On a Redis without a ledger nothing is granted: an empty server is what is left after data is lost,
and nobody else can tell the two apart. Run this once for a new Redis. It refuses a Redis that has a
ledger already.

  --accept-loss  opens a ledger again whose data was lost or comes from a backup. Counters stay as
                 they are found: compare them with the stores (signet ledger audit) before you do.
  --json         prints {"created","generation"}
`,
  async run(args, io) {
    const { values, positionals } = parseArguments(args, {
      options: { 'accept-loss': { type: 'boolean' }, json: { type: 'boolean' } },
      maxPositionals: 1,
    })
    const file = positionals[0] ?? io.env.SIGNET_CONFIG ?? DEFAULT_CONFIG_FILE
    const text = await io.readText(file).catch(() => undefined)
    if (text === undefined) {
      io.stderr(`Cannot read ${file}\n`)
      return 1
    }
    const loaded = await orProblems(() => loadConfig(text, file, io), io.stderr)
    if (loaded === undefined) return 1
    const { config, secrets } = loaded
    // The same configuration makes the same salt again, so that tickets keep their subjects.
    const key = io.hashing.sha256(`signet ledger:${secrets.ticketKey.current.secret.reveal()}`)
    const salt = toBase64Url(io.hashing.hmacSha256(key, 'salt').slice(0, SALT_BYTES))
    try {
      const options = { salt, acceptLoss: values['accept-loss'] === true }
      const { created, generation } = await io.initLedger(config, options)
      const done = created ? 'made' : 'opened again'
      io.stdout(
        values.json === true
          ? `${JSON.stringify({ created, generation })}\n`
          : `The ledger is ${done}, generation ${generation}\n`,
      )
      return 0
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      io.stderr(`${error.message}\n`)
      return 1
    }
  },
}
