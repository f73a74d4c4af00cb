import { createCapacity } from '../../src/gateway/capacity.ts'
import { readAllotment } from '../../src/gateway/capacity-chunks.ts'
import { LedgerTime } from '../../src/gateway/ledger-time.ts'
import { newTendingMemory, tendCapacity } from '../../src/gateway/tend-capacity.ts'
import { withDenyCache } from '../../src/ledger/deny-cache.ts'
import { type MemoryLedger, openMemoryLedger } from '../../src/ledger/memory.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/port.ts'
import { TestClock } from '../support/test-clock.ts'
import {
  openTestGateway,
  type TestGateway,
  type TestGatewayOptions,
  uploadBody,
} from '../support/test-gateway.ts'

/** As on Redis and on Durable Objects. */
const PARTITIONS = 256

/** A gateway whose ledger is in memory, but has many partitions: a store's room is divided among them. */
export interface GatewayOfPartitions extends TestGateway {
  readonly state: StateStore
  readonly ledger: Ledger
  /** Reservations and charges that the ledger was asked for. */
  asked(): number
  /** An upload by a tenant's only user. */
  ask(tenant: string, sizeBytes: number, members?: Record<string, unknown>): Promise<Response>
  /** The same, granted: its id. */
  granted(tenant: string, sizeBytes: number): Promise<string>
  /** Ends an upload as if it had never come. */
  giveUp(tenant: string, id: string): Promise<void>
  /** A round of upkeep. */
  tend(): Promise<void>
  /** By partition, what it may admit by at the store `main`. */
  chunks(): Promise<ReadonlyMap<number, number>>
}

/** Opens one; `state`: where the division is kept, which others may share. */
export async function gatewayOfPartitions(
  options: TestGatewayOptions & {
    readonly state?: StateStore
    /** Default: one of its own. */
    readonly ledger?: Ledger
    /** Whether refusals by rates are remembered beside the ledger. Default false. */
    readonly remembers?: boolean
  } = {},
): Promise<GatewayOfPartitions> {
  const clock = options.clock ?? new TestClock(Date.now())
  const state = options.state ?? openMemoryState()
  let asked = 0
  const own = partitionedLedger(clock, () => {
    asked += 1
  })
  const partitioned = options.ledger ?? own
  const ledgerTime = new LedgerTime(clock)
  const ledger = options.remembers ? withDenyCache(partitioned, { clock, ledgerTime }) : partitioned
  const capacity = createCapacity({ ledger, state, hashing: nodeHashing, stopwatch: clock })
  const tenants = options.tenants ?? { acme: ['alice'], globex: ['alice'], initech: ['alice'] }
  const overrides = { ledger, state, capacity, ...options.overrides }
  const gateway = await openTestGateway({ ...options, clock, tenants, overrides })
  const memory = newTendingMemory()
  let made = 0
  const ask = (tenant: string, sizeBytes: number, members: Record<string, unknown> = {}) => {
    made += 1
    const key = `${tenant}/alice/${made}`
    const body = uploadBody({ key, sizeBytes, ...members })
    return gateway.call('POST', '/v1/uploads', body, { who: `${tenant}/alice` })
  }
  return {
    ...gateway,
    state,
    ledger,
    asked: () => asked,
    ask,
    async granted(tenant, sizeBytes) {
      const answer = await ask(tenant, sizeBytes)
      if (answer.status !== 201) throw new Error(`refused: ${await answer.text()}`)
      const { id } = (await answer.json()) as { id: string }
      return id
    },
    async giveUp(tenant, id) {
      const { partition } = gateway.context.accounts.of(tenant, 'alice')
      const found = await ledger.find({ partition, rid: id })
      if (found === undefined) throw new Error('the reservation is not there')
      await ledger.finish({ ...found, op: 'V' })
    },
    tend: () => tendCapacity(gateway.context, { memory, stopwatch: clock }),
    chunks: async () => (await readAllotment(state, 'main')).allotment.chunks,
  }
}

function partitionedLedger(clock: TestClock, onAsk: () => void): Ledger {
  const parts = Array.from({ length: PARTITIONS }, () => openMemoryLedger({ clock, salt: 'salt' }))
  const [first] = parts as [MemoryLedger, ...MemoryLedger[]]
  const of = (partition: number) => parts[partition] ?? first
  return {
    ...first,
    partitions: PARTITIONS,
    share: async () => [...parts.keys()],
    admit(command) {
      if (command.op !== 'Q') onAsk()
      return of(command.partition).admit(command)
    },
    finish: (command) => of(command.partition).finish(command),
    async find(ref) {
      const found = await of(ref.partition).find(ref)
      return found && { ...found, partition: ref.partition }
    },
    claim: (request) => of(request.partition).claim(request),
    list: (request) => of(request.partition).list(request),
    recent: (request) => of(request.partition).recent(request),
  }
}
