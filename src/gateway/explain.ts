import { credentialName } from '../auth/principal.ts'
import type { Violation } from '../errors.ts'
import type { LimitStatus } from '../limits/limit-report.ts'
import { limitStatuses, shadowViolations } from '../limits/limit-report.ts'
import type { GrantForm } from '../stores/choose-form.ts'
import type { Guarantees } from '../stores/guarantees.ts'
import { admit, uploadDemand } from './admit.ts'
import type { GatewayContext } from './context.ts'
import type { CreateUploadRequest } from './create-upload.ts'
import { slowDown } from './local-limiter.ts'
import { lockOf } from './overwrite.ts'
import { asksStore, planUpload } from './plan-upload.ts'
import { refusal, unanswered } from './refusal.ts'
import { assertCallable } from './store-fitness.ts'

/** What would have been decided, and why. */
export interface Explanation {
  readonly allowed: boolean
  readonly bucket: string
  /** The key that would have been used; one with a random part differs next time. */
  readonly key: string
  /** What mode "auto" comes to. */
  readonly form: GrantForm
  readonly guarantees: Guarantees
  readonly limits: readonly LimitStatus[]
  /** Every limit that refuses; empty when allowed. */
  readonly violations: readonly Violation[]
  /** What limits that only count and report would have refused. */
  readonly shadowViolations: readonly Violation[]
}

/** Dry runs of one key that pass in this process: they cost the ledger a look each. */
const DRY_RUN_RATE = { requests: 20, windowSeconds: 1, burst: 100 }

/**
 * Decides an upload without charging, recording or signing anything. Policy and store refuse as they
 * would for the real request; a refusing limit is part of the answer. Throws `SlowDown` for a flood.
 */
export async function explainUpload(
  context: GatewayContext,
  { principal, wanted }: CreateUploadRequest,
): Promise<Explanation> {
  const subject = JSON.stringify(['dry-run', principal.tenant, credentialName(principal)])
  const waitMs = context.localLimiter.take(subject, DRY_RUN_RATE)
  if (waitMs > 0) throw slowDown('dry-run', waitMs)
  const plan = planUpload(context, principal, wanted)
  if (asksStore(plan, wanted)) assertCallable(context, plan.place.placement.store)
  const account = context.accounts.of(principal.tenant, principal.user)
  const { reply, measured } = await admit(context, account, uploadDemand(wanted.sizeBytes), {
    lock: wanted.overwrite ? lockOf(context, plan.place) : undefined,
    commandOf: (demanded) => ({ ...demanded, op: 'Q' }),
  })
  if (reply.code !== 'OK' && reply.code !== 'DENIED') throw unanswered(reply, 'explain the upload')
  const refused =
    reply.code === 'DENIED'
      ? refusal({ limits: account.limits, measured, reply }, 'reserve the upload')
      : undefined
  return {
    allowed: refused === undefined,
    bucket: plan.bucket.name,
    key: plan.place.key.text,
    form: plan.form,
    guarantees: plan.guarantees,
    limits: limitStatuses(account.limits, measured, reply.levels, reply.nowMs, false),
    violations: refused?.details.violations ?? [],
    shadowViolations: shadowViolations(account.limits, measured, reply.levels, reply.nowMs),
  }
}
