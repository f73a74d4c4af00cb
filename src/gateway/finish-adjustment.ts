import { GatewayError } from '../errors.ts'
import type { FinishReply, Reservation } from '../ledger/port.ts'
import { adjustmentEvent, recordOrLog } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { recovering } from './refusal.ts'
import type { AdjustNote } from './reservation-note.ts'

/** `repeated`: posted before; `refused`: the total would leave 0 to 2^52, nothing has changed. */
export type AdjustmentEnd = 'posted' | 'repeated' | 'refused'

/** Of the reservation that carries an adjustment: all that its endings name. */
export type AdjustmentRef = Pick<Reservation, 'partition' | 'rid' | 'fingerprint' | 'subjects'>

/**
 * Records and posts an adjustment whose reservation is in the ledger, or takes it back when the total
 * would leave 0 to 2^52. What cannot be recorded is not posted: it stays pending, and the sweeper comes
 * again. Safe to repeat; the record may then have the event twice. Throws `Overloaded` for the sink,
 * `LedgerUnavailable`.
 */
export async function finishAdjustment(
  context: GatewayContext,
  { partition, rid, fingerprint, subjects }: AdjustmentRef,
  note: AdjustNote,
  requestId?: string,
): Promise<AdjustmentEnd> {
  const ref = { partition, rid, fingerprint, subjects }
  await context.audit.append(adjustmentEvent(context, 'usage.adjusted', note, requestId))
  const bytes = note.counts === 'stored-bytes'
  const reply = await context.ledger.finish({
    op: 'S',
    ...ref,
    actualBytes: 0,
    storedDelta: bytes ? note.delta : 0,
    objectsDelta: bytes ? 0 : note.delta,
  })
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'OK') return 'posted'
  if (reply.code === 'DUP') return 'repeated'
  if (reply.code === 'FENCED') throw recovering('adjust the usage')
  const taken = reply.code === 'CORRUPT' ? await context.ledger.finish({ op: 'V', ...ref }) : reply
  if (!isVoid(taken)) {
    context.telemetry.ledgerAlarmed({ op: 'adjust', code: taken.code })
    context.log.error('ledger.alarm', { op: 'adjust', code: taken.code, rid })
    throw new GatewayError('LedgerUnavailable', 'Cannot adjust the usage: the ledger disagrees', {
      facts: { reply: taken.code },
    })
  }
  await recordOrLog(context, adjustmentEvent(context, 'usage.adjustment_refused', note, requestId))
  return 'refused'
}

function isVoid(reply: FinishReply): boolean {
  return reply.code === 'OK' || ('note' in reply && reply.state === 'V')
}
