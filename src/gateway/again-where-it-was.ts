import type { Principal } from '../auth/principal.ts'
import { type ErrorCode, GatewayError } from '../errors.ts'
import type { Placement } from '../stores/store.ts'
import type { GatewayContext } from './context.ts'
import { placeOf } from './place-of.ts'
import { uploadNoteOf } from './reservation-note.ts'
import { someAtATime } from './some-at-a-time.ts'

/** What a place that is chosen now may be refused with, though another one was had before. */
const BY_PLACE: ReadonlySet<ErrorCode> = new Set(['UnsupportedByStore', 'StoreUnavailable'])

/** Look-ups of one batch that wait at the ledger together. */
const AT_ONCE = 64

/**
 * Creates uploads, and where no place can be had for them now, once more in the places where the same request put
 * them before, if it did: stores, terms and the caller's region may have changed since, and a repetition is the same
 * uploads all the same. `rids`: what they would be known by, in their order; empty for a request without a key.
 * Throws what `create` throws, `LedgerUnavailable`.
 */
export async function againWhereItWas<Created>(
  context: Pick<GatewayContext, 'accounts' | 'background' | 'config' | 'ledger'>,
  { tenant, user }: Principal,
  {
    rids,
    create,
  }: {
    readonly rids: readonly string[]
    readonly create: (places?: readonly Placement[]) => Promise<Created>
  },
): Promise<Created> {
  try {
    return await create()
  } catch (error) {
    if (rids.length === 0 || !(error instanceof GatewayError) || !BY_PLACE.has(error.code)) {
      throw error
    }
    const { partition } = context.accounts.of(tenant, user)
    const found = await someAtATime(rids, AT_ONCE, (rid) => context.ledger.find({ partition, rid }))
    const places = found.flatMap((reservation) => {
      const note = reservation === undefined ? undefined : uploadNoteOf(reservation)
      return note === undefined ? [] : [placeOf(context, note).placement]
    })
    if (places.length < rids.length) throw error
    return create(places)
  }
}
