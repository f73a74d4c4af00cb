import { createChangeLog } from '../../change-log.ts'
import type { Clock } from '../../clock.ts'
import type { Logger } from '../../log.ts'
import type { KeyUses } from './key-uses.ts'

/** Between two documents, in milliseconds: an hour's first uses come together, and a disk may be slow. */
const EVERY_MS = 1_000
/** Notes are written again when nothing has failed for so long, in milliseconds. */
const QUIET_MS = 30_000

/**
 * Writes when keys were used last, a document after the other. The log is told when that fails, and when
 * it works again; no request waits for it. Returns what stops it: it resolves when the rest is written, or
 * cannot be.
 */
export function startKeyUses(
  {
    keyUses,
    clock,
    log,
  }: { readonly keyUses: KeyUses; readonly clock: Clock; readonly log: Logger },
  { everyMs = EVERY_MS } = {},
): () => Promise<void> {
  const events = { began: 'key_uses.failed', ended: 'key_uses.working', quietMs: QUIET_MS }
  const changes = createChangeLog({ clock, log, ...events })
  let underWay: Promise<boolean> | undefined

  async function writeSome(): Promise<boolean> {
    try {
      const wrote = await keyUses.writeSome()
      if (wrote) changes.worked()
      return wrote
    } catch (error) {
      changes.failed({ error })
      return false
    }
  }

  const timer = setInterval(() => {
    underWay ??= writeSome().finally(() => {
      underWay = undefined
    })
  }, everyMs)
  return async () => {
    clearInterval(timer)
    await underWay
    while (await writeSome());
  }
}
