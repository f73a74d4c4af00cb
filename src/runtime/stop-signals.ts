/** Orders to stop, from the moment they are listened to until the process ends. */
export interface StopSignals {
  /** Resolves with the name of the first one. */
  readonly first: Promise<NodeJS.Signals>
  /** Resolves when somebody asks again. */
  readonly second: Promise<NodeJS.Signals>
}

/** npm hands on the signal that a terminal has sent to us as well: one order that comes twice. */
const SAME_ORDER_MS = 1_000

/**
 * Listens to SIGINT and SIGTERM for good: none of them ends the process by itself any more, so that
 * neither a doubled signal nor an impatient one cuts a shutdown in the middle of a write.
 */
export function listenToStopSignals(): StopSignals {
  const first = Promise.withResolvers<NodeJS.Signals>()
  const second = Promise.withResolvers<NodeJS.Signals>()
  let firstAtMs: number | undefined
  const listener = (signal: NodeJS.Signals) => {
    const nowMs = performance.now()
    firstAtMs ??= nowMs
    first.resolve(signal)
    if (nowMs - firstAtMs >= SAME_ORDER_MS) second.resolve(signal)
  }
  process.on('SIGINT', listener)
  process.on('SIGTERM', listener)
  return { first: first.promise, second: second.promise }
}
