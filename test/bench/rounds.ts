/** Something to be measured against others: `run` answers with its value for one round. */
export interface Contender {
  readonly name: string
  readonly run: () => Promise<number>
}

/** Values by contender, one for each round, in the order of the rounds. */
export type Measured = ReadonlyMap<string, readonly number[]>

/**
 * Runs all contenders in turn, round after round, so that whatever else the machine does meets them
 * alike; each round begins with another one. A run that throws ends all.
 */
export async function interleave(
  contenders: readonly Contender[],
  rounds: number,
): Promise<Measured> {
  const values = new Map<string, number[]>(contenders.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round += 1) {
    const first = round % contenders.length
    for (const { name, run } of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      values.get(name)?.push(await run())
    }
  }
  return values
}

/** The middle value, or the mean of the two middle ones. Throws `RangeError` on nothing. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[sorted.length >> 1]
  const lower = sorted[(sorted.length - 1) >> 1]
  if (upper === undefined || lower === undefined) {
    throw new RangeError('Cannot take the median: there are no values')
  }
  return (lower + upper) / 2
}

/** Acts between two looks at the clock. */
const TURNS = 16

/** Repeats `act` one after another for `durationMs`; how many times a second it was done. */
export async function perSecond(act: () => unknown, durationMs: number): Promise<number> {
  const startMs = performance.now()
  let done = 0
  let elapsedMs = 0
  while (elapsedMs < durationMs) {
    // The clock is read now and then, and only a promise is waited for: neither is what is measured.
    for (let turn = 0; turn < TURNS; turn += 1) {
      const result = act()
      if (result instanceof Promise) await result
    }
    done += TURNS
    elapsedMs = performance.now() - startMs
  }
  return (done * 1000) / elapsedMs
}
