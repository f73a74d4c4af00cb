import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { systemClock } from '../../src/clock.ts'
import { partitionOf } from '../../src/ledger/partitions.ts'
import type { Ledger, ReserveCommand } from '../../src/ledger/port.ts'
import { openSqliteLedger } from '../../src/ledger/sqlite.ts'
import { subjectId } from '../../src/ledger/subject-id.ts'
import { newUploadId } from '../../src/ledger/upload-id.ts'
import { compileLimits, measure } from '../../src/limits/limit-set.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { createPooledRandom } from '../../src/runtime/pooled-random.ts'
import { BENCH_PLAN } from './bench-plan.ts'
import { type Report, rounded } from './figure.ts'
import { median } from './rounds.ts'
import { temporaryFolder } from './workspace.ts'

const ROUNDS = 7
const ROUND_MS = 3_000
const WARM_UP_MS = 2_000
// One full batch of the group commit: what a busy gateway has waiting.
const IN_FLIGHT = 64
const USERS = 1_000
const TENANT = 'acme'
const SIZE_BYTES = 12_345
const DEMAND = {
  requests: 1,
  objects: 1,
  bytes: SIZE_BYTES,
  storedBytes: SIZE_BYTES,
  storedObjects: 1,
  slots: 1,
}
// As long as that of an upload.
const NOTE = JSON.stringify({ kind: 'upload', tenant: TENANT, padding: 'x'.repeat(400) })

/** Reservations over three rates and seven quotas, against a file that survives a power cut. */
export async function ledgerPart(report: Report): Promise<void> {
  const database = new DatabaseSync(join(temporaryFolder(), 'signet.db'))
  const ledger = openSqliteLedger({
    database,
    clock: systemClock,
    schedule: (run) => void setImmediate(run),
  })
  try {
    const { synchronous } = database.prepare('PRAGMA synchronous').get() ?? {}
    if (synchronous !== FULL) throw new Error(`Cannot measure: synchronous is ${synchronous}`)
    const next = reservations(ledger)
    await reservedPerSecond(ledger, next, WARM_UP_MS)
    const values: number[] = []
    for (let round = 0; round < ROUNDS; round += 1) {
      values.push(await reservedPerSecond(ledger, next, ROUND_MS))
    }
    report({
      name: 'ledger.sqlite.perSecond',
      value: rounded(median(values)),
      unit: 'per second',
    })
  } finally {
    await ledger.close()
  }
}

/** `PRAGMA synchronous` as SQLite answers it. */
const FULL = 2

async function reservedPerSecond(
  ledger: Ledger,
  next: () => ReserveCommand,
  durationMs: number,
): Promise<number> {
  const startMs = performance.now()
  let done = 0
  async function work(): Promise<void> {
    while (performance.now() - startMs < durationMs) {
      const { code } = await ledger.admit(next())
      if (code === 'OK') done += 1
      // A window may roll between the measuring and the decision; the gateway asks again, too.
      else if (code !== 'PERIOD') throw new Error(`Cannot measure: the ledger answered ${code}`)
    }
  }
  await Promise.all(Array.from({ length: IN_FLIGHT }, work))
  return (done * 1000) / (performance.now() - startMs)
}

/** What the gateway asks the ledger for, one user after another. */
function reservations(ledger: Ledger): () => ReserveCommand {
  const hashing = nodeHashing
  const plan = BENCH_PLAN
  const limits = compileLimits({ user: plan, tenant: plan, timeZone: 'Europe/Berlin', hashing })
  const partition = partitionOf(hashing, TENANT, ledger.partitions)
  const tenant = subjectId(hashing, ledger.salt, 't', TENANT, '')
  const users = Array.from({ length: USERS }, (_, index) =>
    subjectId(hashing, ledger.salt, 'u', TENANT, `user-${index}`),
  )
  const fingerprint = 'bench'.padEnd(22, '0')
  const random = createPooledRandom()
  let count = 0
  return () => {
    count = (count + 1) % USERS
    const user = users[count] ?? ''
    const nowMs = systemClock.nowMs()
    return {
      ...measure(limits, { user, tenant }, DEMAND, nowMs),
      op: 'R',
      partition,
      rid: newUploadId(random, nowMs),
      fingerprint,
      deadlineMs: 0,
      ttlMs: 3_960_000,
      lookMs: 305_000,
      note: NOTE,
    }
  }
}
