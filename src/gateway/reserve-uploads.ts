import { toBase64Url } from '../hashing.ts'
import type { Reservation, ReserveCommand } from '../ledger/port.ts'
import { newUploadId, uploadIdFor } from '../ledger/upload-id.ts'
import type { Demand } from '../limits/limit-set.ts'
import { shareOf } from '../limits/share-hold.ts'
import type { Account } from './accounts.ts'
import { type Admitted, admit, uploadDemand } from './admit.ts'
import type { GatewayContext } from './context.ts'
import type { CreateUploadsRequest } from './create-uploads.ts'
import { fingerprintOf } from './fingerprint.ts'
import type { PlannedItem } from './plan-batch.ts'
import { noteText } from './reservation-note.ts'
import { timesOf, uploadNoteFor } from './reserve-upload.ts'

/** A batch whose items have their places. */
export interface UploadsToReserve {
  readonly items: readonly PlannedItem[]
  readonly request: Pick<CreateUploadsRequest, 'principal' | 'idempotencyKey'>
}

/**
 * Asks the ledger, once, for all that a batch takes: one decision for the sum, of each store for what goes
 * there. The records share one end, and each URL keeps its own.
 */
export function reserveUploads(
  context: GatewayContext,
  account: Account,
  { items, request }: UploadsToReserve,
): Promise<Admitted<ReserveCommand>> {
  const { principal, idempotencyKey } = request
  const replayable = idempotencyKey !== undefined
  const times = items.map(({ plan }) => timesOf(plan, replayable))
  const ttlMs = Math.max(...times.map((time) => time.ttlMs))
  const records = items.map(({ wanted, plan }, index) => {
    const note = uploadNoteFor(context, { principal, wanted, plan })
    const afterUrlMs = ttlMs - plan.expiresInSeconds * 1000
    const { store } = plan.place.placement
    const rid = idOf(context, request, index)
    return { rid, note: noteText({ ...note, afterUrlMs }), store, bytes: wanted.sizeBytes }
  })
  const prints = items.map(({ wanted }) => fingerprintOf(context.hashing, principal, wanted))
  const digest = context.hashing.sha256(prints.join('\n'))
  const [{ rid, note } = { rid: '', note: '' }] = records
  return admit(context, account, demandOf(items), {
    stores: records,
    commandOf: (demanded, measured) => ({
      ...demanded,
      rid,
      note,
      op: 'R' as const,
      fingerprint: toBase64Url(digest.slice(0, 16)),
      ttlMs,
      lookMs: Math.min(...times.map((time) => time.lookMs)),
      replayable,
      each: records.map(({ rid: id, note: text, store, bytes }) => {
        const share = shareOf(measured, { demand: uploadDemand(bytes), store: store.name })
        return { rid: id, note: text, ...share }
      }),
    }),
  })
}

function idOf(
  context: GatewayContext,
  { principal, idempotencyKey }: UploadsToReserve['request'],
  index: number,
): string {
  if (idempotencyKey === undefined) return newUploadId(context.random, context.ledgerTime.nowMs())
  const { tenant, user } = principal
  // A key has no spaces: no key of a single upload can come to the same id.
  return uploadIdFor(context.hashing, tenant, user, `${idempotencyKey} ${index}`)
}

/** The ids of a batch of so many uploads that may be a repetition; none where it has no key. */
export function repeatedIds(
  context: GatewayContext,
  request: UploadsToReserve['request'],
  count: number,
): readonly string[] {
  if (request.idempotencyKey === undefined) return []
  return Array.from({ length: count }, (_, index) => idOf(context, request, index))
}

function demandOf(items: readonly PlannedItem[]): Demand {
  const bytes = items.reduce((sum, { wanted }) => sum + wanted.sizeBytes, 0)
  const count = items.length
  return {
    requests: count,
    objects: count,
    bytes,
    storedBytes: bytes,
    storedObjects: count,
    slots: count,
  }
}

/** The single reservations of a batch, as they were written. */
export function reservationsOf(command: ReserveCommand, expMs: number): readonly Reservation[] {
  const { partition, fingerprint, each = [] } = command
  const pending = { state: 'P' as const, actual: -1, over: 0 }
  return each.map((record) => ({
    ...pending,
    ...record,
    partition,
    fingerprint,
    subjects: record.subjects ?? command.subjects,
    expMs,
  }))
}
