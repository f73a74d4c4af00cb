import { GatewayError } from '../../errors.ts'
import type { BatchResult } from './batcher.ts'
import type { Diagnosis } from './diagnose.ts'
import type { Fence } from './fence.ts'
import { whyFenced } from './fence-log.ts'
import { epochKey } from './keys.ts'
import { isScriptFault } from './not-executed.ts'
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
 * `LedgerUnavailable` when there is no server or no epoch, and with the name of a key that is not ours
 * when the script came to nothing.
 */
export function createRunFenced({
  topology,
  fence,
  diagnosis,
  patienceMs,
}: {
  readonly topology: Topology
  readonly fence: Fence
  readonly diagnosis: Diagnosis
  /** Longest wait for a look at the canaries, in milliseconds. */
  readonly patienceMs: number
}): RunFenced {
  async function once(run: FencedRun): Promise<{ result: BatchResult; epoch: string }> {
    const { partition, script, call, durable, restating = false } = run
    const node = topology.nodeOf(partition)
    if (node === undefined) throw noAnswer('no server is known to have the partition')
    if (!node.ready) throw noAnswer(node.trouble)
    const place = fence.of(partition)
    const usable = place.state === 'open' || (restating && place.state === 'reasserting')
    if (place.state === 'closed' && place.why === 'foreign') {
      throw diagnosis.report({ key: epochKey(partition), why: whyFenced(place) })
    }
    if (!usable) throw fenceError(fence, partition)
    const scriptCall = call(place.epoch)
    const result = await node.run(script, scriptCall, { durable })
    if (isScriptFault(result)) {
      throw diagnosis.report(await diagnosis.explain(node, scriptCall.keys, result.message))
    }
    return { result, epoch: place.epoch }
  }

  return async (run) => {
    const { result, epoch } = await once(run)
    if (!isFenced(result)) return result
    // Putting back comes again after the next look, which nobody waits for.
    if (run.restating === true) return result
    const place = fence.of(run.partition)
    // Others may have found the new epoch since this one was sent.
    if (place.state !== 'open' || place.epoch === epoch) await lookAgain(run.partition)
    return (await once(run)).result
  }

  async function lookAgain(partition: number): Promise<void> {
    fence.close([partition])
    const look = topology.nodeOf(partition)?.prepare()
    let timer: ReturnType<typeof setTimeout> | undefined
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs)
    })
    await Promise.race([look, patience])
    clearTimeout(timer)
  }
}

function isFenced(result: BatchResult): boolean {
  return result.kind === 'reply' && (result.reply as [string])[0] === 'FENCED'
}

/** The error for a partition that is not decided on. */
export function fenceError(fence: Fence, partition: number): GatewayError {
  return new GatewayError('LedgerUnavailable', 'Cannot decide: the ledger is recovering', {
    facts: { why: whyFenced(fence.of(partition)), partition },
  })
}
