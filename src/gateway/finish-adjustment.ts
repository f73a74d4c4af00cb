import { GatewayError } from '../errors.ts'
import type { FinishReply, Reservation } from '../ledger/port.ts'
import { type AskedBy, adjustmentEvent, recordOrLog } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { recovering } from './refusal.ts'
import { type AdjustNote, noteText } from './reservation-note.ts'

/** `repeated`: posted before; `refused`: the total would leave 0 to 2^52, nothing has changed. */
export type AdjustmentEnd = 'posted' | 'repeated' | 'refused'

/** Of the reservation that carries an adjustment: all that its endings name. */
export type AdjustmentRef = Pick<Reservation, 'partition' | 'rid' | 'fingerprint' | 'subjects'>

/**
 * Posts an adjustment whose reservation is in the ledger, or takes it back when the total would leave 0
 * to 2^52. The request is recorded first: what cannot be is not posted, stays pending, and the sweeper
 * comes again. What became of it is recorded after. Safe to repeat; the request may then be recorded
 * twice. Throws `Overloaded` for the sink,
 * `LedgerUnavailable`.
 */
export async function finishAdjustment(
  context: GatewayContext,
  { partition, rid, fingerprint, subjects }: AdjustmentRef,
  note: AdjustNote,
  askedBy: AskedBy = {},
): Promise<AdjustmentEnd> {
  const ref = { partition, rid, fingerprint, subjects }
  const eventOf = (event: Parameters<typeof adjustmentEvent>[1]) =>
    adjustmentEvent(context, event, note, askedBy)
  await context.audit.append(eventOf('usage.adjustment_requested'))
  const bytes = note.counts === 'stored-bytes'
  const reply = await context.ledger.finish({
    op: 'S',
    ...ref,
    actualBytes: 0,
    storedDelta: bytes ? note.delta : 0,
    objectsDelta: bytes ? 0 : note.delta,
    note: noteText({ ...note, postedMs: Math.floor(context.ledgerTime.nowMs()) }),
  })
  context.ledgerTime.learn(reply.nowMs)
  if (reply.code === 'OK') {
    await recordOrLog(context, eventOf('usage.adjusted'))
    return 'posted'
  }
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
  await recordOrLog(context, eventOf('usage.adjustment_refused'))
  return 'refused'
}

function isVoid(reply: FinishReply): boolean {
  return reply.code === 'OK' || ('note' in reply && reply.state === 'V')
}
