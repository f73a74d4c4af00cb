import { GatewayError } from '../errors.ts'
import type { Reservation } from '../ledger/port.ts'
import { isUnsent } from '../stores/store-health.ts'
import type { GatewayContext } from './context.ts'
import { postCredit } from './credit.ts'
import { finishAdjustment } from './finish-adjustment.ts'
import { inBackground } from './in-background.ts'
import { AGAIN_MS, lookAgain } from './look-again.ts'
import { lookAtUpload, type Outcome } from './look-at-upload.ts'
import { placeOf } from './place-of.ts'
import { type DeleteNote, noteText, parseNote } from './reservation-note.ts'

export interface SweepOptions {
  /** Reservations claimed at once, 1 to 256. Default 64. */
  readonly batch?: number
  /** How long they are kept from other sweepers, in milliseconds. Default 30,000. */
  readonly leaseMs?: number
  /** Asked between looks: true ends the sweep early, and leases bring the rest back. */
  readonly isStopped?: () => boolean
}

export interface SweepResult {
  readonly claimed: number
  readonly ended: number
  readonly failed: number
}

const LOOKS_AT_ONCE = 16
const CLAIMS_AT_ONCE = 4
const BACK_OFF_MS = 30_000
const MAX_BACK_OFF_MS = 600_000
/** Looks that the store may leave unanswered before an alarm; the reservation stays pending. */
const MAX_FAILURES = 20

/**
 * Looks once at every reservation that is due: settles what has arrived, releases what can no longer
 * arrive, finishes deletions. Only a 404 that the store dates after the last possible byte proves
 * absence; an error of a store releases nothing. Safe beside other sweepers and after a crash.
 */
export async function sweep(
  context: GatewayContext,
  { batch = 64, leaseMs = 30_000, isStopped = () => false }: SweepOptions = {},
): Promise<SweepResult> {
  let claimed = 0
  let ended = 0
  let failed = 0
  const background = inBackground(context)
  const share = await context.ledger.share()
  for (let first = 0; first < share.length && !isStopped(); first += CLAIMS_AT_ONCE) {
    const partitions = share.slice(first, first + CLAIMS_AT_ONCE)
    const due = await claimAll(context, partitions, { limit: batch, leaseMs })
    claimed += due.length
    // Some at a time: a store that hangs must not keep the others waiting for long.
    for (let at = 0; at < due.length && !isStopped(); at += LOOKS_AT_ONCE) {
      const some = due.slice(at, at + LOOKS_AT_ONCE)
      const outcomes = await Promise.all(some.map((each) => lookAt(background, each)))
      ended += outcomes.filter((outcome) => outcome === 'ended').length
      failed += outcomes.filter((outcome) => outcome === 'failed').length
    }
  }
  context.telemetry.sweepFinished({ claimed, ended, failed })
  return { claimed, ended, failed }
}

/** A claimed reservation, and the ledger's time of the claim. */
interface Due {
  readonly reservation: Reservation
  readonly nowMs: number
}

/** What is due in some partitions. One that cannot be asked is left to the next sweep. */
async function claimAll(
  context: GatewayContext,
  partitions: readonly number[],
  request: { readonly limit: number; readonly leaseMs: number },
): Promise<readonly Due[]> {
  const claims = await Promise.allSettled(
    partitions.map((partition) => context.ledger.claim({ partition, ...request })),
  )
  const refused = claims.filter((claim) => claim.status === 'rejected')
  if (refused.length === claims.length) throw refused[0]?.reason
  return claims.flatMap((claim) => {
    if (claim.status === 'rejected') return []
    const { nowMs, reservations } = claim.value
    context.ledgerTime.learn(nowMs)
    return reservations.map((reservation) => ({ reservation, nowMs }))
  })
}

/**
 * Goes by the ledger's time of the claim: it is earlier than now, which is safe, and a jump of this
 * machine's clock cannot touch it.
 */
async function lookAt(context: GatewayContext, { reservation, nowMs }: Due): Promise<Outcome> {
  try {
    const note = parseNote(reservation.note)
    switch (note.kind) {
      case 'upload':
        return await lookAtUpload(context, reservation, note, nowMs)
      case 'delete':
        return await lookAtDeletion(context, reservation, note, nowMs)
      case 'adjust':
        await finishAdjustment(context, reservation, note)
        return 'ended'
    }
  } catch (error) {
    const code = error instanceof GatewayError ? error.code : undefined
    const awayMs = storeAwayMs(context, reservation)
    // Of a store that is away the log has a line already, and not one for each look.
    if (isUnsent(error) || (awayMs !== undefined && code === 'StoreUnavailable')) {
      await postpone(context, reservation, awayMs)
      return 'failed'
    }
    context.log.warn('sweep.failed', { uploadId: reservation.rid, error })
    if (code !== 'LedgerUnavailable') await backOff(context, reservation)
    return 'failed'
  }
}

async function lookAtDeletion(
  context: GatewayContext,
  reservation: Reservation,
  note: DeleteNote,
  nowMs: number,
): Promise<Outcome> {
  const waitMs = note.deadAtMs - nowMs
  const credit = { reservation, note, nowMs }
  const posted = waitMs <= 0 && (await postCredit(context, credit, placeOf(context, note)))
  if (posted) return 'ended'
  const next = waitMs > 0 ? waitMs + AGAIN_MS : MAX_BACK_OFF_MS
  await lookAgain(context, reservation, next)
  return 'waiting'
}

/** How long the store of a reservation has been away, in milliseconds; absent while it answers. */
function storeAwayMs(context: GatewayContext, { note }: Reservation): number | undefined {
  try {
    const parsed = parseNote(note)
    return parsed.kind === 'adjust' ? undefined : context.storeHealth.awayMs(parsed.place[0])
  } catch {
    return undefined
  }
}

/**
 * After a look that the store was spared, or that showed once more that it is away: later, the longer
 * it is. That says nothing of this reservation, so it does not count as a look without an answer.
 */
async function postpone(
  context: GatewayContext,
  reservation: Reservation,
  awayMs = 0,
): Promise<void> {
  try {
    const waitMs = Math.min(MAX_BACK_OFF_MS, Math.max(BACK_OFF_MS, awayMs))
    await lookAgain(context, reservation, waitMs)
  } catch (error) {
    // The lease ends by itself, and another sweep looks again.
    context.log.warn('sweep.back_off_failed', { uploadId: reservation.rid, error })
  }
}

/** After a look without an answer: later, and with an alarm when it goes on. Never a release. */
async function backOff(context: GatewayContext, reservation: Reservation): Promise<void> {
  try {
    // The note may have changed during the look: an abort must not be lost.
    const now = (await context.ledger.find(reservation)) ?? reservation
    const note = parseNote(now.note)
    const failures = (note.failures ?? 0) + 1
    if (failures === MAX_FAILURES) {
      context.log.error('sweep.stuck', { uploadId: reservation.rid, failures })
    }
    const waitMs = Math.min(MAX_BACK_OFF_MS, BACK_OFF_MS * 2 ** Math.min(failures - 1, 10))
    const text = noteText({ ...note, failures })
    await lookAgain(context, now, waitMs, text)
  } catch (error) {
    // The lease ends by itself, and another sweep looks again.
    context.log.warn('sweep.back_off_failed', { uploadId: reservation.rid, error })
  }
}
