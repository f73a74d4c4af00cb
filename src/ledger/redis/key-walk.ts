import type { Clock } from '../../clock.ts'
import { subjectKey } from './keys.ts'
import type { Ask } from './partition-snapshot.ts'
import { noAnswer } from './redis-node.ts'
import { PARTITION_TAGS } from './tags.ts'

/** Finds the names of a partition's subjects and records. */
export interface KeyWalk {
  /** Every key that was there all the while. Throws `LedgerUnavailable`. */
  namesOf(partition: number, ask: Ask, server: object): Promise<readonly string[]>
}

/** Keys of one step of a walk over all keys of a server. */
const STEP_KEYS = 2_000
/** How long the names of one walk serve for other partitions, in milliseconds. */
const FRESH_MS = 10_000
/** Names that are kept; with more, each partition has a walk of its own. */
const MAX_NAMES = 500_000

interface Walk {
  readonly server: object
  readonly atMs: number
  readonly names: ReadonlyMap<string, readonly string[]>
}

/**
 * Redis can only be walked as a whole, so one walk serves all partitions that are asked for within ten
 * seconds. Half a million names are kept at most: a larger ledger is walked once for each partition.
 */
export function createKeyWalk(clock: Clock): KeyWalk {
  let last: Walk | undefined

  async function walkAll(ask: Ask, server: object): Promise<Walk | undefined> {
    const names = new Map(PARTITION_TAGS.map((tag) => [tag, [] as string[]]))
    let count = 0
    for await (const found of steps('[qv]:{*}:*', ask)) {
      for (const name of found) names.get(name.slice(3, name.indexOf('}')))?.push(name)
      count += found.length
      if (count > MAX_NAMES) return undefined
    }
    return { server, atMs: clock.nowMs(), names }
  }

  return {
    async namesOf(partition, ask, server) {
      const fresh = last !== undefined && clock.nowMs() - last.atMs < FRESH_MS
      if (!fresh || last?.server !== server) last = await walkAll(ask, server)
      const kept = last?.names.get(PARTITION_TAGS[partition] ?? '')
      if (kept !== undefined) return kept
      const own: string[] = []
      const pattern = `[qv]${subjectKey(partition, '').slice(1)}*`
      for await (const found of steps(pattern, ask)) own.push(...found)
      return own
    },
  }
}

async function* steps(pattern: string, ask: Ask): AsyncGenerator<readonly string[]> {
  let cursor = '0'
  do {
    const args = [cursor, 'MATCH', pattern, 'COUNT', STEP_KEYS]
    const [result] = await ask([{ name: 'SCAN', args }])
    if (result?.kind !== 'reply') throw noAnswer(result?.message ?? 'no answer')
    const [next, found] = result.reply as [string, string[]]
    yield found
    cursor = next
  } while (cursor !== '0')
}
