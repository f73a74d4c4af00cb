import { parseStoredHash } from '../../auth/api-key.ts'
import { toTimestamp } from '../../clock.ts'
import { keyStatus } from '../../config/directory/change-key.ts'
import { GatewayError } from '../../errors.ts'
import type { GatewayContext } from '../context.ts'
import { type KeyView, liveSecrets, type PepperAge, pepperAge } from './key-view.ts'
import { type StoredKey, storedKeys } from './stored-key.ts'

/** Which keys to show; absent members: all. */
export interface KeyFilter {
  readonly tenant?: string | undefined
  readonly user?: string | undefined
  readonly status?: KeyView['status'] | undefined
  /** A secret of it that works hangs on this pepper. */
  readonly pepper?: PepperAge | undefined
}

/** The keys that are asked for, in any order. */
export function keysMatching(
  context: Pick<GatewayContext, 'clock' | 'directory' | 'live'>,
  { tenant, user, status, pepper }: KeyFilter,
): StoredKey[] {
  const nowMs = context.clock.nowMs()
  const peppers = context.live.secrets.pepper
  return [...storedKeys(context)].filter(
    ({ key }) =>
      (tenant === undefined || key.tenant === tenant) &&
      (user === undefined || key.user === user) &&
      (status === undefined || keyStatus(key, nowMs) === status) &&
      (pepper === undefined ||
        liveSecrets(key, nowMs).some(
          ({ hash }) => pepperAge(peppers, parseStoredHash(hash)?.version ?? 0) === pepper,
        )),
  )
}

/** Keys with the hour of their last use, where they have one and the store tells it. */
export async function withLastUse(
  { keyUses }: Pick<GatewayContext, 'keyUses'>,
  keys: readonly KeyView[],
): Promise<readonly (KeyView & { readonly lastUsedAt?: string })[]> {
  const ids = keys.map(({ id }) => id)
  // All else is in memory, and a change that was made is not to be answered with an error.
  const uses = await keyUses.lastUsedAtMs(ids).catch(noneIfAway)
  return keys.map((key) => {
    const usedAtMs = uses.get(key.id)
    return { ...key, ...(usedAtMs !== undefined && { lastUsedAt: toTimestamp(usedAtMs) }) }
  })
}

function noneIfAway(error: unknown): ReadonlyMap<string, number> {
  if (error instanceof GatewayError && error.code === 'LedgerUnavailable') return new Map()
  throw error
}
