import type { Fence } from './fence.ts'
import { epochKey } from './keys.ts'
import type { RedisCommand, RedisResult } from './redis-link.ts'
import { noAnswer } from './redis-node.ts'

/** Sends commands to the master of a partition. */
export type Ask = (commands: readonly RedisCommand[]) => Promise<readonly RedisResult[]>

/** Keys of one step of a long read: about a millisecond of Redis. */
export const PAGE_KEYS = 256

/** A value as it lies there; `null` for none, and for a key of another type than text. */
export type StoredValue = Uint8Array | null

/**
 * The values of keys of one partition, read in one step with its canary; `undefined` when that is not
 * the one that stands: what is missing then may have been lost. Throws `LedgerUnavailable`.
 */
export async function readUnderCanary(
  { fence, partition, ask }: { fence: Pick<Fence, 'of'>; partition: number; ask: Ask },
  keys: readonly string[],
): Promise<readonly StoredValue[] | undefined> {
  const args = [epochKey(partition), ...keys]
  const [result] = await ask([{ name: 'MGET', args, binary: true }])
  const [canary, ...values] = replyOf(result) as StoredValue[]
  const place = fence.of(partition)
  if (canary == null || place.state === 'closed') return undefined
  return new TextDecoder().decode(canary) === place.epoch ? values : undefined
}

/** All members of a sorted set that were there all the while, in pages. Throws likewise. */
export async function* membersOf(ask: Ask, key: string): AsyncGenerator<readonly string[]> {
  for await (const pairs of scanned(ask, 'ZSCAN', [key], ['COUNT', PAGE_KEYS])) {
    yield pairs.filter((_, place) => place % 2 === 0)
  }
}

/** Names of all keys of a server that fit a pattern, in pages. Throws likewise. */
export function keysLike(ask: Ask, pattern: string): AsyncGenerator<readonly string[]> {
  return scanned(ask, 'SCAN', [], ['MATCH', pattern, 'COUNT', PAGE_KEYS * 2])
}

async function* scanned(
  ask: Ask,
  name: string,
  before: readonly string[],
  after: readonly (string | number)[],
): AsyncGenerator<readonly string[]> {
  const step = (cursor: string) => ask([{ name, args: [...before, cursor, ...after] }])
  let asked: ReturnType<Ask> | undefined = step('0')
  while (asked !== undefined) {
    const [result]: readonly RedisResult[] = await asked
    const [cursor, found] = replyOf(result) as [string, string[]]
    // Asked for while the caller looks at these; when he stops there, nobody waits for it.
    asked = cursor === '0' ? undefined : step(cursor)
    asked?.catch(() => {})
    yield found
  }
}

/** Cuts a list into pages. */
export function* pagesOf<Item>(items: Iterable<Item>, size = PAGE_KEYS): Generator<Item[]> {
  let page: Item[] = []
  for (const item of items) {
    page.push(item)
    if (page.length < size) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}

/** The reply of a command. Throws `LedgerUnavailable` for anything else. */
export function replyOf(result: RedisResult | undefined): unknown {
  if (result?.kind === 'reply') return result.reply
  throw noAnswer(result?.message ?? 'no answer')
}

const SCHEMA_AND_TEXT = [1, 0xa1] as const

/** The state that a record begins with, as `codec.ts` lays it out; `undefined` for no record of ours. */
export function stateIn(bytes: Uint8Array): string | undefined {
  const [schema, text, state = 0] = bytes
  if (schema !== SCHEMA_AND_TEXT[0] || text !== SCHEMA_AND_TEXT[1]) return undefined
  return String.fromCharCode(state)
}
