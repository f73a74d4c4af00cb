import { GatewayError } from '../errors.ts'
import type { ReserveCommand } from '../ledger/port.ts'
import { sealTicket } from '../ledger/ticket.ts'
import { signForm } from '../signing/form-grant.ts'
import { signPut } from '../signing/put-grant.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import type { OverwriteConditions } from './overwrite.ts'
import type { UploadPlan } from './plan-at-placement.ts'
import type { WantedUpload } from './plan-upload.ts'
import { ticketPlace } from './ticket-place.ts'
import type { UploadGrant } from './upload-grant.ts'

/** A reservation whose grant is wanted. */
export interface Signing {
  readonly command: ReserveCommand
  readonly plan: UploadPlan
  readonly wanted: WantedUpload
  /** The ledger's now. */
  readonly nowMs: number
  readonly expMs: number
  /** When the URL or form ends. */
  readonly expiresAtMs: number
  /** Of an overwrite. */
  readonly conditions: OverwriteConditions | undefined
}

/**
 * Signs the PUT or the form of a reservation, with its sealed ticket as metadata. Throws `InternalError`
 * for a plan of parts.
 */
export async function signUpload(context: GatewayContext, signing: Signing): Promise<UploadGrant> {
  const { plan, wanted, nowMs, expiresAtMs, conditions } = signing
  // Its ticket would say that no URL can bring the object back, and a PUT's can.
  if (plan.form === 'multipart') {
    throw new GatewayError('InternalError', 'Cannot sign the upload: it is of parts')
  }
  const common = {
    place: plan.place,
    contentType: plan.contentType,
    metadata: wanted.metadata,
    bindings: plan.bindings,
    ticket: ticketOf(context, signing),
    nowMs,
    expiresAtMs,
  }
  // Awaited here, because a promise that is merely returned takes two turns more.
  return await guardSigner(context, plan.place, async () => {
    if (plan.form === 'post') {
      const { sizeBytes, atMost } = wanted
      const minBytes = atMost === true ? 0 : sizeBytes
      const post = await signForm(context.presigner, { ...common, minBytes, maxBytes: sizeBytes })
      return { form: 'post', post, expiresAtMs: post.expiresAtMs }
    }
    const request = await signPut(context.presigner, {
      ...common,
      sizeBytes: wanted.sizeBytes,
      writeOnce: plan.writeOnce || conditions?.mustBeNew === true,
      ...(conditions?.ifMatch !== undefined && { ifMatch: conditions.ifMatch }),
      ...(wanted.sha256 !== undefined && { sha256: wanted.sha256 }),
      ...(wanted.md5 !== undefined && { md5: wanted.md5 }),
    })
    return { form: 'put', request, expiresAtMs: request.expiresAtMs }
  })
}

/** The sealed ticket that travels with the object. */
export function ticketOf(
  context: Pick<GatewayContext, 'hashing' | 'ticketKeys'>,
  { command, plan, nowMs, expMs, expiresAtMs }: Signing,
): string {
  return sealTicket(
    { hashing: context.hashing, keys: context.ticketKeys },
    {
      rid: command.rid,
      partition: command.partition,
      issuedMs: nowMs,
      expMs,
      // No URL makes an object of parts: only the gateway's own Complete does.
      urlExpMs: plan.form === 'multipart' ? nowMs : expiresAtMs,
      fingerprint: command.fingerprint,
      hold: command.hold,
      subjects: command.subjects,
    },
    ticketPlace(plan.place),
  )
}

/** Signs, and raises the alarm when the signer returned anything but what was asked. */
export async function guardSigner<T>(
  context: Pick<GatewayContext, 'telemetry'>,
  place: ObjectPlace,
  sign: () => Promise<T>,
): Promise<T> {
  try {
    return await sign()
  } catch (error) {
    if (error instanceof GatewayError && error.code === 'InternalError') {
      context.telemetry.signerMisbehaved({ store: place.placement.store.name })
    }
    throw error
  }
}
