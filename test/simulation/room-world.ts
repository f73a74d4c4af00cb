import type { Clock } from '../../src/clock.ts'
import type { Account } from '../../src/gateway/accounts.ts'
import { admit, NO_DEMAND } from '../../src/gateway/admit.ts'
import { createCapacity } from '../../src/gateway/capacity.ts'
import { freeBytes, parseAllotment, UNDIVIDED } from '../../src/gateway/capacity-allotment.ts'
import { LedgerTime } from '../../src/gateway/ledger-time.ts'
import { newTendingMemory, tendCapacity } from '../../src/gateway/tend-capacity.ts'
import { type MemoryLedger, openMemoryLedger } from '../../src/ledger/memory.ts'
import type { Ledger, ReserveCommand } from '../../src/ledger/port.ts'
import { createLogger } from '../../src/log.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { openMemoryState } from '../../src/state/memory.ts'
import type { StateStore } from '../../src/state/port.ts'
import { compiled } from '../limits/limit-fixture.ts'
import { Scheduler } from './scheduler.ts'
import { SeededRandom } from './seeded-random.ts'
import { Violation } from './violation.ts'

/** What may be wrong with the gateways of a history, so that it is found. */
export interface RoomDefects {
  /** By which gateways say how old their views are. */
  readonly viewClock?: (clock: Clock) => Clock
  /** By which they say for how long they have seen a return. */
  readonly tendingClock?: (clock: Clock) => Clock
  readonly state?: (state: StateStore) => StateStore
}

/** How a history ended. */
export interface RoomHistory {
  readonly granted: number
  readonly refused: number
  readonly returns: number
  /** The most that was ever in the store, in bytes. */
  readonly most: number
}

export const CAPACITY = 100_000
const STORE = { name: 'main', capacityBytes: CAPACITY }
const START_MS = Date.UTC(2026, 0, 15)
const PARTITIONS = 6
/** Nobody uploads to the last partition before the end. */
const BUSY_PARTITIONS = PARTITIONS - 1
const GATEWAYS = 3
/** Uploads that come elsewhere than most. */
const APART = 0.1
const LARGEST = 12_000
/** Often, so that nothing rests on rounds that are far apart. */
const EVERY_MS = 6_000
const QUIET_MS = 600_000
/** Of a command or a document on its way; a few take much longer. */
const DELAY_MS = 20
const LONG_MS = 9_000

/**
 * Three gateways fill one store from five partitions of one ledger, over a slow network that loses answers,
 * and restart now and then; the same seed is the same history. After each step no more is in the store than it
 * may hold. In the end, when nobody uploads any more, room is where it is needed again. Throws `Violation`.
 */
