import type { Config } from '../../src/config/config.ts'
import { GatewayError } from '../../src/errors.ts'
import type { GatewayContext } from '../../src/gateway/context.ts'
import { creditDigest, creditId } from '../../src/gateway/credit-hold.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { limitId } from '../../src/limits/limit-id.ts'
import { ObjectKey } from '../../src/object-key.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { placeAt } from '../../src/stores/place-object.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'
import {
  type Circumstances,
  drawCircumstances,
  drawFaults,
  type Faults,
  NO_FAULTS,
} from './faults.ts'
import { Invariants } from './invariants.ts'
import { LedgerLink, type Life } from './ledger-link.ts'
import { LedgerServer, type ServerDefects } from './ledger-server.ts'
import { Scheduler } from './scheduler.ts'
import { SeededRandom } from './seeded-random.ts'
import { RETENTION_HOURS, type SimulatedConfig } from './simulated-config.ts'
import { SimulatedGateway } from './simulated-gateway.ts'
import { SimulatedStore } from './simulated-store.ts'
import { type ByEvent, StoreEvents } from './store-events.ts'
import { type StoredLimit, StoreTruth } from './store-truth.ts'
import { type Trace, Violation } from './violation.ts'

/** Defects put around the real code: what a simulation must find. */
export interface Defects {
  readonly server?: ServerDefects
  readonly ledger?: (ledger: Ledger) => Ledger
  readonly storeClient?: (client: StoreClient, world: World) => StoreClient
  readonly byEvent?: ByEvent
}

/** What came of a client's request; `lost` when there was no answer. */
export type Outcome<T> =
  | { readonly how: 'answered'; readonly value: T }
  | { readonly how: 'refused'; readonly error: GatewayError }
  | { readonly how: 'lost' }

const START_MS = Date.UTC(2026, 2, 28, 12)
const GATEWAYS = 3
const HOUR_MS = 3_600_000
const RETENTION_MS = RETENTION_HOURS * HOUR_MS
const REST_LIMIT_MS = HOUR_MS
/** Mean times between events that nothing has happened for, and between removals past all gateways. */
const FORGED_EVERY_MS = 5_000
const REMOVED_EVERY_MS = 10_000

export interface WorldOptions {
  readonly onLine?: ((line: string) => void) | undefined
  /** Whether the store sends events, and objects are removed past all gateways. Default false. */
  readonly events?: boolean
}

/** Gateways, ledger, store and clients of one run, on one virtual clock. */
export class World {
  readonly scheduler = new Scheduler(START_MS)
  readonly random: SeededRandom
  readonly server: LedgerServer
  readonly store: SimulatedStore
  readonly truth: StoreTruth
  readonly invariants: Invariants
  readonly circumstances: Circumstances
  faults: Faults
  /** Nobody asks for anything before that. */
  quietUntilMs = 0
  resting = false
  /** Uploads that clients are still transferring. */
  transfers = 0
  violation: Violation | undefined
  readonly #seed: number
  readonly #config: SimulatedConfig
  readonly #defects: Defects
  readonly #gateways: SimulatedGateway[] = []
  /** Absent: the store sends none. */
  readonly #events: StoreEvents | undefined
  #born = 0

  constructor(
    seed: number,
    config: SimulatedConfig,
    defects: Defects,
    { onLine, events = false }: WorldOptions = {},
  ) {
    this.#seed = seed
    this.#config = config
    this.#defects = defects
    this.random = new SeededRandom(seed, 'world')
    this.faults = drawFaults(new SeededRandom(seed, 'faults'))
    this.circumstances = drawCircumstances(new SeededRandom(seed, 'circumstances'))
    const trace: Trace | undefined =
      onLine && ((line) => onLine(`${this.scheduler.steps} ${this.#clock()} ${line()}`))
    const fail = (invariant: string, detail: string) => this.fail(invariant, detail)
    const faults = () => this.faults
    const primary = () => this.server.primary
    const place = (key: string) => placeOf(config.generous, key)
    this.truth = new StoreTruth({
      limits: storedLimits(config.generous),
      primary,
      replica: () => this.server.replica,
      storeNowMs: () => this.store.nowMs(),
      objects: () => this.store.objects,
      multiparts: () => this.store.multiparts,
      calm: isCalm(this.faults),
      punctual: isPunctual(this.faults, this.circumstances),
      creditIdOf: (key, rid) => creditId(creditDigest({ hashing: nodeHashing }, place(key), rid)),
      fail,
      trace,
    })
    this.invariants = new Invariants({ truth: this.truth, primary, fail, trace })
    const common = { scheduler: this.scheduler, faults }
    this.server = new LedgerServer({
      ...common,
      random: new SeededRandom(seed, 'server'),
      watch: this.invariants,
      defects: defects.server ?? {},
      retentionMs: RETENTION_MS,
    })
    if (events) this.#events = this.#openEvents()
    this.store = new SimulatedStore({
      ...common,
      random: new SeededRandom(seed, 'store'),
      circumstances: this.circumstances,
      watch: this.#events ?? this.truth,
    })
    for (let slot = 0; slot < GATEWAYS; slot += 1) this.#start(slot)
  }

