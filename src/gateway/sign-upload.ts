import { GatewayError } from '../errors.ts'
import type { ReserveCommand } from '../ledger/port.ts'
import { sealTicket } from '../ledger/ticket.ts'
import type { Grant } from '../signing/grant.ts'
import { signPut } from '../signing/put-grant.ts'
import type { GatewayContext } from './context.ts'
import type { OverwriteConditions } from './overwrite.ts'
import type { UploadPlan, WantedUpload } from './plan-upload.ts'
import { ticketPlace } from './ticket-place.ts'

interface Signing {
  readonly command: ReserveCommand
  readonly plan: UploadPlan
  readonly wanted: WantedUpload
  /** The ledger's now. */
  readonly nowMs: number
  readonly expMs: number
  readonly expiresAtMs: number
  /** Of an overwrite. */
  readonly conditions: OverwriteConditions | undefined
}

/** Signs the PUT of a reservation, with its sealed ticket as metadata. */
export async function signUpload(context: GatewayContext, signing: Signing): Promise<Grant> {
  const { command, plan, wanted, nowMs, expMs, expiresAtMs, conditions } = signing
  const ticket = sealTicket(
    { hashing: context.hashing, keys: context.ticketKeys },
    {
      rid: command.rid,
      partition: command.partition,
      issuedMs: nowMs,
      expMs,
      urlExpMs: expiresAtMs,
      fingerprint: command.fingerprint,
      hold: command.hold,
      subjects: command.subjects,
    },
    ticketPlace(plan.place),
  )
  try {
    return await signPut(context.presigner, {
      place: plan.place,
      sizeBytes: wanted.sizeBytes,
      contentType: plan.contentType,
      writeOnce: plan.writeOnce || conditions?.mustBeNew === true,
      ...(conditions?.ifMatch !== undefined && { ifMatch: conditions.ifMatch }),
      ...(wanted.sha256 !== undefined && { sha256: wanted.sha256 }),
      metadata: wanted.metadata,
      ticket,
      nowMs,
      expiresAtMs,
    })
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'InternalError') {
      context.telemetry.signerMisbehaved({ store: plan.place.placement.store.name })
    }
    throw error
  }
}
