import { GatewayError } from '../../errors.ts'
import type { Reservation } from '../../ledger/port.ts'
import type { Placement } from '../../stores/store.ts'
import type { GatewayContext } from '../context.ts'
import { inBackground } from '../in-background.ts'
import { type Counted, countedFor, lookAtObject, type OwnObject } from '../look-at-object.ts'
import { parseNote, type UploadNote, uploadNoteOf } from '../reservation-note.ts'
import { settle } from '../settle.ts'
import type { ObjectFinding, ReconcileAction } from './finding.ts'
import type { CountedObject } from './sums.ts'

/** What one object of a listing came to. */
export interface ReconciledObject {
  readonly what: 'gone' | 'foreign' | 'forged' | 'unverified' | 'own'
  readonly finding?: ObjectFinding
  /** What the ledger counts for it afterwards. */
  readonly counted?: CountedObject
  readonly versioned: boolean
}

/**
 * Ended records are remembered for two hours at least, whatever is or was configured; clocks that step
 * and answers on their way take the other half.
 */
const SURELY_REMEMBERED_MS = 3_600_000

/**
 * Compares one object with its ticket and its record, and with `repair` ends an upload that has arrived
 * as it would have ended: settled, or judged by today's limits after its release. An object without a
 * record has been settled and forgotten, as a rule, and charging it once more could charge it twice: so
 * it counts as charged, and if it never was, the stored totals lack it and get it in the end, once.
 * Throws `StoreUnavailable`, `LedgerUnavailable`.
 */
export async function reconcileObject(
  context: GatewayContext,
  placement: Placement,
  { key, repair }: { readonly key: string; readonly repair: boolean },
): Promise<ReconciledObject> {
  const object = await lookAtObject(context, placement, key)
  const where = { store: placement.store.name, bucket: placement.bucket, key }
  if (object.what === 'forged' || object.what === 'unverified') {
    const { what } = object
    return { what, versioned: false, finding: { kind: what, action: 'open', ...where } }
  }
  if (object.what !== 'own') return { what: object.what, versioned: false }
  const kind = kindOf(context, object)
  const after = kind === undefined || !repair ? { object } : await repaired(context, object, kind)
  const counted = await stillCounted(context, after.object)
  const { action = actionFor(kind) } = after
  const { record, head, ticket } = object
  const finding: ObjectFinding | undefined =
    kind === undefined || action === 'waiting'
      ? undefined
      : {
          ...{ kind, action, ...where, uploadId: ticket.rid, sizeBytes: head.sizeBytes },
          ...(record !== undefined && record.actual >= 0 && { recordedBytes: record.actual }),
        }
  return {
    what: 'own',
    versioned: head.versionId !== undefined,
    ...(finding !== undefined && { finding }),
    ...(counted !== undefined && {
      counted: {
        ...counted,
        versioned: head.versionId !== undefined,
      },
    }),
  }
}

/** What counts for an object, and by which ids it is known later that it was counted. */
async function stillCounted(
  context: GatewayContext,
  object: OwnObject,
): Promise<(Counted & { readonly ids: string[] }) | undefined> {
  const counted = countedFor(context, object)
  if (counted === undefined) return undefined
  const { record } = object
  const { partition, creditId: rid, sizeBytes } = counted
  const credit = await context.ledger.find({ partition, rid })
  // An overwrite that is not settled, of an object that was credited already: neither counts.
  if (record?.state === 'P' && credit?.state === 'S') return undefined
  const note = credit?.state === 'P' ? parseNote(credit.note) : undefined
  const ids = [
    ...(record?.state === 'S' ? [record.rid] : []),
    // Only a credit of what was counted takes away what was counted.
    ...(note?.kind === 'delete' && note.sizeBytes === sizeBytes ? [rid] : []),
  ]
  return { ...counted, ids }
}

function kindOf(
  context: GatewayContext,
  { head, ticket, record }: OwnObject,
): ObjectFinding['kind'] | undefined {
  const nowMs = context.ledgerTime.nowMs()
  if (record === undefined) {
    return nowMs < ticket.issuedMs + SURELY_REMEMBERED_MS ? 'lost' : undefined
  }
  const note = uploadNoteOf(record)
  if (note === undefined) return undefined
  switch (record.state) {
    case 'S':
      return record.actual === head.sizeBytes ? undefined : 'resized'
    case 'D':
      return 'condemned'
    case 'V':
    case 'X':
      return 'late'
    case 'P':
      return mayBeComplete(record, note, { nowMs, sizeBytes: head.sizeBytes })
        ? 'unsettled'
        : undefined
  }
}

/** A store may show the beginning of a body that is still coming. */
function mayBeComplete(
  { expMs }: Reservation,
  note: UploadNote,
  { nowMs, sizeBytes }: { readonly nowMs: number; readonly sizeBytes: number },
): boolean {
  if (note.atMost === true) return nowMs >= expMs
  return sizeBytes >= note.sizeBytes || note.multipart !== undefined || nowMs >= expMs
}

/** What totals say covers these two; nothing is done about them here. */
function actionFor(kind: ObjectFinding['kind'] | undefined): ReconcileAction {
  return kind === 'resized' || kind === 'lost' ? 'counted' : 'open'
}

async function repaired(
  context: GatewayContext,
  object: OwnObject,
  kind: ObjectFinding['kind'],
): Promise<{ readonly object: OwnObject; readonly action?: ReconcileAction | 'waiting' }> {
  const { record } = object
  if (record === undefined || kind === 'resized') return { object }
  const note = uploadNoteOf(record)
  if (note === undefined) return { object }
  try {
    const { how } = await settle(inBackground(context), record, note)
    const { partition, rid } = record
    const now = { ...object, record: await context.ledger.find({ partition, rid }) }
    return { object: now, action: how === 'settled' || how === 'rejected' ? how : 'waiting' }
  } catch (error) {
    const code = error instanceof GatewayError ? error.code : 'InternalError'
    if (code !== 'AccessDenied' && code !== 'InvalidRequest') throw error
    context.log.warn('reconcile.failed', { uploadId: record.rid, error })
    return { object, action: 'failed' }
  }
}
