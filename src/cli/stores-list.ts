import type { StoreView } from '../gateway/store-view.ts'
import { callAdmin, findAdmin } from './admin-call.ts'
import type { Command } from './cli-io.ts'
import { parseArguments } from './parse-arguments.ts'
import { storesTable } from './store-table.ts'

/** `signet stores list [--json] [--config FILE] [--url URL]`. */
export const storesList: Command = {
  name: 'stores list',
  usage: '[--json] [--config FILE] [--url URL]',
  summary: 'show the stores of a running gateway, and what is signed for each bucket',
  help: `Asks nobody but the gateway: what it shows is what it goes by. "signet stores probe" looks again.

  --json          print the answer as JSON and nothing else
  --config FILE   configuration of the gateway that is asked, by its admin API. Default: the file
                  named by SIGNET_CONFIG, else config/signet.yaml
  --url URL       origin of the admin API; default: server.admin of FILE
`,
  async run(args, io) {
    const text = { type: 'string' } as const
    const { values } = parseArguments(args, {
      options: { json: { type: 'boolean' }, config: text, url: text },
      maxPositionals: 0,
    })
    const target = await findAdmin({ file: values.config, url: values.url }, io)
    if (target === undefined) return 1
    const answer = await callAdmin(target, { path: '/admin/v1/stores' }, io)
    if (answer === undefined) return 1
    const { stores } = answer as { stores: readonly StoreView[] }
    io.stdout(values.json === true ? `${JSON.stringify(answer)}\n` : storesTable(stores))
    return 0
  },
}
