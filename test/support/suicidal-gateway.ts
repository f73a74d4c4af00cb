import { readFile } from 'node:fs/promises'
import type { Audit } from '../../src/audit/port.ts'
import { systemClock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { createAdminApp } from '../../src/http/create-admin-app.ts'
import { createApp } from '../../src/http/create-app.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { listenNode } from '../../src/runtime/listen-node.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { openContext } from '../../src/runtime/open-context.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'

// The entry file of a gateway that SIGKILLs itself at the await that KILL_AT names, with a clock that
// is CLOCK_SHIFT_MS ahead. It sweeps only when it is asked to, by its admin API.
const killAt = process.env.KILL_AT ?? ''
const shiftMs = Number(process.env.CLOCK_SHIFT_MS ?? '0')

/** Ends the process when this is the named await, as if its power had gone: it never returns. */
async function dieAt(...names: readonly string[]): Promise<void> {
  if (!names.includes(killAt)) return
  process.kill(process.pid, 'SIGKILL')
  await new Promise(() => {})
}

function mortalLedger(ledger: Ledger): Ledger {
  return {
    ...ledger,
    async admit(command) {
      const reply = await ledger.admit(command)
      if (command.op === 'R') await dieAt('after reserve')
      return reply
    },
    async finish(command) {
      const reply = await ledger.finish(command)
      await dieAt(`after finish ${command.op}`)
      return reply
    },
    async claim(request) {
      const claimed = await ledger.claim(request)
      if (claimed.reservations.length > 0) await dieAt('after claim')
      return claimed
    },
  }
}

function mortalAudit(audit: Audit): Audit {
  return {
    ...audit,
    async append(event) {
      if (event.event === 'upload.granted') await dieAt('before audit')
      await audit.append(event)
      if (event.event === 'upload.granted') await dieAt('before answer')
    },
  }
}

function mortalClient(client: StoreClient): StoreClient {
  return {
    ...client,
    async head(place, versionId) {
      const head = await client.head(place, versionId)
      await dieAt('after HEAD')
      return { ...head, storeNowMs: (head.storeNowMs ?? Date.now()) + shiftMs }
    },
  }
}

const file = process.env.SIGNET_CONFIG ?? ''
const readText = (path: string) => readFile(path, 'utf8')
const { config, secrets } = await loadConfig(await readText(file), file, {
  env: process.env,
  readText,
  hashing: nodeHashing,
})
const closing = new AsyncDisposableStack()
const clock = { nowMs: () => systemClock.nowMs() + shiftMs }
const ports = await openContext(config, secrets, closing, { clock })
const context = {
  ...ports,
  config,
  ledger: mortalLedger(ports.ledger),
  audit: mortalAudit(ports.audit),
  storeClient: mortalClient(ports.storeClient),
}
const admin = await listenNode(createAdminApp(context).fetch, config.server.admin, config.server)
const api = await listenNode(createApp(context).fetch, config.server.listen, config.server)
context.lifecycle.state = 'ready'
const urlOf = ({ address }: typeof api) => `http://${address.address}:${address.port}`
context.log.info('gateway.ready', { gatewayUrl: urlOf(api), adminUrl: urlOf(admin) })