  fail(invariant: string, detail: string): void {
    const at = { seed: this.#seed, step: this.scheduler.steps }
    this.violation ??= new Violation(invariant, detail, at)
  }

  /** One event, all that follows from it, and the invariants. Throws the `Violation` that it showed. */
  async step(): Promise<void> {
    await this.scheduler.step()
    this.truth.check()
    if (this.violation !== undefined) throw this.violation
  }

  /** A client's request to one of the gateways, by a network that loses requests and answers. */
  async request<T>(use: (context: GatewayContext) => Promise<T>): Promise<Outcome<T>> {
    const { random, scheduler } = this
    const lost = random.chance(this.faults.clientLost)
    const answerLost = random.chance(this.faults.clientLost)
    await scheduler.sleep(lost ? 5_000 : random.wait(2))
    const gateway = random.pick(this.#gateways)
    if (lost || !gateway.life.alive) return { how: 'lost' }
    try {
      const value = await gateway.run(use)
      if (value === undefined) return { how: 'lost' }
      await scheduler.sleep(answerLost ? 5_000 : random.wait(2))
      return answerLost ? { how: 'lost' } : { how: 'answered', value }
    } catch (error) {
      if (!(error instanceof GatewayError) || error.code === 'InternalError') {
        this.fail('errors', String(error instanceof Error ? (error.stack ?? error) : error))
        throw error
      }
      await scheduler.sleep(random.wait(2))
      return { how: 'refused', error }
    }
  }

  /** Lets faults happen by themselves, each after its own mean time. */
  startFaults(): void {
    const { faults, random, scheduler, server } = this
    this.#recur(faults.failoverEveryMs, () => {
      server.clockOffsetMs += random.between(-1_000, 1_000)
      server.failOver()
    })
    this.#recur(faults.outageEveryMs, () => {
      server.isDown = true
      scheduler.after(random.wait(5_000), () => {
        server.isDown = false
      })
    })
    this.#recur(faults.crashEveryMs, () => {
      const slot = random.between(0, GATEWAYS - 1)
      this.#gateways[slot]?.crash()
      scheduler.after(random.wait(2_000), () => this.#start(slot))
    })
    this.#recur(faults.gatewayClockJumpEveryMs, () => {
      const gateway = random.pick(this.#gateways)
      gateway.clockOffsetMs = random.chance(0.3) ? 0 : random.between(-HOUR_MS, HOUR_MS)
    })
    // Without a date of the store, the ledger's clock is all there is to go by.
    this.#recur(this.circumstances.storeSendsDate ? faults.ledgerClockStepEveryMs : 0, () => {
      const far = random.chance(0.2) ? HOUR_MS : 30_000
      server.clockOffsetMs = random.chance(0.3) ? 0 : random.between(-far, far)
    })
    this.#recur(faults.idleEveryMs, () => {
      this.quietUntilMs = scheduler.nowMs + random.fraction() * 3 * HOUR_MS
    })
    if (this.#events !== undefined) this.#startEvents(this.#events)
  }

  #startEvents(events: StoreEvents): void {
    const random = new SeededRandom(this.#seed, 'removals')
    this.#recur(REMOVED_EVERY_MS, () => {
      const there = [...this.store.objects]
      if (there.length === 0) return
      const [key, { rid }] = random.pick(there)
      this.store.discard({ key, rid })
    })
    // Of an upload that may have been refused, may still come, or may be there: with its own ticket.
    this.#recur(FORGED_EVERY_MS, () => {
      const granted = [...this.truth.lastGranted.values()]
      if (granted.length === 0) return
      const { key, headers } = random.pick(granted)
      const type = random.chance(0.7) ? 'removed' : 'created'
      events.send(type, key, headers['x-amz-meta-signet'] ?? '')
    })
  }

  #openEvents(): StoreEvents {
    const random = new SeededRandom(this.#seed, 'events')
    return new StoreEvents({
      watch: this.truth,
      scheduler: this.scheduler,
      random,
      byEvent: this.#defects.byEvent,
      deliver: (use) => {
        const gateway = random.pick(this.#gateways)
        return gateway.life.alive ? gateway.run(use) : undefined
      },
      broken: (error) => this.fail('errors', String(error instanceof Error ? error.stack : error)),
    })
  }

  /** All faults end; every reservation must come to its end, and the books must fit the store. */
  async rest(): Promise<void> {
    this.resting = true
    this.faults = NO_FAULTS
    this.server.isDown = false
    this.quietUntilMs = 0
    const untilMs = this.scheduler.nowMs + this.#longestMs()
    for (;;) {
      await this.step()
      const busy = this.transfers > 0 || this.truth.unended
      if (!busy || this.scheduler.nowMs > untilMs) break
    }
    this.truth.checkAtRest()
    if (this.violation !== undefined) throw this.violation
  }

  /** Until the last `exp`, wherever ledger's and store's clocks stand, and then the longest back-off. */
  #longestMs(): number {
    const { primary } = this.server
    const last = Math.max(0, ...[...primary.records.values()].map(({ expMs }) => expMs))
    const storeIsBehindMs = Math.max(0, this.server.nowMs() - this.store.nowMs())
    return Math.max(0, last - this.server.nowMs()) + storeIsBehindMs + REST_LIMIT_MS
  }

  /** Time since the start, the ledger's and the store's relative to it, in seconds. */
  #clock(): string {
    const offsets = [this.server.clockOffsetMs, this.circumstances.storeSkewMs]
    const seconds = (this.scheduler.nowMs - START_MS) / 1000
    return `${seconds.toFixed(3)} ${offsets.map((ms) => (ms / 1000).toFixed(1)).join(' ')}`
  }

  #recur(everyMs: number, happen: () => void): void {
    if (everyMs === 0) return
    this.scheduler.after(this.random.wait(everyMs), () => {
      if (this.resting) return
      if (this.scheduler.nowMs >= this.quietUntilMs || this.random.chance(0.1)) happen()
      this.#recur(everyMs, happen)
    })
  }

  #start(slot: number): void {
    if (this.#gateways[slot]?.life.alive === true) return
    this.#born += 1
    const life: Life = { alive: true }
    const random = new SeededRandom(this.#seed, `gateway ${this.#born}`)
    const common = { scheduler: this.scheduler, faults: () => this.faults, random, life }
    const ledger = new LedgerLink({ ...common, server: this.server })
    const storeClient = this.store.clientOf(life)
    const gateway = new SimulatedGateway({
      ...common,
      config: random.chance(0.5) ? this.#config.generous : this.#config.strict,
      ledger: this.#defects.ledger?.(ledger) ?? ledger,
      storeClient: this.#defects.storeClient?.(storeClient, this) ?? storeClient,
      alarmed: ({ op, code }) => {
        if (code === 'CORRUPT' || code === 'CONFLICT') this.fail('alarm', `${op} met ${code}`)
      },
    })
    this.#gateways[slot] = gateway
    gateway.startSweeping(() => (this.scheduler.nowMs < this.quietUntilMs ? 300_000 : 10_000))
  }
}

