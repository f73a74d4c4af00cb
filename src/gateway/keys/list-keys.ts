import { parseStoredHash } from '../../auth/api-key.ts'
import { toTimestamp } from '../../clock.ts'
import { keyStatus } from '../../config/directory/change-key.ts'
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

/** Keys with the hour of their last use, where they have one. Throws `LedgerUnavailable`. */
export async function withLastUse(
  { keyUses }: Pick<GatewayContext, 'keyUses'>,
  keys: readonly KeyView[],
): Promise<readonly (KeyView & { readonly lastUsedAt?: string })[]> {
  const uses = await keyUses.lastUsedAtMs(keys.map(({ id }) => id))
  return keys.map((key) => {
    const usedAtMs = uses.get(key.id)
    return { ...key, ...(usedAtMs !== undefined && { lastUsedAt: toTimestamp(usedAtMs) }) }
  })
}