export async function fillStore(seed: number, steps: number, defects: RoomDefects = {}) {
  const scheduler = new Scheduler(START_MS)
  const random = new SeededRandom(seed, 'room')
  const clock: Clock = { nowMs: () => scheduler.nowMs }
  const parts = Array.from({ length: PARTITIONS }, () => openMemoryLedger({ clock, salt: 'salt' }))
  const stored = openMemoryState()
  let current = UNDIVIDED
  const watched: StateStore = {
    ...stored,
    async put(document) {
      const version = await stored.put(document)
      if (version !== undefined) current = parseAllotment(document.value)
      return version
    },
  }
  const state = (defects.state ?? ((same) => same))(watched)
  const network = networkOf(scheduler, random)
  const ledger = ledgerOf(parts, network)
  const gateways = Array.from({ length: GATEWAYS }, (_, at) => ({ at, life: 0, ...newGateway() }))
  const seen = { granted: 0, refused: 0, returns: 0, most: 0 }
  let quiet = false
  let busy = 0
  let serving = 0

  /** Who uploads changes, and where: so room has to move, and gateways come back with old views. */
  function nextSeason(): void {
    busy = random.between(0, BUSY_PARTITIONS - 1)
    serving = random.between(0, GATEWAYS - 1)
    if (!quiet) scheduler.after(random.wait(45_000), nextSeason)
  }

  function newGateway() {
    const slow: StateStore = {
      ...state,
      get: (name) => network(() => state.get(name)),
      put: (document) => network(() => state.put(document)),
    }
    const capacity = createCapacity({
      ...{ ledger, state: slow, hashing: nodeHashing },
      stopwatch: (defects.viewClock ?? ((same) => same))(clock),
      pause: (tries) => scheduler.sleep(random.wait(DELAY_MS * tries)),
    })
    const log = createLogger({ write() {}, clock })
    const common = { capacity, ledger, state: slow, log, ledgerTime: new LedgerTime(clock) }
    const random16 = (length: number) => random.bytes(length)
    const telemetry = { storeRoomMeasured() {}, ledgerAlarmed() {} } as never
    const config = { stores: new Map([[STORE.name, STORE]]) } as never
    return {
      context: { ...common, random: random16, telemetry, config },
      memory: newTendingMemory(),
    }
  }

  async function client(): Promise<void> {
    while (!quiet) {
      await scheduler.sleep(random.wait(2_000))
      const apart = random.chance(APART)
      const gateway = gateways[apart ? random.between(0, GATEWAYS - 1) : serving]
      const partition = apart ? random.between(0, BUSY_PARTITIONS - 1) : busy
      if (gateway === undefined) continue
      const bytes = random.between(1, random.chance(0.2) ? LARGEST : LARGEST / 4)
      await upload(gateway, { partition, bytes }).catch(() => {})
    }
  }

  /** Whether it was not refused: an answer that came too late says nothing. */
  async function upload(
    { context }: (typeof gateways)[number],
    { partition, bytes }: { readonly partition: number; readonly bytes: number },
  ): Promise<boolean> {
    const rid = `up_${random.bytes(8).join('')}`
    const { command, reply, fullStores } = await admit(context, accountIn(partition), NO_DEMAND, {
      stores: [{ store: STORE, bytes }],
      commandOf: (demanded): ReserveCommand => ({
        ...{ ...demanded, op: 'R', rid, fingerprint: 'fp', note: '{}' },
        ...{ ttlMs: 60_000, lookMs: 60_000 },
      }),
    })
    if (reply.code !== 'OK') {
      seen.refused += fullStores.length
      return reply.code !== 'DENIED'
    }
    seen.granted += 1
    const lives = random.chance(0.1) ? 400_000 : random.wait(40_000)
    scheduler.after(lives, () => void parts[partition]?.finish({ ...command, op: 'V' }))
    return true
  }

  function tend(at: number): void {
    const gateway = gateways[at]
    if (gateway === undefined) return
    const stopwatch = (defects.tendingClock ?? ((same) => same))(clock)
    const { context, memory, life } = gateway
    void tendCapacity(
      { ...context, ledger: { ...ledger, share: () => shareOf(at) } },
      { memory, stopwatch },
    )
      .catch(() => {})
      .finally(() => {
        if (gateways[at]?.life === life) scheduler.after(EVERY_MS, () => tend(at))
      })
  }

  /** Two gateways may believe that a partition is theirs. */
  async function shareOf(at: number): Promise<readonly number[]> {
    return Array.from({ length: PARTITIONS }, (_, partition) => partition).filter(
      (partition) => partition % GATEWAYS === at || random.chance(0.2),
    )
  }

  function restart(): void {
    const at = random.between(0, GATEWAYS - 1)
    gateways[at] = { at, life: (gateways[at]?.life ?? 0) + 1, ...newGateway() }
    scheduler.after(0, () => tend(at))
    if (!quiet) scheduler.after(random.wait(120_000), restart)
  }

  function broken(invariant: string, detail: string): Violation {
    return new Violation(invariant, detail, { seed, step: scheduler.steps })
  }

  function check(): void {
    const used = parts.reduce((sum, part) => sum + usedIn(part), 0)
    seen.most = Math.max(seen.most, used)
    if (used > CAPACITY) throw broken('R1', `${used} bytes are in the store`)
    seen.returns = Math.max(seen.returns, current.returns.size)
    const free = freeBytes(current, CAPACITY)
    if (free < 0) throw broken('R2', `${-free} bytes are given out twice`)
  }

  for (let at = 0; at < GATEWAYS; at += 1)
    scheduler.after(random.between(0, EVERY_MS), () => tend(at))
  nextSeason()
  for (let each = 0; each < 5; each += 1) void client()
  scheduler.after(random.wait(120_000), restart)
  while (scheduler.steps < steps && (await scheduler.step())) check()
  quiet = true
  const restMs = scheduler.nowMs + LONG_MS + QUIET_MS
  while (scheduler.nowMs < restMs && (await scheduler.step())) check()
  const [gateway] = gateways
  if (gateway === undefined) throw broken('R3', 'there is no gateway')
  const textOf = () =>
    JSON.stringify({
      chunks: [...current.chunks],
      returns: [...current.returns],
      used: parts.map(usedIn),
    })
  const inUse = parts.reduce((sum, part) => sum + usedIn(part), 0)
  const bytes = Math.floor(Math.min(CAPACITY - inUse, CAPACITY / 16))
  let granted: boolean | undefined
  // What the network loses tells nothing.
  const last = upload(gateway, { partition: PARTITIONS - 1, bytes }).catch(() => true)
  void last.then((is) => {
    granted = is
  })
  while (granted === undefined && (await scheduler.step())) check()
  if (granted !== true) {
    throw broken('R3', `${bytes} bytes found no room beside ${textOf()}`)
  }
  return seen satisfies RoomHistory
}

function accountIn(partition: number): Account {
  const subjects = { user: `u-${partition}`, tenant: `t-${partition}` }
  return { tenant: 't', user: 'u', partition, subjects, limits: compiled({}) }
}

function usedIn(part: MemoryLedger): number {
  let used = 0
  for (const [subject, state] of part.subjects()) {
    if (subject.startsWith('s')) used += (state[4] ?? 0) + (state[5] ?? 0)
  }
  return used
}

/** What is sent arrives late, and so do answers; some never come, and what was asked was done or not. */
function networkOf(scheduler: Scheduler, random: SeededRandom) {
  const delay = () => random.wait(random.chance(0.01) ? LONG_MS / 3 : DELAY_MS)
  return async <T>(work: () => Promise<T>): Promise<T> => {
    await scheduler.sleep(Math.min(delay(), LONG_MS))
    if (random.chance(0.01)) throw new Error('lost on the way')
    const answer = await work()
    await scheduler.sleep(Math.min(delay(), LONG_MS))
    if (random.chance(0.01)) throw new Error('lost on the way back')
    return answer
  }
}

/** One ledger of several partitions. */
function ledgerOf(parts: readonly MemoryLedger[], network: ReturnType<typeof networkOf>): Ledger {
  const [first] = parts as [MemoryLedger, ...MemoryLedger[]]
  return {
    ...first,
    partitions: parts.length,
    admit: (command) => network(async () => (parts[command.partition] ?? first).admit(command)),
  }
}