/** Whether no clock ever jumps, and nothing is left alone for hours. */
function isCalm({ gatewayClockJumpEveryMs, ledgerClockStepEveryMs, idleEveryMs }: Faults): boolean {
  return gatewayClockJumpEveryMs + ledgerClockStepEveryMs + idleEveryMs === 0
}

/** Whether clocks differ by less than what a gateway allows for when it looks for leftovers. */
function isPunctual(
  { gatewayClockJumpEveryMs, ledgerClockStepEveryMs }: Faults,
  { storeSkewMs }: Circumstances,
): boolean {
  return gatewayClockJumpEveryMs + ledgerClockStepEveryMs === 0 && Math.abs(storeSkewMs) < 100_000
}

function placeOf(config: Config, storedKey: string) {
  const bucket = config.buckets.get('media')
  if (bucket === undefined) throw new Error('the simulated configuration has a bucket "media"')
  const key = storedKey.slice(storedKey.indexOf('/') + 1)
  return placeAt(bucket.placements[0], ObjectKey.parse(key))
}

function storedLimits(config: Config): StoredLimit[] {
  const [plan] = config.plans.values()
  return (plan?.quotas ?? []).flatMap(({ policy, per, unit, limit }): StoredLimit[] => {
    if (unit !== 'stored-bytes' && unit !== 'stored-objects') return []
    const counts = unit === 'stored-bytes' ? 'bytes' : 'objects'
    const letter = per === 'user' ? 'u' : 't'
    return [{ id: limitId(nodeHashing, policy), counts, letter, limit }]
  })
}
