import type { GatewayContext } from '../context.ts'
import type { ReconcileRun } from './run.ts'
import { overtaken } from './sums.ts'

type Places = ReconcileRun['places']

const NAME = 'reconcile-places/all'
/** Attempts to write what other gateways write as well. */
const MAX_TRIES = 5

/**
 * Remembers where runs have looked, and returns those places that were looked at once and are not to be
 * now: what lies there is charged, and nobody counts it. `forget`: they are empty for good. Throws
 * `LedgerUnavailable`, and `Overloaded` beside many others.
 */
export async function rememberPlaces(
  { state }: Pick<GatewayContext, 'state'>,
  places: Places,
  { forget }: { readonly forget: boolean },
): Promise<Places> {
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const found = await state.get(NAME)
    const known = found === undefined || forget ? [] : (JSON.parse(found.value) as Places)
    const missing = known.filter((place) => !isListed(places, { place, key: '' }))
    const value = JSON.stringify([...missing, ...places])
    if (value === found?.value) return missing
    const ifVersion = found?.version ?? 0
    if ((await state.put({ name: NAME, value, ifVersion })) !== undefined) return missing
  }
  throw overtaken()
}

/** Whether a listing of places meets a key that was recorded below a place. Pure. */
export function isListed(
  places: Places,
  { place: [store, bucket, prefix], key }: { readonly place: Places[number]; readonly key: string },
): boolean {
  return places.some(
    ([listedStore, listedBucket, listedPrefix]) =>
      listedStore === store && listedBucket === bucket && (prefix + key).startsWith(listedPrefix),
  )
}
