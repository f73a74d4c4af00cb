import { GatewayError } from '../errors.ts'
import {
  type LinkTarget,
  nameOf,
  type RedisAddress,
  type RedisLink,
} from '../ledger/redis/redis-link.ts'
import { readSlotMap, type SlotMapReading } from '../ledger/redis/slot-map.ts'

/** How long a server may take to let us in, in milliseconds. */
const CONNECT_MS = 5_000
/** Until nobody there counts, in milliseconds: one more attempt, and a look whether it speaks TLS. */
const REFUSED_MS = 600
const STEP_MS = 20

/** Connects to a server. Throws `LedgerUnavailable`. */
export type Reach = (target: LinkTarget) => Promise<RedisLink>

/** Waits for a server that may still come up, not for one that has said no: `LedgerUnavailable`. */
export async function untilReady(
  link: RedisLink,
  target: LinkTarget,
  connectMs = CONNECT_MS,
): Promise<void> {
  const startMs = performance.now()
  let refusedAtMs: number | undefined
  while (!link.ready) {
    const nowMs = performance.now()
    const { trouble } = link
    if (trouble !== undefined) refusedAtMs ??= nowMs
    const isOver = nowMs - startMs > connectMs || nowMs - (refusedAtMs ?? nowMs) > REFUSED_MS
    if (trouble?.kind === 'rejected' || isOver) {
      const why = trouble?.message ?? 'it does not answer'
      throw new GatewayError('LedgerUnavailable', `Cannot reach ${nameOf(target)}: ${why}`)
    }
    await new Promise((resolve) => {
      setTimeout(resolve, STEP_MS)
    })
  }
}

/** What the nodes that can be reached say of the slots. Throws when none can, what the first says. */
export async function reachSlotMap(
  nodes: readonly RedisAddress[],
  reach: Reach,
): Promise<SlotMapReading> {
  const tries = await Promise.allSettled(
    nodes.map(async (address) => ({
      host: address.host,
      link: await reach({ kind: 'server', ...address }),
    })),
  )
  const reached = tries.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  const reading = await readSlotMap(reached)
  if (reading.map !== undefined || reading.problems.length > 0) return reading
  const failed = tries.find(({ status }) => status === 'rejected')
  if (failed?.status === 'rejected') throw failed.reason
  return reading
}
