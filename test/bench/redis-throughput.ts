import type { Ledger } from '../../src/ledger/port.ts'
import { initialise } from '../ledger/redis-fixture.ts'
import { openFaultProxy } from '../support/redis/fault-proxy.ts'
import { openReplication } from '../support/redis/replication.ts'
import { openBenchLedger } from './bench-redis.ts'
import { figuresOf, type Report, rounded } from './figure.ts'
import { reservations, reservedPerSecond } from './ledger-load.ts'
import { interleave } from './rounds.ts'

const ROUNDS = 31
// Short ones, so that most pairs meet the same machine.
const ROUND_MS = 130
const WARM_UP_MS = 700
const COUNTED = 200
const ASYNC = 'ledger.redis.perSecond'
const STRICT = 'ledger.redis.strictPerSecond'

/**
 * Reservations through the driver, 64 under way: without waiting, and answered only once the replica
 * has them. Both on the same master, which feeds its replica in either case.
 */
export async function redisThroughput(report: Report): Promise<void> {
  await using replication = await openReplication()
  const { port } = replication.master
  await initialise(port)
  await using ledgers = new AsyncDisposableStack()
  const contenders = []
  for (const [name, durability] of [
    [ASYNC, 'async'],
    [STRICT, 'strict'],
  ] as const) {
    const ledger = ledgers.adopt(await openBenchLedger(port, durability), (opened) =>
      opened.close(),
    )
    const next = reservations(ledger)
    await reservedPerSecond(ledger, next, WARM_UP_MS)
    contenders.push({ name, run: () => reservedPerSecond(ledger, next, ROUND_MS) })
  }
  const measured = await interleave(contenders, ROUNDS)
  const unit = 'per second'
  for (const figure of figuresOf(measured, { name: ASYNC, unit })) report(figure)
  for (const figure of figuresOf(measured, { name: STRICT, unit, baselines: [ASYNC] })) {
    report(figure)
    report({ name: 'ledger.redis.strictRatio', value: figure.ratio ?? Number.NaN, unit: 'ratio' })
  }
  report({
    name: 'ledger.redis.roundTrips',
    value: rounded(await roundTrips(port)),
    unit: 'per decision',
  })
}

/**
 * How often the server's turn follows the client's on the connection that decides, one decision after
 * another. Every five seconds the driver also asks how the server does: the least of several counts.
 */
async function roundTrips(targetPort: number): Promise<number> {
  await using proxy = await openFaultProxy({ targetPort })
  const ledger = await openBenchLedger(proxy.port, 'async')
  try {
    const next = reservations(ledger)
    await decide(ledger, next)
    const counts: number[] = []
    for (let round = 0; round < 3; round += 1) {
      proxy.resetCounts()
      await decide(ledger, next)
      counts.push(proxy.traffic().roundTrips / COUNTED)
    }
    return Math.min(...counts)
  } finally {
    await ledger.close()
  }
}

async function decide(ledger: Ledger, next: ReturnType<typeof reservations>): Promise<void> {
  for (let done = 0; done < COUNTED; done += 1) {
    const { code } = await ledger.admit(next())
    if (code !== 'OK' && code !== 'PERIOD') throw new Error(`Cannot count: it answered ${code}`)
  }
}
