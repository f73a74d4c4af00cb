/** Delivers what is put in, in order, each not before its delay; may be held. */
export interface DelayLine {
  /** `delayMs` 0 with nothing waiting delivers at once. */
  put(deliver: () => void, delayMs: number): void
  /** While held, nothing is delivered. */
  hold(held: boolean): void
  /** Forgets what waits. */
  clear(): void
}

/** One direction of a connection. */
export function createDelayLine(): DelayLine {
  const waiting: { deliver: () => void; atMs: number }[] = []
  let held = false
  let timer: NodeJS.Timeout | undefined

  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    for (;;) {
      const [next] = waiting
      if (next === undefined || held) return
      const leftMs = next.atMs - performance.now()
      if (leftMs > 0) {
        timer = setTimeout(flush, Math.ceil(leftMs))
        return
      }
      waiting.shift()
      next.deliver()
    }
  }
  return {
    put(deliver, delayMs) {
      waiting.push({ deliver, atMs: performance.now() + delayMs })
      flush()
    },
    hold(now) {
      held = now
      flush()
    },
    clear() {
      clearTimeout(timer)
      waiting.length = 0
    },
  }
}
