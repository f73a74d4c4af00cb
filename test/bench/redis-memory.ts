import { indexKey, recordKey, subjectKey } from '../../src/ledger/redis/keys.ts'
import { packStream } from '../../src/ledger/redis/msgpack-stream.ts'
import type { RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { limitId } from '../../src/limits/limit-id.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { ask } from './redis-cost.ts'

/** Copies that one run of the script below makes; 10,000 take Redis some 20 ms. */
const COPIES = 10_000

/**
 * Copies a value under names as long as real ones. KEYS 1 the name's beginning, or an index. ARGV
 * 1 value 2 first number 3 how many 4 digits 5 'index', or ms to live ('0': for good).
 */
const FILL_LUA = `#!lua
local list, width = {}, '%0' .. ARGV[4] .. 'd'
for i = ARGV[2] + 0, ARGV[2] + ARGV[3] - 1 do
  local name = string.format(width, i)
  if ARGV[5] == 'index' then
    list[#list + 1], list[#list + 2] = ARGV[1] + 3 * i, 'up_' .. name
  elseif ARGV[5] == '0' then
    list[#list + 1], list[#list + 2] = KEYS[1] .. name, ARGV[1]
  else
    redis.call('SET', KEYS[1] .. name, ARGV[1], 'PX', ARGV[5])
  end
  if #list >= 1000 then
    if ARGV[5] == 'index' then redis.call('ZADD', KEYS[1], unpack(list)) end
    if ARGV[5] == '0' then redis.call('MSET', unpack(list)) end
    list = {}
  end
end
return 1
`

interface Copies {
  readonly link: RedisLink
  readonly partition: number
  /** A multiple of 10,000. */
  readonly count: number
}

/** Copies a record under other rids; bytes of Redis for each, with key, dictionary and expiry. */
export function fillRecords(copies: Copies, value: Uint8Array, ttlMs: number): Promise<number> {
  const key = recordKey(copies.partition, 'up_')
  return fill(copies, { key, value, digits: 26, how: String(ttlMs) })
}

/** Puts as many rids into the index, due 3 ms after each other; bytes of Redis for each. */
export function fillIndex(copies: Copies, firstDueMs: number): Promise<number> {
  const key = indexKey(copies.partition)
  return fill(copies, { key, value: String(firstDueMs), digits: 26, how: 'index' })
}

/** Makes subjects with two rates and four quotas; bytes of Redis for each. */
export function fillSubjects(copies: Copies, value: Uint8Array): Promise<number> {
  const key = subjectKey(copies.partition, 'u')
  return fill(copies, { key, value, digits: 16, how: '0' })
}

/** A user who has stored some GB: two rates, two windows of a day, two totals. */
export function typicalSubject(nowMs: number): Uint8Array {
  const hash = (policy: string) => limitId(nodeHashing, policy)
  const tatUs = (nowMs - Date.UTC(2025, 0, 1)) * 1000
  const day = Math.floor(nowMs / 86_400_000) * 1440
  const rates = [hash('user-second'), tatUs, hash('user-minute'), tatUs + 1_000_000]
  const windows = [hash('bytes-day'), day, 123_456_789, 12_345, hash('objects-day'), day, 321, 1]
  const totals = [hash('stored'), 0, 5_123_456_789, 12_345, hash('pending'), 0, 0, 1]
  return packStream([1, 2, ...rates, ...windows, ...totals])
}

async function fill(
  { link, count }: Copies,
  {
    key,
    value,
    digits,
    how,
  }: { key: string; value: Uint8Array | string; digits: number; how: string },
): Promise<number> {
  const sha = await ask(link, 'SCRIPT', 'LOAD', FILL_LUA)
  const before = await usedBytes(link)
  for (let first = 0; first < count; first += COPIES) {
    await ask(link, 'EVALSHA', sha, 1, key, value, first, COPIES, digits, how)
  }
  return ((await usedBytes(link)) - before) / count
}

async function usedBytes(link: RedisLink): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await ask(link, 'INFO', 'memory'))?.[1])
}
