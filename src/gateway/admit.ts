import { GatewayError } from '../errors.ts'
import type { AdmitCommand, AdmitReply } from '../ledger/port.ts'
import { type Demand, type Measured, measure } from '../limits/limit-set.ts'
import type { Account } from './accounts.ts'
import type { GatewayContext } from './context.ts'

/** The time a request may take at the ledger, in milliseconds of the ledger's clock. */
const LEDGER_BUDGET_MS = 1_000

/** What the caller adds to a measured demand to make it a command. */
export type CommandOf<C extends AdmitCommand> = (
  measured: Measured & { partition: number; deadlineMs: number },
) => C

/** A decision, and what was asked. */
export interface Admitted<C extends AdmitCommand = AdmitCommand> {
  readonly command: C
  readonly reply: AdmitReply
  readonly measured: Measured
}

/**
 * Asks the ledger for one decision. Windows are computed from the ledger's own clock; when that has
 * moved on in between (`PERIOD`), once more with what the reply taught. Throws `LedgerUnavailable`
 * when there is still no decision.
 */
export async function admit<C extends AdmitCommand>(
  context: Pick<GatewayContext, 'ledger' | 'ledgerTime' | 'log' | 'telemetry'>,
  account: Account,
  demand: Demand,
  { commandOf, lock }: { commandOf: CommandOf<C>; lock?: string | undefined },
): Promise<Admitted<C>> {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const nowMs = context.ledgerTime.nowMs()
    const subjects = { ...account.subjects, ...(lock !== undefined && { lock }) }
    const measured = measure(account.limits, subjects, demand, nowMs)
    const command = commandOf({
      ...measured,
      partition: account.partition,
      deadlineMs: Math.floor(nowMs) + LEDGER_BUDGET_MS,
    })
    const reply = await context.ledger.admit(command)
    context.ledgerTime.learn(reply.nowMs)
    if (reply.code !== 'PERIOD') return { command, reply, measured }
  }
  context.log.error('ledger.period', { partition: account.partition })
  context.telemetry.ledgerAlarmed({ op: 'admit', code: 'PERIOD' })
  throw new GatewayError('LedgerUnavailable', 'Cannot decide: the clocks do not agree')
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
