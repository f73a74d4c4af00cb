import { GatewayError } from '../../errors.ts'
import type { BatchResult } from './batcher.ts'
import type { Fence } from './fence.ts'
import { isMoved } from './not-executed.ts'
import { noAnswer } from './redis-node.ts'
import type { ScriptCall } from './script-calls.ts'
import type { ScriptName } from './scripts/load-scripts.ts'
import type { Topology } from './topology.ts'

/** One run of a script on the master of a partition. */
export interface FencedRun {
  readonly partition: number
  readonly script: ScriptName
  readonly call: (epoch: string) => ScriptCall
  /** On the connection of `WAIT`, answered after it. */
  readonly durable: boolean
  /** Also while reservations are being put back. */
  readonly restating?: boolean
}

/** Runs scripts under the epoch that stands. */
export type RunFenced = (run: FencedRun) => Promise<BatchResult>

/**
 * Runs scripts, and looks at the canaries again when one has moved: another gateway has seen the
 * failover first. A fenced script has done nothing, so it is run once more under the new epoch. Throws
 * `LedgerUnavailable` when there is no server or no epoch.
 */
export function createRunFenced({
  topology,
  fence,
}: {
  readonly topology: Topology
  readonly fence: Fence
}): RunFenced {
  async function once(run: FencedRun): Promise<BatchResult> {
    const { partition, script, call, durable, restating = false } = run
    const node = topology.nodeOf(partition)
    if (node === undefined) throw noAnswer('no server is known to have the partition')
    if (!node.ready) throw noAnswer(node.trouble)
    const place = fence.of(partition)
    const usable = place.state === 'open' || (restating && place.state === 'reasserting')
    if (!usable) throw fenceError(fence, partition)
    const result = await node.run(script, call(place.epoch), { durable })
    if (isMoved(result)) topology.moved()
    return result
  }

  return async (run) => {
    const result = await once(run)
    if (!isFenced(result)) return result
    fence.close([run.partition])
    await topology.nodeOf(run.partition)?.prepare()
    return once(run)
  }
}

function isFenced(result: BatchResult): boolean {
  return result.kind === 'reply' && (result.reply as [string])[0] === 'FENCED'
}

const WHY = {
  unknown: 'nobody has looked yet whether its data is all there',
  missing: 'its data is gone or was never there: run "signet ledger init"',
  lost: 'acknowledged reservations are gone: see "signet ledger init --accept-loss"',
  older: 'its data is older than what was seen: see "signet ledger init --accept-loss"',
} as const

/** Why a partition is not decided on, for people. */
export function whyFenced(fence: Fence, partition: number): string {
  const place = fence.of(partition)
  return place.state === 'closed' ? WHY[place.why] : 'what was lost is being put back'
}

/** The error for a partition that is not decided on. */
export function fenceError(fence: Fence, partition: number): GatewayError {
  return new GatewayError('LedgerUnavailable', 'Cannot decide: the ledger is recovering', {
    facts: { why: whyFenced(fence, partition), partition },
  })
}
