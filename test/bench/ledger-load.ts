import { systemClock } from '../../src/clock.ts'
import { noteText } from '../../src/gateway/reservation-note.ts'
import { partitionOf } from '../../src/ledger/partitions.ts'
import type { Ledger, ReserveCommand } from '../../src/ledger/port.ts'
import { subjectId } from '../../src/ledger/subject-id.ts'
import { newUploadId } from '../../src/ledger/upload-id.ts'
import { compileLimits, measure } from '../../src/limits/limit-set.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { createPooledRandom } from '../../src/runtime/pooled-random.ts'
import { BENCH_PLAN } from './bench-plan.ts'

/** One full batch of the group commit and of the batcher: what a busy gateway has waiting. */
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
/** What the gateway writes beside the numbers of an upload. */
const UPLOAD = {
  kind: 'upload',
  tenant: TENANT,
  user: 'alice',
  bucket: 'media',
  place: ['main', 'media-prod', ''],
  key: 'acme/alice/2026-01-15/0190b3f2-7a4e-7c31-9d5a-1f2e3d4c5b6a-cat.jpg',
  sizeBytes: SIZE_BYTES,
  contentType: 'image/jpeg',
  createdMs: 1_768_478_400_000,
  afterUrlMs: 3_660_000,
} as const
const NOTE = noteText(UPLOAD)
/** The same once the object is there. */
export const SETTLED_NOTE: string = noteText({
  ...UPLOAD,
  etag: '"d41d8cd98f00b204e9800998ecf8427e"',
  settledMs: UPLOAD.createdMs + 5_000,
})

/** What the gateway asks the ledger for, one of 1,000 users after another. */
export function reservations(ledger: Pick<Ledger, 'partitions' | 'salt'>): () => ReserveCommand {
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

/** Keeps 64 reservations under way; how many a second were granted. Throws on any refusal. */
export async function reservedPerSecond(
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
