import type { ExecutionContext } from 'cloudflare:workers'
import { auditOne } from '../gateway/audit-ledger.ts'
import { sweep } from '../gateway/sweep.ts'
import { openDurableObjectsLedger, type RemoteLedger } from '../ledger/durable-objects.ts'
import { gatewayOnObjects, objectNamed } from './on-durable-objects.ts'
import { partitionObject, type WorkerBindings } from './worker-bindings.ts'
import { contextOf, tellFailure, withContext } from './worker-gateway.ts'

const HOUR_MS = 3_600_000
/** Claims of one alarm: what is due beyond them rings anew. */
const MAX_ROUNDS = 8
/** Between two looks at what seems wrong, in milliseconds. */
const SECOND_LOOK_MS = 1_000

/** The object that sweeps its own partition. */
export interface SweepingObject {
  readonly own: RemoteLedger
  readonly env: WorkerBindings
  readonly life: ExecutionContext
  /** Told before the first claim how long ended reservations are kept, in milliseconds. */
  readonly retain: (retentionMs: number) => void
  /** Asked after the sweep: true takes the turn to audit the partition. */
  readonly takeAudit: () => boolean
}

/**
 * Looks at what is due in a partition, from within its object. Other partitions are asked as by anybody.
 * Throws what went wrong, of which the log knows then.
 */
export async function sweepPartition(
  partition: number,
  { own, env, life, retain, takeAudit }: SweepingObject,
): Promise<{ readonly retentionMs: number }> {
  const open = async () => {
    const gateway = await gatewayOnObjects(env)
    const ledger = openDurableObjectsLedger({
      objectOf: (each) => (each === partition ? own : objectNamed(env, partitionObject(each))),
      salt: () => gateway.context.ledger.salt,
      share: [partition],
    })
    return { gateway, context: contextOf(gateway, env, { ledger }) }
  }
  try {
    return await withContext(life, open, async (_, context) => {
      const retentionMs = context.config.ledger.retentionHours * HOUR_MS
      retain(retentionMs)
      for (let round = 0; round < MAX_ROUNDS; round += 1) {
        const { claimed } = await sweep(context)
        if (claimed === 0) break
      }
      if (takeAudit()) {
        await auditOne(context, partition, { pause: () => pause(SECOND_LOOK_MS) })
      }
      return { retentionMs }
    })
  } catch (error) {
    tellFailure(error)
    throw error
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
