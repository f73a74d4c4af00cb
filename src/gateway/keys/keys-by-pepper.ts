import { parseStoredHash } from '../../auth/api-key.ts'
import type { KeyRecord } from '../../auth/key-record.ts'
import type { GatewayContext } from '../context.ts'
import { liveSecrets } from './key-view.ts'
import { keysMatching } from './list-keys.ts'

/**
 * How many API keys would be refused, or one secret of them, without the pepper of a version: those of the
 * directory that are in force, and `configured` ones.
 */
export function keysByPepper(
  context: Pick<GatewayContext, 'clock' | 'directory' | 'live'>,
  { version, configured }: { readonly version: number; readonly configured: Iterable<KeyRecord> },
): number {
  const made = keysMatching(context, { status: 'active' })
    .filter(({ source, problem }) => source === 'admin' && problem === undefined)
    .map(({ key }) => key)
  const nowMs = context.clock.nowMs()
  return [...made, ...configured].filter((key) =>
    liveSecrets(key, nowMs).some(({ hash }) => parseStoredHash(hash)?.version === version),
  ).length
}
