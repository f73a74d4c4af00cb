import { GatewayError } from '../errors.ts'
import type { AdmitCommand, AdmitReply } from '../ledger/port.ts'
import { violationsOf } from '../limits/limit-report.ts'
import {
  type Demand,
  type Measured,
  measure,
  placesFrom,
  type StoreRoom,
  shadowRates,
} from '../limits/limit-set.ts'
import type { Account } from './accounts.ts'
import type { RefusedRoom, StoreDemand } from './capacity.ts'
import type { GatewayContext } from './context.ts'

/** The time a request may take at the ledger, in milliseconds of the ledger's clock. */
const LEDGER_BUDGET_MS = 1_000
/** Decisions that find the room they came for taken by others. */
const MAX_GROWN = 8
const NOTHING_FORGIVEN: ReadonlySet<number> = new Set()
const NO_ROOMS: readonly StoreRoom[] = []

/** What the caller adds to a measured demand to make it a command. */
export type CommandOf<C extends AdmitCommand> = (
  demanded: Pick<Measured, 'subjects' | 'hold' | 'check'> & {
    partition: number
    deadlineMs: number
  },
  measured: Measured,
) => C

/** A decision, and what was asked. */
export interface Admitted<C extends AdmitCommand = AdmitCommand> {
  readonly command: C
  readonly reply: AdmitReply
  readonly measured: Measured
  /**
   * Stores whose room alone refused: elsewhere it would have been allowed. Empty for any other reply, and
   * where something else refuses as well.
   */
  readonly fullStores: readonly string[]
}

/** What a demand becomes, and where it goes. */
export interface Admission<C extends AdmitCommand> {
  readonly commandOf: CommandOf<C>
  /** Subject of the object that is to be overwritten. */
  readonly lock?: string | undefined
  /** What goes to which stores; whether they have room is decided with all else. */
  readonly stores?: readonly StoreDemand[]
  /** Whether it only asks what would be: no room is taken for it. Default false. */
  readonly looks?: boolean
}

/**
 * Asks the ledger for one decision. Windows are computed from the ledger's own clock; when that has
 * moved on in between (`PERIOD`), once more with what the reply taught. A refusal by shadow rates alone
 * is asked again without a cost for them: so they are counted as if they were in force, refuse nothing,
 * and leave no debt behind. A refusal by the room of stores alone is asked again while there is more of it
 * to be had. Throws `LedgerUnavailable` when there is still no decision.
 */
export async function admit<C extends AdmitCommand>(
  context: Pick<GatewayContext, 'capacity' | 'ledger' | 'ledgerTime' | 'log' | 'telemetry'>,
  account: Account,
  demand: Demand,
  { commandOf, lock, stores = [], looks = false }: Admission<C>,
): Promise<Admitted<C>> {
  const { partition } = account
  let forgiven = NOTHING_FORGIVEN
  let stale = false
  let grown = 0
  for (let periods = 0; periods < 2; ) {
    const waits = stores.length === 0 ? undefined : context.capacity.ready(stores)
    // Only then: a promise that is merely there takes a turn.
    if (waits !== undefined) await waits
    const rooms =
      stores.length === 0 ? NO_ROOMS : context.capacity.roomsFor(stores, partition, { looks })
    const named = { ...account.subjects, stores: rooms, ...(lock !== undefined && { lock }) }
    const nowMs = context.ledgerTime.nowMs()
    const measured = measure(account.limits, named, demand, nowMs, forgiven)
    const { subjects, hold, check } = measured
    const deadlineMs = Math.floor(nowMs) + LEDGER_BUDGET_MS
    const command = commandOf({ subjects, hold, check, partition, deadlineMs }, measured)
    const reply = await context.ledger.admit(command)
    const remembered = reply.code === 'DENIED' && reply.remembered === true
    if (!remembered) context.ledgerTime.learn(reply.nowMs)
    if (reply.code === 'PERIOD') {
      periods += 1
      continue
    }
    // The reply is here, so whoever waits for it still does: only our idea of the time was late.
    if (reply.code === 'STALE' && !stale) {
      stale = true
      continue
    }
    const more = toForgive(account, reply, forgiven)
    if (more !== undefined) {
      forgiven = more
      continue
    }
    let full = fullRooms(account, { measured, rooms, reply })
    if (full.length > 0 && !looks) {
      if (grown === MAX_GROWN) {
        throw new GatewayError('Overloaded', 'Cannot decide: too many ask for room in a store')
      }
      const still = await context.capacity.refused(full)
      if (still.length === 0) {
        grown += 1
        continue
      }
      full = still
    }
    return { command, reply, measured, fullStores: full.map(({ room }) => room.store) }
  }
  context.log.error('ledger.period', { partition: account.partition })
  context.telemetry.ledgerAlarmed({ op: 'admit', code: 'PERIOD' })
  throw new GatewayError('LedgerUnavailable', 'Cannot decide: the clocks do not agree')
}

/** The rates to ask again without; `undefined` when the reply stands. What stores have no room for is found next. */
function toForgive(
  { limits }: Account,
  reply: AdmitReply,
  forgiven: ReadonlySet<number>,
): ReadonlySet<number> | undefined {
  if (reply.code !== 'DENIED' || !limits.hasShadow) return undefined
  const shadow = shadowRates(limits)
  const places = placesFrom(limits)
  const refusing = reply.denied.filter((position) => position < places)
  if (refusing.length === 0 || !refusing.every((position) => shadow.has(position))) return undefined
  // Another one that refuses now has filled up in between: then none of them is asked for anything.
  if (forgiven.size === 0) return new Set(refusing)
  return forgiven.size < shadow.size ? shadow : undefined
}

/** The rooms that refuse, if nothing else does. */
function fullRooms(
  { limits, partition }: Account,
  {
    measured,
    rooms,
    reply,
  }: {
    readonly measured: Measured
    readonly rooms: readonly StoreRoom[]
    readonly reply: AdmitReply
  },
): readonly RefusedRoom[] {
  if (reply.code !== 'DENIED' || rooms.length === 0) return []
  const { denied, levels, nowMs } = reply
  const { fullStores } = violationsOf(limits, measured, denied, levels, nowMs)
  if (fullStores.length < denied.length) return []
  return fullStores.flatMap(({ store, used, pending }) => {
    const room = rooms.find((each) => each.store === store)
    return room === undefined ? [] : [{ partition, room, used: used + pending }]
  })
}

/** Nothing wanted: every limit is looked at and none refuses. */
export const NO_DEMAND: Demand = Object.freeze({
  requests: 0,
  objects: 0,
  bytes: 0,
  storedBytes: 0,
  storedObjects: 0,
  slots: 0,
})

/** What an upload of this size asks of the limits. */
export function uploadDemand(sizeBytes: number): Demand {
  return {
    requests: 1,
    objects: 1,
    bytes: sizeBytes,
    storedBytes: sizeBytes,
    storedObjects: 1,
    slots: 1,
  }
}
