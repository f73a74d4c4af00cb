import type { Clock } from '../../clock.ts'
import { type Ask, keysLike, pagesOf, type StoredValue, stateIn } from './canary-read.ts'
import { subjectKey } from './keys.ts'
import { noAnswer } from './redis-node.ts'
import { PARTITION_TAGS } from './tags.ts'

/** Names of what is open in a partition. */
export interface OpenNames {
  /** Subject ids. */
  readonly subjects: readonly string[]
  /** Rids of records that are pending or condemned, or none of ours: not those that have ended. */
  readonly records: readonly string[]
}

/** Finds the names of a partition's subjects and open records. */
export interface KeyWalk {
  /**
   * All that was there all the while. `sinceMs`: of no walk that began before. Throws
   * `LedgerUnavailable`.
   */
  namesOf(
    partition: number,
    walked: { readonly ask: Ask; readonly server: object; readonly sinceMs?: number },
  ): Promise<OpenNames>
}

/** How long the names of one walk serve for other partitions, in milliseconds. */
const FRESH_MS = 10_000
/** Names that are kept; with more, each partition has a walk of its own. */
const MAX_NAMES = 500_000
const ENDED: ReadonlySet<string | undefined> = new Set(['S', 'V', 'X'])
const NOTHING: OpenNames = { subjects: [], records: [] }

interface Walk {
  readonly server: object
  readonly startMs: number
  readonly endMs: number
  readonly names: ReadonlyMap<string, OpenNames>
}

/**
 * Redis can only be walked as a whole, so one walk serves all partitions that are asked for within ten
 * seconds. Most keys are records that have ended: what lies there is looked at, and their names are not
 * kept. Half a million names are kept at most: a larger ledger is walked once for each partition.
 */
export function createKeyWalk(clock: Clock): KeyWalk {
  let last: Walk | undefined

  async function walk(pattern: string, ask: Ask, most: number) {
    const names = new Map<string, { subjects: string[]; records: string[] }>()
    let count = 0
    for await (const found of keysLike(ask, pattern)) {
      const subjects = found.filter((key) => key.startsWith('q'))
      const records = await openRecords(
        ask,
        found.filter((key) => key.startsWith('v')),
      )
      for (const [what, keys] of Object.entries({ subjects, records })) {
        for (const key of keys) {
          const tag = tagIn(key)
          const own = names.get(tag) ?? { subjects: [], records: [] }
          names.set(tag, own)
          own[what as keyof OpenNames].push(key.slice(tag.length + 5))
        }
      }
      count += subjects.length + records.length
      if (count > most) return undefined
    }
    return names
  }

  return {
    async namesOf(partition, { ask, server, sinceMs = Number.NEGATIVE_INFINITY }) {
      const tag = PARTITION_TAGS[partition] ?? ''
      const startMs = clock.nowMs()
      const fresh = last?.server === server && startMs - last.endMs < FRESH_MS
      if (!fresh || (last?.startMs ?? 0) < sinceMs) {
        const names = await walk('[qv]:{*}:*', ask, MAX_NAMES)
        last = names && { server, startMs, endMs: clock.nowMs(), names }
      }
      if (last !== undefined) return last.names.get(tag) ?? NOTHING
      const own = `[qv]${subjectKey(partition, '').slice(1)}*`
      const names = await walk(own, ask, Number.POSITIVE_INFINITY)
      return names?.get(tag) ?? NOTHING
    },
  }
}

function tagIn(key: string): string {
  return key.slice(3, key.indexOf('}'))
}

/** Those of the records that have not ended, or that nobody can tell of. */
async function openRecords(ask: Ask, keys: readonly string[]): Promise<string[]> {
  if (keys.length === 0) return []
  // No command may name keys of two slots.
  const pages = [...Map.groupBy(keys, tagIn).values()].flatMap((own) => [...pagesOf(own)])
  const results = await ask(pages.map((page) => ({ name: 'MGET', args: page, binary: true })))
  return pages.flatMap((page, at) => {
    const result = results[at]
    if (result?.kind === 'unanswered' || result?.kind === 'unsent') throw noAnswer(result.message)
    const values = result?.kind === 'reply' ? (result.reply as StoredValue[]) : []
    return page.filter((_, place) => {
      const value = values[place]
      return value == null || !ENDED.has(stateIn(value))
    })
  })
}
