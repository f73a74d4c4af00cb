import { readFile } from 'node:fs/promises'
import { systemClock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import { createAdminApp } from '../../src/http/create-admin-app.ts'
import { createApp } from '../../src/http/create-app.ts'
import { listenNode } from '../../src/runtime/listen-node.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { openContext } from '../../src/runtime/open-context.ts'
import { openShiftedLedger } from './redis/shifted-ledger.ts'
import { watchedPorts } from './watched-ports.ts'

// The entry file of a gateway that SIGKILLs itself at the await that KILL_AT names, with a clock that
// is CLOCK_SHIFT_MS ahead. It sweeps only when it is asked to, by its admin API. With LEDGER_SHIFTS=yes
// the ledger on Redis takes its clock from where a test can move it.
const killAt = process.env.KILL_AT ?? ''
const shiftMs = Number(process.env.CLOCK_SHIFT_MS ?? '0')

/** Ends the process when this is the named await, as if its power had gone: it never returns. */
async function dieAt(...names: readonly string[]): Promise<void> {
  if (!names.includes(killAt)) return
  process.kill(process.pid, 'SIGKILL')
  await new Promise(() => {})
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
const shifts = process.env.LEDGER_SHIFTS === 'yes'
const ports = await openContext(config, secrets, closing, {
  clock,
  ...(shifts && { ledger: await openShiftedLedger(config) }),
})
const context = {
  ...ports,
  config,
  ...watchedPorts(ports, { at: dieAt, storeShiftMs: shiftMs }),
}
const admin = await listenNode(createAdminApp(context).fetch, config.server.admin, config.server)
const api = await listenNode(createApp(context).fetch, config.server.listen, config.server)
context.lifecycle.state = 'ready'
const urlOf = ({ address }: typeof api) => `http://${address.address}:${address.port}`
context.log.info('gateway.ready', { gatewayUrl: urlOf(api), adminUrl: urlOf(admin) })
