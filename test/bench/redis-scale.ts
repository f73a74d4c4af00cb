import { systemClock } from '../../src/clock.ts'
import type { Ledger, ReserveCommand } from '../../src/ledger/port.ts'
import { recordKey } from '../../src/ledger/redis/keys.ts'
import type { RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { initialise, openLink } from '../ledger/redis-fixture.ts'
import { openRedisServer } from '../support/redis/redis-server.ts'
import { openBenchLedger } from './bench-redis.ts'
import { type Report, rounded } from './figure.ts'
import { reservations, SETTLED_NOTE } from './ledger-load.ts'
import { openCostProbe } from './redis-cost.ts'
import { fillIndex, fillRecords, fillSubjects, typicalSubject } from './redis-memory.ts'
import { median } from './rounds.ts'

const ROUNDS = 84
const MANY = 1_000_000
const ENDED = 50_000
const DAY_MS = 86_400_000

/**
 * What a decision costs Redis, what lies in its memory, and what a decision costs once a million
 * subjects and a million pending reservations lie there, all in the partition that decides.
 */
export async function redisScale(report: Report): Promise<void> {
  await using empty = await openRedisServer()
  await using full = await openRedisServer()
  for (const { port } of [empty, full]) await initialise(port)
  await measureMemory(full.port, report)
  await measureCost({ emptyPort: empty.port, fullPort: full.port }, report)
}

async function measureMemory(port: number, report: Report): Promise<void> {
  const link = await openLink(port)
  const ledger = await openBenchLedger(port, 'async')
  try {
    const { partition, pending, ended, endedBare } = await realValues(ledger, link)
    const few = { link, partition, count: ENDED }
    const tombstone = await fillRecords(few, ended, DAY_MS)
    await forget(link, port)
    const bareTombstone = await fillRecords(few, endedBare, DAY_MS)
    await forget(link, port)
    const many = { link, partition, count: MANY }
    const subject = await fillSubjects(many, typicalSubject(systemClock.nowMs()))
    const record = await fillRecords(many, pending, 0)
    const index = await fillIndex(many, systemClock.nowMs())
    const bytes = (name: string, value: number) =>
      report({ name: `ledger.redis.${name}`, value: rounded(value), unit: 'bytes' })
    bytes('subjectBytes', subject)
    bytes('pendingBytes', record)
    bytes('pendingIndexBytes', index)
    bytes('tombstoneBytes', tombstone)
    bytes('tombstoneBareBytes', bareTombstone)
  } finally {
    await ledger.close()
    await link.close()
  }
}

/** Records as the driver writes them, so that copies of them weigh what real ones do. */
async function realValues(ledger: Ledger, link: RedisLink) {
  const next = reservations(ledger)
  async function recordOf(end?: (command: ReserveCommand) => Promise<unknown>) {
    const command = next()
    await ledger.admit(command)
    await end?.(command)
    const { partition, rid } = command
    const key = recordKey(partition, rid)
    const [result] = await link.send([{ name: 'GET', args: [key], binary: true }])
    const bytes = result?.kind === 'reply' ? result.reply : undefined
    if (bytes instanceof Uint8Array) return bytes
    throw new Error('Cannot measure: the record is not there')
  }
  const settle = (note: string) => (command: ReserveCommand) => {
    const { partition, rid, fingerprint, subjects } = command
    const sizes = { actualBytes: 12_345, storedDelta: 12_345, objectsDelta: 1 }
    return ledger.finish({ op: 'S', partition, rid, fingerprint, subjects, note, ...sizes })
  }
  return {
    partition: next().partition,
    pending: await recordOf(),
    ended: await recordOf(settle(SETTLED_NOTE)),
    endedBare: await recordOf(settle('')),
  }
}

async function forget(link: RedisLink, port: number): Promise<void> {
  await link.send([{ name: 'FLUSHALL', args: ['SYNC'] }])
  await initialise(port)
}

/**
 * In turns on both servers, and the script that does nothing beside them. The best of many short
 * rounds stands for the cost: Redis counts by the wall clock, so that neighbours only ever add.
 */
async function measureCost(
  { emptyPort, fullPort }: { readonly emptyPort: number; readonly fullPort: number },
  report: Report,
): Promise<void> {
  const onEmpty = await openCostProbe(emptyPort)
  const onFull = await openCostProbe(fullPort)
  try {
    const rounds: { empty: number; full: number; idle: number }[] = []
    for (let round = -8; round < ROUNDS; round += 1) {
      const empty = await onEmpty.decide()
      const full = await onFull.decide()
      const idle = await onEmpty.idle()
      if (round >= 0) rounds.push({ empty, full, idle })
    }
    const best = Math.min(...rounds.map(({ empty }) => empty))
    const middle = median(rounds.map(({ empty }) => empty))
    const idle = Math.min(...rounds.map((round) => round.idle))
    const growth = Math.min(...rounds.map(({ full }) => full)) / best
    const name = 'ledger.redis.cpuMicros'
    const emptyScript = 'ledger.redis.emptyScriptMicros'
    report({ name: emptyScript, value: rounded(idle), unit: 'µs' })
    report({
      name,
      value: rounded(best),
      unit: 'µs',
      baseline: emptyScript,
      ratio: rounded(best / idle),
    })
    report({ name: 'ledger.redis.cpuMedianMicros', value: rounded(middle), unit: 'µs' })
    report({ name: 'ledger.redis.growthRatio', value: rounded(growth), unit: 'ratio' })
  } finally {
    await onEmpty.close()
    await onFull.close()
  }
}
