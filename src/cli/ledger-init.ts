import type { RotatingSecret } from '../auth/rotating-secret.ts'
import { loadConfig } from '../config/load-config.ts'
import { GatewayError } from '../errors.ts'
import { type Hashing, toBase64Url } from '../hashing.ts'
import { type Command, UsageError } from './cli-io.ts'
import { DEFAULT_CONFIG_FILE, orProblems } from './config-file.ts'
import { parseArguments } from './parse-arguments.ts'

const SALT_BYTES = 16
const SALT = /^[A-Za-z0-9_-]{1,64}$/

/** `signet ledger init`. */
export const ledgerInit: Command = {
  name: 'ledger init',
  usage: '[FILE] [--accept-loss] [--salt TEXT] [--json]',
  summary: 'make the ledger on Redis that a configuration names',
  help: `FILE is the configuration; default: SIGNET_CONFIG, or ${DEFAULT_CONFIG_FILE}.

On a Redis without a ledger nothing is granted: an empty server is what is left after data is lost,
and nobody else can tell the two apart. Without --accept-loss this says that nothing was ever counted
there: all quotas begin at zero. It refuses a Redis that has a ledger already, and one that a gateway
would not start on.

  --accept-loss  opens a ledger again whose data was lost or comes from a backup, an empty one too.
                 Counters stay as they are found. Run it when the log of every gateway says
                 ledger.fenced: one that had not looked yet closes the ledger once more. Then compare
                 with the stores (signet ledger audit --stored), and put totals right by adjustments.
  --salt TEXT    the salt of the ledger, 1 to 64 of A-Z, a-z, 0-9, "_" and "-". Ids of users and
                 tenants are made with it: running gateways and tickets of earlier uploads know the
                 ledger by it. With --accept-loss it replaces another one. Default: what the ledger
                 has, or else one made from secrets.ticketKey, which is another one after a rotation.
  --json         prints {"created","generation","salt"}
`,
  async run(args, io) {
    const { values, positionals } = parseArguments(args, {
      options: {
        'accept-loss': { type: 'boolean' },
        salt: { type: 'string' },
        json: { type: 'boolean' },
      },
      maxPositionals: 1,
    })
    if (values.salt !== undefined && !SALT.test(values.salt)) {
      throw new UsageError('--salt must be 1 to 64 of A-Z, a-z, 0-9, "_" and "-"')
    }
    const file = positionals[0] ?? io.env.SIGNET_CONFIG ?? DEFAULT_CONFIG_FILE
    const text = await io.readText(file).catch(() => undefined)
    if (text === undefined) {
      io.stderr(`Cannot read ${file}\n`)
      return 1
    }
    const loaded = await orProblems(() => loadConfig(text, file, io), io.stderr)
    if (loaded === undefined) return 1
    const options = {
      salt: values.salt ?? madeFrom(loaded.secrets.ticketKey, io.hashing),
      replaceSalt: values.salt !== undefined,
      acceptLoss: values['accept-loss'] === true,
    }
    try {
      const { created, generation, salt } = await io.initLedger(loaded.config, options)
      const done = created ? 'made' : 'opened again'
      io.stdout(
        values.json === true
          ? `${JSON.stringify({ created, generation, salt })}\n`
          : `The ledger is ${done}, generation ${generation}\nKeep its salt, which --salt takes should it be lost: ${salt}\n`,
      )
      return 0
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      io.stderr(`${error.message}\n`)
      return 1
    }
  },
}

/**
 * A configuration makes the same salt again, so that tickets keep their subjects: until its ticket key
 * is rotated and the previous one has left it.
 */
function madeFrom({ current, previous }: RotatingSecret, hashing: Hashing): string {
  const { secret } = previous ?? current
  const key = hashing.sha256(`signet ledger:${secret.reveal()}`)
  return toBase64Url(hashing.hmacSha256(key, 'salt').slice(0, SALT_BYTES))
}
