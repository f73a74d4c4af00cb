import type { StoreBucketView } from '../gateway/store-view.ts'
import { callAdmin, findAdmin } from './admin-call.ts'
import { type Command, UsageError } from './cli-io.ts'
import { printable } from './columns.ts'
import { parseArguments } from './parse-arguments.ts'
import { storeBucketTable } from './store-table.ts'

/** What the admin API answers. */
interface Probed {
  readonly store: string
  readonly buckets: readonly ProbedBucket[]
}

type ProbedBucket = StoreBucketView & { readonly problem?: string }

/** `signet stores probe NAME [--bucket BUCKET] [--full] [--json] [--config FILE] [--url URL]`. */
export const storesProbe: Command = {
  name: 'stores probe',
  usage: 'NAME [--bucket BUCKET] [--full] [--json] [--config FILE] [--url URL]',
  summary: 'look at what a store really enforces, and go by it from now on',
  help: `Signs URLs, parts and forms as callers get them, and turns them against the store, with the store's
real key pairs: some hundred requests of a few bytes below <prefix>.signet-probe/, removed
afterwards. Safe in production. Prints every step with what was seen, and what is signed because of
it; the running gateway and all that share its state store go by it at once.

  --bucket BUCKET  only where this gateway bucket lies. Default: every bucket that is in the store
  --full           also with parts of real size: some 20 MiB are sent
  --json           print the answer as JSON and nothing else
  --config FILE    configuration of the gateway that is asked, by its admin API. Default: the file
                   named by SIGNET_CONFIG, else config/signet.yaml
  --url URL        origin of the admin API; default: server.admin of FILE

Exits with 1 when a probe has not come to its end, left something behind, or nobody answers.
`,
  async run(args, io) {
    const text = { type: 'string' } as const
    const flag = { type: 'boolean' } as const
    const { values, positionals } = parseArguments(args, {
      options: { bucket: text, full: flag, json: flag, config: text, url: text },
      maxPositionals: 1,
    })
    const [name] = positionals
    if (name === undefined) throw new UsageError('Which store? Give its name')
    const target = await findAdmin({ file: values.config, url: values.url }, io)
    if (target === undefined) return 1
    const body = {
      full: values.full === true,
      ...(values.bucket !== undefined && { bucket: values.bucket }),
    }
    const path = `/admin/v1/stores/${encodeURIComponent(name)}/probe`
    const answer = await callAdmin(target, { path, body }, io)
    if (answer === undefined) return 1
    const { store, buckets } = answer as Probed
    const tables = buckets.map((bucket) => tableOf(store, bucket))
    io.stdout(values.json === true ? `${JSON.stringify(answer)}\n` : tables.join('\n'))
    return buckets.every(isInOrder) ? 0 : 1
  },
}

function tableOf(store: string, bucket: ProbedBucket): string {
  const { problem } = bucket
  return problem === undefined
    ? storeBucketTable(store, bucket)
    : `${printable(`${store}, bucket ${bucket.bucket}: ${problem}`)}\n`
}

function isInOrder({ lastProbe, problem }: ProbedBucket): boolean {
  return problem === undefined && lastProbe?.complete === true && lastProbe.leftovers.length === 0
}
