// Here before the first step, for what is loaded later takes a time that no virtual clock counts.
import '../../src/gateway/abandon-upload.ts'
import '../../src/gateway/charged.ts'
import '../../src/gateway/take-over.ts'
import { metrics, trace } from '@opentelemetry/api'
import type { Config, Secrets } from '../../src/config/config.ts'
import { createDirectoryOverlay } from '../../src/config/directory/overlay.ts'
import { GatewayError } from '../../src/errors.ts'
import { createAccounts } from '../../src/gateway/accounts.ts'
import { createCapacity } from '../../src/gateway/capacity.ts'
import { createCompletions } from '../../src/gateway/completions.ts'
import type { GatewayContext } from '../../src/gateway/context.ts'
import { createDirectory } from '../../src/gateway/directory/directory.ts'
import { createFailOpenLog } from '../../src/gateway/fail-open-log.ts'
import { createKeyUses } from '../../src/gateway/keys/key-uses.ts'
import { createKnownPlaces } from '../../src/gateway/known-places.ts'
import { LedgerTime } from '../../src/gateway/ledger-time.ts'
import { createLiveConfig } from '../../src/gateway/live-config.ts'
import { createLocalLimiter } from '../../src/gateway/local-limiter.ts'
import { createProbes } from '../../src/gateway/probe/probes.ts'
import { sweep } from '../../src/gateway/sweep.ts'
import { withDenyCache } from '../../src/ledger/deny-cache.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import type { Logger } from '../../src/log.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import { createNativePresigner } from '../../src/signing/native-presigner.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { createStoreHealth } from '../../src/stores/store-health.ts'
import { createTelemetry } from '../../src/telemetry.ts'
import type { Faults } from './faults.ts'
import type { Life } from './ledger-link.ts'
import type { Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {} }
const silentTelemetry = createTelemetry(metrics.getMeter('none'), trace.getTracer('none'))
const presigner = createNativePresigner(nodeHashing)
const secretOf = (name: string) => ({
  current: { version: 1, secret: new Secret(`${name} of simulations`) },
})
const secrets: Secrets = {
  pepper: secretOf('pepper'),
  ticketKey: secretOf('ticket key'),
  adminToken: secretOf('admin token'),
}

/** One process of the gateway: the real use cases on simulated ports, until it crashes. */
export class SimulatedGateway {
  readonly life: Life
  readonly context: GatewayContext
  /** How far its own clock is off, in milliseconds. */
  clockOffsetMs: number
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #whenDead = new Set<() => void>()

  constructor(options: {
    config: Config
    scheduler: Scheduler
    random: SeededRandom
    faults: () => Faults
    life: Life
    ledger: Ledger
    storeClient: StoreClient
    /** A reply that must not happen was seen. */
    alarmed: (facts: { op: string; code: string }) => void
  }) {
    const { config, scheduler, random, faults, life, storeClient } = options
    this.life = life
    this.#scheduler = scheduler
    this.#random = random
    this.clockOffsetMs = random.between(-2_000, 2_000)
    const clock = { nowMs: () => scheduler.nowMs + this.clockOffsetMs }
    const ledgerTime = new LedgerTime(clock)
    const ledger = withDenyCache(options.ledger, { clock, ledgerTime })
    const state = openMemoryState()
    const live = createLiveConfig({ config, secrets }, { hashing: nodeHashing, log: silent })
    this.context = {
      config,
      live,
      directory: createDirectory({
        state,
        overlay: createDirectoryOverlay({ hashing: nodeHashing }),
        stopwatch: clock,
        alone: true,
        onChange() {},
      }),
      keyUses: createKeyUses({ state, clock, hashing: nodeHashing }),
      sightings: { note() {}, async settled() {} },
      capacity: createCapacity({ ledger, state, hashing: nodeHashing, stopwatch: clock }),
      storeTruth: live.storeTruth,
      clock,
      ledgerTime,
      hashing: nodeHashing,
      random: (length) => random.bytes(length),
      ledger,
      state,
      presigner,
      storeClient,
      storeHealth: createStoreHealth({ clock, log: silent }),
      knownPlaces: createKnownPlaces(clock),
      send: () => Promise.reject(new Error('nobody probes here')),
      audit: {
        query: async () => ({ events: [] }),
        append: () =>
          new Promise((resolve, reject) => {
            const fails = random.chance(faults().auditFails)
            scheduler.after(random.wait(0.2), () => {
              if (!life.alive) return
              if (fails) reject(new GatewayError('Overloaded', 'Cannot record: the disk is full'))
              else resolve()
            })
          }),
        async close() {},
      },
      log: silent,
      telemetry: { ...silentTelemetry, ledgerAlarmed: options.alarmed },
      accounts: createAccounts(() => config, ledger, nodeHashing),
      localLimiter: createLocalLimiter(clock),
      completions: createCompletions(),
      probes: createProbes(),
      events: { hasRoom: () => false, take() {}, async stop() {} },
      failOpenLog: createFailOpenLog({ clock, log: silent }),
      shadowLog: { tell() {} },
      accessLog: { tell() {} },
      ticketKeys: live.sealing.ticketKeys,
      cursorKeys: live.sealing.cursorKeys,
    }
  }

  /** Sweeps again and again, with pauses of some seconds. */
  startSweeping(pauseMs: () => number): void {
    this.#scheduler.after(this.#random.wait(pauseMs()), () => {
      if (!this.life.alive) return
      const again = () => this.startSweeping(pauseMs)
      sweep(this.context, { isStopped: () => !this.life.alive }).then(again, again)
    })
  }

  /** Runs a use case; `undefined` when the process dies meanwhile. */
  run<T>(use: (context: GatewayContext) => Promise<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const died = () => resolve(undefined)
      this.#whenDead.add(died)
      use(this.context).then(
        (value) => {
          this.#whenDead.delete(died)
          resolve(value)
        },
        (error: unknown) => {
          this.#whenDead.delete(died)
          reject(error)
        },
      )
    })
  }

  /** Ends the process where it stands: what it was waiting for never comes. */
  crash(): void {
    this.life.alive = false
    for (const died of this.#whenDead) died()
    this.#whenDead.clear()
  }
}
