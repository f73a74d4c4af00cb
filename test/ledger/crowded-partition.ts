import { systemClock } from '../../src/clock.ts'
import { indexKey, recordKey } from '../../src/ledger/redis/keys.ts'
import { packStream } from '../../src/ledger/redis/msgpack-stream.ts'
import { openRedisLedger } from '../../src/ledger/redis/redis.ts'
import type { RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { createLogger } from '../../src/log.ts'
import { ioredisConnector } from '../../src/runtime/ioredis-link.ts'
import { NOTE, reserve, stored, USER } from '../contract/reservation-commands.ts'
import type { RedisServer } from '../support/redis/redis-server.ts'
import { settingsFor } from './redis-fixture.ts'

const PAGE = 1_000
/** Decisions at once. */
const TURN = 64
const DAY_MS = 86_400_000
/** Short, as gateways have it: whoever keeps the server busy is noticed. */
const ACCESS = { database: 0, tls: undefined, commandTimeoutMs: 500, connectTimeoutMs: 1_000 }

/** A ledger with a gateway's own settings. */
export function openGatewayLedger(server: RedisServer, clock = systemClock) {
  return openRedisLedger({
    settings: settingsFor(server, { commandTimeoutMs: 500, waitTimeoutMs: 150 }),
    connect: ioredisConnector(ACCESS),
    clock,
    schedule: (run) => void setImmediate(run),
    log: createLogger({ write: () => {}, clock: systemClock }),
  })
}

/** Puts settled uploads of `owner` into partition 0, as `finish` leaves them. */
export async function addTombstones(
  link: RedisLink,
  { count, owner, name = 'old' }: { count: number; owner: string; name?: string },
): Promise<void> {
  const body = [2_000_000_000_000, 1, 0, 'fingerprint', NOTE, 1, owner]
  const value = packStream([1, 'S', ...body])
  for (let from = 0; from < count; from += PAGE) {
    const rids = Array.from({ length: Math.min(PAGE, count - from) }, (_, n) => from + n)
    await link.send(
      rids.map((n) => ({
        name: 'SET',
        args: [recordKey(0, `up_${name}_${n}`), value, 'PX', DAY_MS],
      })),
    )
  }
}

/** One more upload of a byte, in a partition. */
export const upload = (rid: string, partition = 0, subject = USER) => ({
  ...reserve(rid, [{ subject, quotas: [stored(1, 1e9)] }]),
  partition,
})

let besides = 0

/** Decides on uploads, of another tenant unless told otherwise, all the while that `work` lasts; what became of them. */
export async function besideDecisions<Result>(
  ledger: Awaited<ReturnType<typeof openGatewayLedger>>,
  work: Promise<Result>,
  partition = 9,
): Promise<{ result: Result; waitsMs: number[]; failed: unknown[] }> {
  const waitsMs: number[] = []
  const failed: unknown[] = []
  let working = true
  async function decide(): Promise<void> {
    while (working) {
      besides += 1
      const startMs = performance.now()
      try {
        const { code } = await ledger.admit(upload(`up_beside_${besides}`, partition))
        if (code !== 'OK') failed.push(code)
      } catch (error) {
        failed.push(error)
      }
      waitsMs.push(performance.now() - startMs)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  const deciding = decide()
  try {
    const result = await work
    return { result, waitsMs, failed }
  } finally {
    working = false
    await deciding
  }
}

/** Reserves uploads in partition 0. */
export async function addPending(
  ledger: Awaited<ReturnType<typeof openGatewayLedger>>,
  count: number,
): Promise<void> {
  for (let from = 0; from < count; from += TURN) {
    const rids = Array.from({ length: Math.min(TURN, count - from) }, (_, n) => from + n)
    await Promise.all(rids.map((n) => ledger.admit(upload(`up_pending_${n}`))))
  }
}

/** Takes a reservation out of the index, and leaves the rest. */
export async function hide(link: RedisLink, rid: string): Promise<void> {
  await link.send([{ name: 'ZREM', args: [indexKey(0), rid] }])
}
