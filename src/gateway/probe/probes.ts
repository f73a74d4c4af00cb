import type { ProbeReport } from '../../stores/probe-report.ts'

/** The probes that run in this process: few at a time, and one of a bucket. */
export interface Probes {
  /**
   * Runs `probe` in its turn, or waits with whoever asks for the same one meanwhile: all get one report,
   * or one error. `signal` ends it between two requests, when this process is about to stop.
   */
  share(name: string, probe: (signal: AbortSignal) => Promise<ProbeReport>): Promise<ProbeReport>
  /** Ends all of them, and waits until they have cleaned up, or until `hurry`. Repeating it is safe. */
  stop(hurry?: Promise<unknown>): Promise<void>
}

/** A probe sends some hundred requests; more than two at once would be what stores are busy with. */
const AT_ONCE = 2

/** Keeps nothing of a probe that has ended. */
export function createProbes(): Probes {
  const stopping = new AbortController()
  const running = new Map<string, Promise<ProbeReport>>()
  const waiting: (() => void)[] = []
  let turns = AT_ONCE

  async function inTurn(probe: (signal: AbortSignal) => Promise<ProbeReport>) {
    if (turns === 0) await new Promise<void>((resolve) => waiting.push(resolve))
    else turns -= 1
    try {
      return await probe(stopping.signal)
    } finally {
      const next = waiting.shift()
      if (next === undefined) turns += 1
      else next()
    }
  }

  return {
    share(name, probe) {
      const same = running.get(name)
      if (same !== undefined) return same
      const work = inTurn(probe).finally(() => running.delete(name))
      running.set(name, work)
      return work
    },
    async stop(hurry = new Promise(() => {})) {
      stopping.abort()
      await Promise.race([Promise.allSettled([...running.values()]), hurry])
    },
  }
}
