import { GatewayError } from '../errors.ts'
import { partSize } from '../signing/multipart-plan.ts'
import { MAX_CLOCK_OFFSET_MS } from '../stores/clock-log.ts'
import type { HeadResult, ListedPart, ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import type { Finding } from './diagnosis.ts'
import { isMade, type MadeMultipart } from './open-multipart.ts'
import { ownTicket } from './own-ticket.ts'
import type { OwnUpload } from './own-upload.ts'
import type { UploadNote } from './reservation-note.ts'
import { statusOf } from './upload-view.ts'

/** Most numbers of parts in one text. */
const MAX_NUMBERS = 100
/** A clock this far from ours is told, in milliseconds: more than that. */
const CLOCK_HINT_MS = 60_000
const COMPLETE = 'POST /v1/uploads/{id}/complete'

/** What the store has of an upload, and how its clock goes. Throws no `StoreUnavailable`. */
export async function lookAtObject(
  context: GatewayContext,
  own: OwnUpload,
  place: ObjectPlace,
): Promise<readonly Finding[]> {
  const { store } = place.placement
  const sentMs = context.ledgerTime.nowMs()
  let head: HeadResult
  let parts: readonly Finding[]
  try {
    head = await context.storeClient.head(place)
    parts = await lookAtParts(context, own, place, head)
  } catch (error) {
    return [awayOf(context, error, store.name)]
  }
  return [
    ...clockOf(head, (sentMs + context.ledgerTime.nowMs()) / 2),
    ...objectOf(context, own, place, head),
    ...parts,
  ]
}

function awayOf(
  { storeHealth }: Pick<GatewayContext, 'storeHealth'>,
  error: unknown,
  store: string,
): Finding {
  const codes: readonly string[] = ['StoreUnavailable', 'Overloaded']
  if (!(error instanceof GatewayError) || !codes.includes(error.code)) throw error
  const { breaker, lastFailureAt } = storeHealth.of(store)
  const since = lastFailureAt === undefined ? '' : `, at ${lastFailureAt} for the last time`
  return {
    code: 'store-away',
    level: 'problem',
    message:
      breaker === 'open'
        ? `The store has not answered the gateway${since}: calls to it pause`
        : 'The store gives the gateway no usable answer: what it has cannot be told',
    fix: 'Send it again when the store answers; what was signed stays what it is',
  }
}

function clockOf({ storeNowMs }: HeadResult, nowMs: number): readonly Finding[] {
  if (storeNowMs === undefined) return []
  const offsetMs = storeNowMs - nowMs
  const seconds = Math.round(Math.abs(offsetMs) / 1000)
  if (seconds * 1000 <= CLOCK_HINT_MS) {
    return [{ code: 'clock-right', level: 'ok', message: `The clocks are ${seconds} s apart` }]
  }
  const isAhead = offsetMs > 0
  return [
    {
      code: 'clock-off',
      level: seconds * 1000 > MAX_CLOCK_OFFSET_MS ? 'problem' : 'hint',
      message: isAhead
        ? `The store's clock is ${seconds} s ahead of the gateway's: grants end sooner there`
        : `The store's clock is ${seconds} s behind the gateway's: it may take grants for not yet valid`,
      fix: 'An operator sets the clocks right',
    },
  ]
}

function objectOf(
  context: GatewayContext,
  { reservation, note }: OwnUpload,
  place: ObjectPlace,
  head: HeadResult,
): readonly Finding[] {
  const status = statusOf(reservation.state, note)
  const isOwn = head.found && ownTicket(context, place, head)?.rid === reservation.rid
  if (head.found && isOwn) return arrivedOf(note, status === 'pending', head.sizeBytes)
  if (status === 'completed') {
    const message = 'Its object is not there any more: it was deleted or replaced'
    return [{ code: 'object-missing', level: 'hint', message }]
  }
  if (head.found && note.overwrite !== true) {
    return [
      {
        code: 'object-foreign',
        level: 'problem',
        message:
          'Under its key lies an object that did not come by this upload: where writing once is signed, the store answers 412',
        fix: 'Create another upload with another key, or with "overwrite": true',
      },
    ]
  }
  const message = head.found
    ? 'Nothing has arrived: under its key still lies the object that it is to replace'
    : 'Nothing has arrived'
  return [{ code: 'object-missing', level: 'hint', message }]
}

function arrivedOf(note: UploadNote, isPending: boolean, sizeBytes: number): readonly Finding[] {
  const most = note.atMost === true ? 'at most ' : ''
  const fits = note.atMost === true ? sizeBytes <= note.sizeBytes : sizeBytes === note.sizeBytes
  if (!fits && isPending) {
    return [
      {
        code: 'object-size',
        level: 'problem',
        message: `The store has ${sizeBytes} bytes of it, and ${most}${note.sizeBytes} were reserved`,
        fix: 'Create another upload with the exact size of what is sent',
      },
    ]
  }
  const message = `The store has its object, ${sizeBytes} bytes`
  const arrived: Finding = { code: 'object-arrived', level: 'ok', message }
  if (!isPending) return [arrived]
  return [
    arrived,
    {
      code: 'object-unsettled',
      level: 'hint',
      message: 'It has arrived and nobody has said so; a page may not have seen the answer',
      fix: COMPLETE,
    },
  ]
}

async function lookAtParts(
  { storeClient }: GatewayContext,
  { reservation, note }: OwnUpload,
  place: ObjectPlace,
  head: HeadResult,
): Promise<readonly Finding[]> {
  const { multipart } = note
  if (multipart === undefined || statusOf(reservation.state, note) !== 'pending') return []
  const parts = isMade(multipart) ? await storeClient.listParts(place, multipart.id) : undefined
  if (isMade(multipart) && parts !== undefined) return partsOf(multipart, note.sizeBytes, parts)
  // Completed at the store, and the answer to it was lost.
  if (head.found) return []
  return [
    {
      code: 'parts-unknown',
      level: 'problem',
      message: 'The store knows no such upload of parts: it was aborted there, or never begun',
      fix: 'Create another upload',
    },
  ]
}

function partsOf(
  multipart: MadeMultipart,
  sizeBytes: number,
  listed: readonly ListedPart[],
): readonly Finding[] {
  const { partCount } = multipart
  const there = new Map(listed.map((part) => [part.partNumber, part.sizeBytes]))
  const planned = Array.from({ length: partCount }, (_, index) => index + 1)
  const missing = planned.filter((number) => !there.has(number))
  const odd = [...there].filter(
    ([number, size]) => number > partCount || size !== partSize(multipart, sizeBytes, number),
  )
  const findings: Finding[] = []
  if (odd.length > 0) {
    findings.push({
      code: 'parts-size',
      level: 'problem',
      message: `Parts of another size than was signed, or of no number that was planned: ${listOf(odd.map(([number]) => number))}`,
      fix: 'Send them again, each with its exact sizeBytes',
    })
  }
  if (missing.length > 0) {
    findings.push({
      code: 'parts-missing',
      level: 'problem',
      message: `The store has ${partCount - missing.length} of ${partCount} parts; missing: ${listOf(missing)}`,
      fix: 'POST /v1/uploads/{id}/parts signs them again; send them, then complete',
    })
  }
  if (findings.length > 0) return findings
  const message = `The store has all ${partCount} parts`
  return [{ code: 'parts-complete', level: 'hint', message, fix: COMPLETE }]
}

function listOf(numbers: readonly number[]): string {
  const shown = numbers.slice(0, MAX_NUMBERS).join(', ')
  return numbers.length > MAX_NUMBERS ? `${shown} and ${numbers.length - MAX_NUMBERS} more` : shown
}
