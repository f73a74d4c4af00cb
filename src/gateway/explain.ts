import { credentialName, type Principal } from '../auth/principal.ts'
import { GatewayError, type Violation } from '../errors.ts'
import type { LimitStatus } from '../limits/limit-report.ts'
import { limitStatuses, shadowViolations } from '../limits/limit-report.ts'
import { ruleVerdicts } from '../policy/authorize.ts'
import { renderPrefix } from '../policy/key-space.ts'
import type { GrantForm } from '../stores/choose-form.ts'
import type { Guarantees } from '../stores/guarantees.ts'
import { admit, uploadDemand } from './admit.ts'
import type { UploadAllowance } from './authorize-upload.ts'
import type { GatewayContext } from './context.ts'
import type { CreateUploadRequest } from './create-upload.ts'
import { findRoom } from './find-room.ts'
import { slowDown } from './local-limiter.ts'
import { lockOf } from './overwrite.ts'
import { placementReplaced } from './placement-replaced.ts'
import type { UploadPlan } from './plan-at-placement.ts'
import { asksStore, type Placing, planUpload, type WantedUpload } from './plan-upload.ts'
import { refusal, unanswered } from './refusal.ts'
import { assertCallable } from './store-fitness.ts'

/** What would have been decided, and why. */
export interface Explanation {
  readonly allowed: boolean
  /** Each operation that the upload needs, and the rule of the caller's that allows it. */
  readonly allowedBy: UploadAllowance['allowedBy']
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
 * would for the real request, and say which rule of the caller's own stood in the way by what; a refusing
 * limit is part of the answer. Throws `SlowDown` for a flood.
 */
export async function explainUpload(
  context: GatewayContext,
  { principal, wanted }: CreateUploadRequest,
): Promise<Explanation> {
  const subject = JSON.stringify(['dry-run', principal.tenant, credentialName(principal)])
  const waitMs = context.localLimiter.take(subject, DRY_RUN_RATE)
  if (waitMs > 0) throw slowDown('dry-run', waitMs)
  const at = await placementReplaced(context, principal, wanted).catch((error: unknown) => {
    throw explained(context, { principal, wanted, error })
  })
  const { plan, admitted } = await findRoom(context, principal, {
    plan: (room) => planOrWhyNot(context, principal, { wanted, at, room }),
    ask: async (planned) => {
      const { store } = planned.place.placement
      if (asksStore(planned, wanted)) assertCallable(context, store)
      // By what it was asked with, the answer is told: settings may change meanwhile.
      const account = context.accounts.of(principal.tenant, principal.user)
      const asked = await admit(context, account, uploadDemand(wanted.sizeBytes), {
        lock: wanted.overwrite ? lockOf(context, planned.place) : undefined,
        stores: [{ store, bytes: wanted.sizeBytes }],
        looks: true,
        commandOf: (demanded) => ({ ...demanded, op: 'Q' }),
      })
      return { ...asked, account }
    },
  })
  const { reply, measured, account } = admitted
  if (reply.code !== 'OK' && reply.code !== 'DENIED') throw unanswered(reply, 'explain the upload')
  const refused =
    reply.code === 'DENIED'
      ? refusal({ limits: account.limits, measured, reply }, 'reserve the upload')
      : undefined
  return {
    allowed: refused === undefined,
    allowedBy: plan.allowance.allowedBy,
    bucket: plan.bucket.name,
    key: plan.place.key.text,
    form: plan.form,
    guarantees: plan.guarantees,
    limits: limitStatuses(account.limits, measured, reply.levels, reply.nowMs, false),
    violations: refused?.details.violations ?? [],
    shadowViolations: shadowViolations(account.limits, measured, reply.levels, reply.nowMs),
  }
}

function planOrWhyNot(
  context: GatewayContext,
  principal: Principal,
  { wanted, ...placing }: Placing & { readonly wanted: WantedUpload },
): UploadPlan {
  try {
    return planUpload(context, principal, wanted, placing)
  } catch (error) {
    throw explained(context, { principal, wanted, error })
  }
}

/** A refusal with what an ordinary one leaves out; nothing in it is about anybody but the caller. */
function explained(
  { config }: Pick<GatewayContext, 'config'>,
  { principal, wanted, error }: { principal: Principal; wanted: WantedUpload; error: unknown },
): unknown {
  if (!(error instanceof GatewayError)) return error
  const { code, message, details } = error
  const rules = ruleVerdicts(error)
  if (rules !== undefined) return new GatewayError(code, message, { ...details, rules })
  const keys = config.buckets.get(wanted.bucket)?.keys
  const { key } = wanted
  if (code !== 'AccessDenied' || keys?.kind !== 'caller' || key === undefined) return error
  // The rules reach into the bucket, or one of them would have refused before.
  const begin = renderPrefix(keys.callerPrefix, principal)
  if (key.startsWith(begin)) return error
  const why = `keys of this bucket have to start with "${begin}"`
  return new GatewayError(code, `Cannot use the key: ${why}`, details)
}
