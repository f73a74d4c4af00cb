import { readFile } from 'node:fs/promises'
import { loadConfig } from '../../../src/config/load-config.ts'
import type { AppContext } from '../../../src/http/app-context.ts'
import { nodeHashing } from '../../../src/runtime/node-hashing.ts'
import { createStoreClient } from '../../../src/stores/s3-client.ts'
import {
  type GatewayProcess,
  type PreparedGateway,
  type Reopened,
  reopenGateway,
  SUICIDAL_ENTRY,
  startGateway,
} from '../gateway-process.ts'
import { openTemporaryDirectory } from '../stores/temporary-directory.ts'
import { type PreparedTenants, prepareTenants } from '../tenant-gateway.ts'
import { TestClock } from '../test-clock.ts'
import type { TestGatewayOptions } from '../test-gateway.ts'
import { initialiseLedger } from './initialise.ts'
import { openRedisServer, type RedisServer } from './redis-server.ts'
import { openShiftedLedger, shiftLedger } from './shifted-ledger.ts'

/** A gateway in this process, with clocks of the test's own. It sweeps when it is asked to. */
export interface ShiftedGateway extends Reopened {
  /** Says when this gateway thinks another one is gone. */
  readonly clock: TestClock
}

/** Several gateways on one Redis whose scripts' clock a test can move. */
export interface ShiftedGateways extends AsyncDisposable {
  readonly server: RedisServer
  readonly prepared: PreparedTenants
  readonly directory: string
  /** How far the ledger and the store are ahead of the machine, in milliseconds. */
  readonly aheadMs: number
  setAhead(ms: number): Promise<void>
  /** Opens a gateway in this process. The store's clock is the ledger's unless `storeNowMs` says. */
  open(storeNowMs?: () => number | undefined): Promise<ShiftedGateway>
  /** Starts one that kills itself at an await, where one is named. */
  start(killAt?: string): Promise<GatewayProcess>
}

/** Starts a Redis with an empty ledger; what is opened is closed with it. */
export async function openShiftedGateways(
  tenants: readonly string[],
  options: TestGatewayOptions,
): Promise<ShiftedGateways> {
  await using opened = new AsyncDisposableStack()
  const { path, close } = await openTemporaryDirectory()
  opened.defer(close)
  const server = opened.use(await openRedisServer({ appendOnly: 'always' }))
  const prepared = await prepareTenants(path, tenants, options, {
    state: server.url,
    ledger: { commandTimeoutMs: 5_000 },
  })
  await initialiseLedger(prepared)
  const closing = opened.move()
  let aheadMs = 0
  const storeNow = () => Date.now() + aheadMs
  return {
    server,
    prepared,
    directory: path,
    get aheadMs() {
      return aheadMs
    },
    async setAhead(ms) {
      aheadMs = ms
      await shiftLedger(server, ms)
    },
    async open(storeNowMs = storeNow) {
      const clock = new TestClock(Date.now())
      const ledger = await openShiftedLedger(await configOf(prepared), clock)
      const storeClient = clientOf(storeNowMs)
      const gateway = closing.use(await reopenGateway(prepared, { clock, ledger, storeClient }))
      return { ...gateway, clock }
    },
    async start(killAt = '') {
      const env = { KILL_AT: killAt, LEDGER_SHIFTS: 'yes', CLOCK_SHIFT_MS: String(aheadMs) }
      return closing.use(await startGateway(prepared, { entry: SUICIDAL_ENTRY, env }))
    },
    [Symbol.asyncDispose]: () => closing.disposeAsync(),
  }
}

function clientOf(storeNowMs: () => number | undefined): AppContext['storeClient'] {
  const client = createStoreClient({ fetch })
  return {
    ...client,
    async head(place, versionId) {
      const head = await client.head(place, versionId)
      const nowMs = storeNowMs()
      return nowMs === undefined ? head : { ...head, storeNowMs: nowMs }
    },
  }
}

async function configOf({ file }: PreparedGateway) {
  const readText = (path: string) => readFile(path, 'utf8')
  const sources = { env: {}, readText, hashing: nodeHashing }
  return (await loadConfig(await readText(file), file, sources)).config
}
