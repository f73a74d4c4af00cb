import { toTimestamp } from '../clock.ts'
import { GatewayError, type Violation } from '../errors.ts'
import type { AdmitReply, FinishReply } from '../ledger/port.ts'
import { limitStatuses, violationsOf } from '../limits/limit-report.ts'
import type { LimitSet, Measured } from '../limits/limit-set.ts'
import { type RateLimitFields, rateLimitFields } from '../limits/rate-limit-fields.ts'

type Denied = Extract<AdmitReply, { code: 'DENIED' }>

/**
 * The error for a refused decision. Names all violated limits, never only the first: who fixes one
 * should not then meet the next.
 */
export function refusal(
  { limits, measured, reply }: { limits: LimitSet; measured: Measured; reply: Denied },
  what: string,
): GatewayError {
  const verdict = violationsOf(limits, measured, reply.denied, reply.levels, reply.nowMs)
  if (verdict.lockTaken) {
    return new GatewayError(
      'OverwriteInProgress',
      `Cannot ${what}: another overwrite of this object is under way`,
    )
  }
  if (verdict.violations.length === 0 && verdict.fullStores.length > 0) {
    const facts = { stores: verdict.fullStores.map(({ store }) => store).join(' ') }
    return new GatewayError('InsufficientStorage', `Cannot ${what}: the store has no room for it`, {
      facts,
    })
  }
  const reasons = verdict.violations.map((violation) => describe(violation, reply.nowMs))
  const code = verdict.onlyRates && verdict.waitingHeals ? 'SlowDown' : 'QuotaExceeded'
  return new GatewayError(code, `Cannot ${what}: no room in ${reasons.join(' and ')}`, {
    violations: verdict.violations,
    waitingHeals: verdict.waitingHeals,
    headers: fieldsOf({ limits, measured, reply }, verdict.violations),
    ...(verdict.retryAfterSeconds !== undefined && {
      retryAfterSeconds: verdict.retryAfterSeconds,
    }),
  })
}

/** `RateLimit` of the refused: what is left, and for each limit that refuses when to come back. */
function fieldsOf(
  { limits, measured, reply }: { limits: LimitSet; measured: Measured; reply: Denied },
  violations: readonly Violation[],
): RateLimitFields {
  const statuses = limitStatuses(limits, measured, reply.levels, reply.nowMs, false)
  const waits = violations.flatMap(({ policy, retryAfterSeconds }) =>
    retryAfterSeconds === undefined ? [] : [[policy, retryAfterSeconds] as const],
  )
  return rateLimitFields(limits, statuses, reply.nowMs, new Map(waits))
}

function describe(violation: Violation, nowMs: number): string {
  const { policy, unit, limit, used, pending, requested, retryAfterSeconds } = violation
  const left = Math.max(0, limit - used - pending)
  const heals =
    retryAfterSeconds === undefined
      ? 'waiting does not help'
      : `try again at ${toTimestamp(nowMs + retryAfterSeconds * 1000 + 999)}`
  return `"${policy}" (${left} of ${limit} ${unit} left, ${requested} asked; ${heals})`
}

/** The error for a reply that is neither an allow nor a refusal. */
export function unanswered(reply: AdmitReply, what: string): GatewayError {
  if (reply.code === 'FENCED') return recovering(what)
  const reason = reply.code === 'STALE' ? 'the decision came too late' : 'the ledger cannot decide'
  return new GatewayError('LedgerUnavailable', `Cannot ${what}: ${reason}`, {
    facts: { reply: reply.code },
  })
}

/** The error for an amendment that was not taken: the upload is not as it was read any more. */
export function changedMeanwhile(what: string, reply: FinishReply): GatewayError {
  return new GatewayError('LedgerUnavailable', `Cannot ${what}: it has changed meanwhile`, {
    facts: { reply: reply.code },
  })
}

/** The error for `FENCED`: the ledger is there, and knows that it may have lost something. */
export function recovering(what: string): GatewayError {
  return new GatewayError('LedgerUnavailable', `Cannot ${what}: the ledger is recovering`, {
    facts: { reply: 'FENCED' },
  })
}
