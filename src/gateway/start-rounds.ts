import { createChangeLog } from '../change-log.ts'
import type { GatewayContext } from './context.ts'

/** Work that is done again and again. */
export interface Rounds {
  /** The log has `<name>.failed` when it begins to fail, and `<name>.working` when it works again. */
  readonly name: string
  /** It works again when nothing has failed for so long, in milliseconds. */
  readonly quietMs: number
  /** From a round that failed to the next, in milliseconds. */
  readonly restAfterFailureMs: number
  /** One round; answers how long the next one is put off, in milliseconds. */
  readonly round: (isStopped: () => boolean) => Promise<number>
}

/**
 * Runs one round after the other, never two at once; the first is at once. What a round throws is told to the
 * log. Returns what stops it: it resolves when the round under way is done.
 */
export function startRounds(
  { clock, log }: Pick<GatewayContext, 'clock' | 'log'>,
  { name, quietMs, restAfterFailureMs, round }: Rounds,
): () => Promise<void> {
  const events = { began: `${name}.failed`, ended: `${name}.working`, quietMs }
  const changes = createChangeLog({ clock, log, ...events })
  let stopped = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let underWay: Promise<void> = Promise.resolve()

  async function run(): Promise<void> {
    let restMs = restAfterFailureMs
    try {
      restMs = await round(() => stopped)
      changes.worked()
    } catch (error) {
      changes.failed({ error })
    }
    next(restMs)
  }

  function next(restMs: number): void {
    if (stopped) return
    timer = setTimeout(() => {
      underWay = run()
    }, restMs)
  }

  next(0)
  return async () => {
    stopped = true
    clearTimeout(timer)
    await underWay
  }
}
