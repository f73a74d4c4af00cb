const POLL_MS = 10

/**
 * Asks again every 10 ms until the answer is neither undefined nor false, and returns that answer.
 * What `ask` throws counts as "not yet", so that a server may be down meanwhile. Throws after
 * `timeoutMs` (default 10,000), naming `what` and the last failure.
 */
export async function until<T>(
  what: string,
  ask: () => Promise<T | undefined | false>,
  timeoutMs = 10_000,
): Promise<T> {
  const deadlineMs = performance.now() + timeoutMs
  for (;;) {
    let failure: unknown
    try {
      const answer = await ask()
      if (answer !== undefined && answer !== false) return answer
    } catch (error) {
      failure = error
    }
    if (performance.now() > deadlineMs) {
      throw new Error(`Cannot wait until ${what}: not within ${timeoutMs} ms`, { cause: failure })
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}
