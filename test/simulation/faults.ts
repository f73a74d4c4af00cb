import type { SeededRandom } from './seeded-random.ts'

/** What goes wrong in one simulation, and how often. Shares are of messages; `…EveryMs` are means, 0: never. */
export interface Faults {
  /** Messages to the ledger, and its answers, that never arrive. */
  readonly requestLost: number
  readonly replyLost: number
  /** Commands that are executed again, up to an hour later. */
  readonly duplicated: number
  /** Messages that take seconds to minutes. */
  readonly slow: number
  /** Replication that stands still for up to seconds, so that WAIT is short. */
  readonly replicaStalls: number
  readonly failoverEveryMs: number
  readonly outageEveryMs: number
  readonly ledgerClockStepEveryMs: number
  /** Whether a gateway sees `FENCED` as a reply, or as an error of its driver. */
  readonly fencedAsReply: boolean
  /** Calls of a gateway to the store without a usable answer; half of them were executed. */
  readonly storeFails: number
  /** Calls to the store that take seconds. */
  readonly storeSlow: number
  /** Transfers that take longer than the configuration says that they can. */
  readonly lateTransfers: number
  readonly auditFails: number
  readonly crashEveryMs: number
  readonly gatewayClockJumpEveryMs: number
  /** Requests of clients, and answers to them, that never arrive. */
  readonly clientLost: number
  /** An hour or more in which nobody asks for anything. */
  readonly idleEveryMs: number
}

/** What stays as it is for a whole run. */
export interface Circumstances {
  /** How far the store's clock is off, in milliseconds. */
  readonly storeSkewMs: number
  readonly storeSendsDate: boolean
  /** Whether parts that are under way outlive an abort. */
  readonly partsLinger: boolean
}

export const NO_FAULTS: Faults = {
  requestLost: 0,
  replyLost: 0,
  duplicated: 0,
  slow: 0,
  replicaStalls: 0,
  failoverEveryMs: 0,
  outageEveryMs: 0,
  ledgerClockStepEveryMs: 0,
  fencedAsReply: false,
  storeFails: 0,
  storeSlow: 0,
  lateTransfers: 0,
  auditFails: 0,
  crashEveryMs: 0,
  gatewayClockJumpEveryMs: 0,
  clientLost: 0,
  idleEveryMs: 0,
}

/** A third of all faults is absent from a run: some defects show only where others do not hide them. */
export function drawFaults(random: SeededRandom): Faults {
  const share = (most: number) => (random.chance(0.65) ? random.fraction() * most : 0)
  const every = (least: number) => (random.chance(0.65) ? least * (1 + 9 * random.fraction()) : 0)
  return {
    requestLost: share(0.05),
    replyLost: share(0.05),
    duplicated: share(0.1),
    slow: share(0.05),
    replicaStalls: share(0.2),
    failoverEveryMs: every(20_000),
    outageEveryMs: every(60_000),
    ledgerClockStepEveryMs: every(60_000),
    fencedAsReply: random.chance(0.5),
    storeFails: share(0.15),
    storeSlow: share(0.1),
    lateTransfers: random.chance(0.3) ? random.fraction() * 0.5 : 0,
    auditFails: share(0.02),
    crashEveryMs: every(10_000),
    gatewayClockJumpEveryMs: every(10_000),
    clientLost: share(0.1),
    idleEveryMs: every(200_000),
  }
}

const MAX_STORE_SKEW_MS = 600_000

/** A store that sends no `Date` is only safe to use when its clock is right. */
export function drawCircumstances(random: SeededRandom): Circumstances {
  const storeSendsDate = random.chance(0.85)
  const skewed = storeSendsDate && random.chance(0.7)
  return {
    storeSendsDate,
    storeSkewMs: skewed ? random.between(-MAX_STORE_SKEW_MS, MAX_STORE_SKEW_MS) : 0,
    partsLinger: random.chance(0.5),
  }
}
