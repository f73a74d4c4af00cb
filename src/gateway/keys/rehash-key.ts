import type { OutdatedHash } from '../../auth/authenticate.ts'
import { rehashedKey } from '../../config/directory/change-key.ts'
import { documentName } from '../../config/directory/document-name.ts'
import { writeKeyDocument } from '../../config/directory/key-document.ts'
import { createRareLog } from '../../rare-log.ts'
import type { GatewayContext } from '../context.ts'

/** Keys that wait to be rehashed; more have to be used once more. */
const MAX_WAITING = 1_000
/** How long a hash that could not be replaced is left alone, in milliseconds. */
const REST_MS = 60_000
/**
 * How long a pepper has been met here before hashes are made with it, in milliseconds: until then gateways
 * that have not been given it yet go on taking all keys.
 */
export const PEPPER_GRACE_MS = 600_000

type Context = Pick<GatewayContext, 'clock' | 'directory' | 'log'>

/**
 * Puts hashes of the current pepper in the place of older ones, one at a time and behind the back of
 * whoever used the key: a pepper can be taken away once no key hangs on it. None is replaced before the
 * pepper has been met for `PEPPER_GRACE_MS`. What fails is left for a later use. The same hash may be told
 * as often as one likes.
 */
export function createRehashing(context: Context): (outdated: OutdatedHash) => void {
  const waiting = new Map<string, OutdatedHash>()
  const resting = new Map<string, number>()
  // While the store is away every key in use fails.
  const failures = createRareLog(context.clock, REST_MS)
  let running = false
  /** The newest pepper, as hashes name it, and when it was met. */
  let pepper = ''
  let metAtMs = 0

  function isNewPepper(to: string): boolean {
    const nowMs = context.clock.nowMs()
    const name = to.slice(0, to.indexOf(':'))
    if (name !== pepper) metAtMs = nowMs
    pepper = name
    return nowMs - metAtMs < PEPPER_GRACE_MS
  }

  async function work(): Promise<void> {
    running = true
    for (const [from, outdated] of waiting) {
      try {
        await rehash(context, outdated)
      } catch (error) {
        failures.tell('', (times) => {
          context.log.warn('key.rehash_failed', { keyId: outdated.id, times, error })
        })
      }
      waiting.delete(from)
      rest(from)
    }
    running = false
  }

  function rest(from: string): void {
    const nowMs = context.clock.nowMs()
    for (const [each, untilMs] of resting) {
      if (untilMs > nowMs && resting.size < MAX_WAITING) break
      resting.delete(each)
    }
    resting.set(from, nowMs + REST_MS)
  }

  return (outdated) => {
    const { from, to } = outdated
    if (isNewPepper(to)) return
    if (waiting.has(from) || waiting.size >= MAX_WAITING) return
    if ((resting.get(from) ?? 0) > context.clock.nowMs()) return
    waiting.set(from, outdated)
    if (!running) void work()
  }
}

/** Does nothing when the key has changed meanwhile: another gateway may have been faster. */
async function rehash({ directory, log }: Context, { id, from, to }: OutdatedHash): Promise<void> {
  const name = documentName({ kind: 'key', key: id })
  const key = directory.entries.keys.get(id)
  const version = directory.document(name)?.version
  const rehashed = key && rehashedKey(key, { from, to })
  if (rehashed === undefined || version === undefined) return
  const value = writeKeyDocument(rehashed)
  const written = await directory.put({ name, value, ifVersion: version })
  if (written !== undefined) log.info('key.rehashed', { keyId: id })
}
