import type { GatewayContext } from '../context.ts'

/** How often the directory is asked what has changed, in milliseconds. */
export const FOLLOW_EVERY_MS = 500

/**
 * Follows the directory: a change by any gateway is in force here within a second or so. While the store
 * gives no answer, that is told once, and asking goes on. What it returns stops it.
 */
export function startDirectory(
  context: Pick<GatewayContext, 'directory' | 'log'>,
  { everyMs = FOLLOW_EVERY_MS }: { readonly everyMs?: number } = {},
): () => Promise<void> {
  const { directory, log } = context
  let stopped = false
  let failing = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let told: ReadonlyMap<string, string> = new Map()

  async function follow(): Promise<void> {
    try {
      await directory.sync()
      if (failing) log.info('directory.heard')
      failing = false
      tellProblems()
    } catch (error) {
      if (!failing) log.error('directory.silent', { error })
      failing = true
    }
  }

  /** Each problem once, when it appears. */
  function tellProblems(): void {
    const now = new Map(directory.problems().map(({ name, message }) => [name, message]))
    for (const [name, message] of now) {
      if (told.get(name) !== message) log.warn('directory.problem', { name, message })
    }
    told = now
  }

  let running: Promise<void> = Promise.resolve()
  function later(): void {
    if (stopped) return
    timer = setTimeout(() => {
      running = follow().finally(later)
    }, everyMs)
  }
  tellProblems()
  later()
  return async () => {
    stopped = true
    clearTimeout(timer)
    await running
  }
}
