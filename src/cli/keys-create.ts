import { createApiKey, hashApiKey, isKeyId } from '../auth/api-key.ts'
import type { VersionedSecret } from '../auth/rotating-secret.ts'
import { weaknessOf } from '../config/build-secrets.ts'
import { loadPepper } from '../config/load-pepper.ts'
import { Secret } from '../secret.ts'
import { type CliIo, type Command, UsageError } from './cli-io.ts'
import { DEFAULT_CONFIG_FILE, orProblems } from './config-file.ts'
import { parseArguments } from './parse-arguments.ts'

/** `signet keys create --id ID [--json] [--config FILE]`. */
export const keysCreate: Command = {
  name: 'keys create',
  usage: '--id ID [--json] [--config FILE]',
  summary: 'make an API key; its secret is shown once',
  help: `Nothing is stored: the hash goes into the configuration, the secret to its user.

  --id ID         letters and digits, different from all other keys' ids
  --json          print {"id","secret","hash"} and nothing else
  --config FILE   take the pepper from this configuration.
                  Default: the file named by SIGNET_CONFIG, else
                  ${DEFAULT_CONFIG_FILE}, else the pepper SIGNET_PEPPER itself
`,
  async run(args, io) {
    const { values } = parseArguments(args, {
      options: { id: { type: 'string' }, json: { type: 'boolean' }, config: { type: 'string' } },
      maxPositionals: 0,
    })
    const { id } = values
    if (id === undefined) throw new UsageError('Which id? Give --id')
    if (!isKeyId(id)) throw new UsageError('The id must be 1 to 64 letters and digits')
    const pepper = await findPepper(values.config, io)
    if (pepper === undefined) return 1
    const key = createApiKey(io.random, id)
    const made = { id, secret: key.reveal(), hash: hashApiKey(io.hashing, pepper, key) }
    io.stdout(values.json === true ? `${JSON.stringify(made)}\n` : forPeople(made))
    return 0
  },
}

/** The configuration's pepper, which knows its version; the environment's where there is no file. */
async function findPepper(
  file: string | undefined,
  io: CliIo,
): Promise<VersionedSecret | undefined> {
  const { SIGNET_PEPPER: bare, SIGNET_CONFIG: named } = io.env
  const chosen = file ?? named
  const text = await io.readText(chosen ?? DEFAULT_CONFIG_FILE).catch(() => undefined)
  if (text === undefined && chosen === undefined && bare !== undefined) return pepperOf(bare, io)
  if (text === undefined) {
    io.stderr(`Cannot read ${chosen ?? DEFAULT_CONFIG_FILE}, where the pepper should be\n`)
    return undefined
  }
  const pepper = await orProblems(
    () => loadPepper(text, chosen ?? DEFAULT_CONFIG_FILE, io),
    io.stderr,
  )
  return pepper?.current
}

function pepperOf(text: string, io: CliIo): VersionedSecret | undefined {
  const weakness = weaknessOf(text)
  if (weakness === undefined) return { version: 1, secret: new Secret(text) }
  io.stderr(`Cannot use SIGNET_PEPPER: it ${weakness}\n`)
  return undefined
}

function forPeople({ id, secret, hash }: { id: string; secret: string; hash: string }): string {
  return `API key "${id}", shown this once:

  ${secret}

For the configuration, below tenants.<tenant>.keys:

  - id: ${id}
    user: <user>
    hash: ${hash}
    allow:
      - operations: [upload, download]
        buckets: [<bucket>]
        prefix: <tenant>/<user>/
`
}
