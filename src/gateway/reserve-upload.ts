import type { Principal } from '../auth/principal.ts'
import type { ReserveCommand } from '../ledger/port.ts'
import { newUploadId, uploadIdFor } from '../ledger/upload-id.ts'
import type { Account } from './accounts.ts'
import { type Admitted, admit, uploadDemand } from './admit.ts'
import type { GatewayContext } from './context.ts'
import { fingerprintOf } from './fingerprint.ts'
import { lockOf } from './overwrite.ts'
import type { UploadPlan } from './plan-at-placement.ts'
import type { WantedUpload } from './plan-upload.ts'
import { noteText, type UploadNote } from './reservation-note.ts'

const AFTER_TRANSFER_MS = 60_000
/** From the end of a grant to the sweeper's first look. */
export const FIRST_LOOK_MS = 5_000
/** A multipart upload that the store has not made by now was given up by whoever reserved it. */
const UNMADE_LOOK_MS = 60_000
/** The same, when a repetition with its idempotency key may still make it. */
const UNMADE_REPLAYABLE_LOOK_MS = 300_000

/** Who reserves what. */
export interface UploadToReserve {
  readonly principal: Principal
  readonly wanted: WantedUpload
  readonly plan: UploadPlan
  readonly idempotencyKey?: string | undefined
}

/** A decision, and the note that the ledger keeps if it was an allow. */
export interface Reserved extends Admitted<ReserveCommand> {
  readonly note: UploadNote
}

/** Asks the ledger, once, for all that one upload takes. */
export async function reserveUpload(
  context: GatewayContext,
  account: Account,
  { principal, wanted, plan, idempotencyKey }: UploadToReserve,
): Promise<Reserved> {
  const rid =
    idempotencyKey === undefined
      ? newUploadId(context.random, context.ledgerTime.nowMs())
      : uploadIdFor(context.hashing, principal.tenant, principal.user, idempotencyKey)
  const fingerprint = fingerprintOf(context.hashing, principal, wanted)
  const note = uploadNoteFor(context, { principal, wanted, plan })
  const text = noteText(note)
  const replayable = idempotencyKey !== undefined
  const times = timesOf(plan, replayable)
  const lock = wanted.overwrite ? lockOf(context, plan.place) : undefined
  const { store } = plan.place.placement
  const admitted = await admit(context, account, uploadDemand(wanted.sizeBytes), {
    lock,
    stores: [{ store, bytes: wanted.sizeBytes }],
    commandOf: (measured) => ({
      ...measured,
      op: 'R' as const,
      rid,
      fingerprint,
      ...times,
      note: text,
      replayable,
    }),
  })
  return { ...admitted, note }
}

/** What the ledger keeps of an upload that is about to be reserved. */
export function uploadNoteFor(
  context: Pick<GatewayContext, 'ledgerTime'>,
  { principal, wanted, plan }: Omit<UploadToReserve, 'idempotencyKey'>,
): UploadNote {
  const { placement, key } = plan.place
  return {
    kind: 'upload',
    tenant: principal.tenant,
    user: principal.user,
    bucket: plan.bucket.name,
    place: [placement.store.name, placement.bucket, placement.prefix],
    key: key.text,
    sizeBytes: wanted.sizeBytes,
    contentType: plan.contentType,
    createdMs: Math.floor(context.ledgerTime.nowMs()),
    afterUrlMs: afterUrlMsOf(plan),
    ...(wanted.overwrite && { overwrite: true as const }),
    ...(plan.form === 'post' && { post: true as const }),
    ...(wanted.atMost === true && { atMost: true as const }),
    ...signedNote(plan),
    ...(plan.multipart !== undefined && {
      multipart: {
        ...plan.multipart,
        ...(wanted.partChecksums === true && { checksums: true as const }),
      },
      ...(plan.writeOnce && { writeOnce: true as const }),
    }),
  }
}

/** What a PUT signs of those that somebody could add otherwise. */
function signedNote({ form, bindings }: UploadPlan): Pick<UploadNote, 'signed'> {
  if (form !== 'put') return {}
  const names = [
    ...(bindings.storageClass === undefined ? [] : ['x-amz-storage-class']),
    ...(bindings.tags === undefined ? [] : ['x-amz-tagging']),
  ]
  return names.length === 0 ? {} : { signed: names.join(',') }
}

/**
 * How long the reservation lives, and when it is looked at first. One of parts lives as long as it may
 * be resumed; an abort at the store makes its end certain, so that no transfer is waited for.
 */
export function timesOf(plan: UploadPlan, replayable: boolean): { ttlMs: number; lookMs: number } {
  if (plan.form === 'multipart') {
    const lifetimeMs = plan.bucket.upload.multipartLifetimeSeconds * 1000
    return {
      ttlMs: lifetimeMs + afterUrlMsOf(plan),
      lookMs: replayable ? UNMADE_REPLAYABLE_LOOK_MS : UNMADE_LOOK_MS,
    }
  }
  const urlMs = plan.expiresInSeconds * 1000
  return { ttlMs: urlMs + afterUrlMsOf(plan), lookMs: urlMs + FIRST_LOOK_MS }
}

function afterUrlMsOf({ form, place }: UploadPlan): number {
  const transferMs = form === 'multipart' ? 0 : place.placement.store.maxTransferSeconds * 1000
  return transferMs + AFTER_TRANSFER_MS
}
