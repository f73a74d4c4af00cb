import type { ProbeReport } from '../../stores/probe-report.ts'
import type { Placement } from '../../stores/store.ts'
import type { GatewayContext } from '../context.ts'
import type { StoreTruth } from '../store-truth.ts'
import { recordName, writeRecord } from './record.ts'
import { probeStore } from './store.ts'

export interface ProbeNowOptions {
  /** Also with parts of full size. Default false. */
  readonly full?: boolean
  /** What one that was cut off has seen. */
  readonly resume?: ProbeReport
  /** Web origins to ask for. Default: `server.cors.origins`. */
  readonly origins?: readonly string[]
  /** Ends it between two requests. */
  readonly signal?: AbortSignal
}

const underWay = new WeakMap<StoreTruth, Map<string, Promise<ProbeReport>>>()

/**
 * Probes a store in one bucket, keeps what was seen, and goes by it from now on. One at a time in this
 * process: who asks meanwhile gets the report of the one under way. What was seen counts also when it
 * cannot be kept. Throws `StoreUnavailable`.
 */
export function probeNow(
  context: GatewayContext,
  placement: Placement,
  options: ProbeNowOptions = {},
): Promise<ProbeReport> {
  const running = underWay.get(context.storeTruth) ?? new Map<string, Promise<ProbeReport>>()
  underWay.set(context.storeTruth, running)
  const name = recordName(placement)
  const same = running.get(name)
  if (same !== undefined) return same
  const work = probe(context, placement, options).finally(() => running.delete(name))
  running.set(name, work)
  return work
}

async function probe(
  context: GatewayContext,
  placement: Placement,
  options: ProbeNowOptions,
): Promise<ProbeReport> {
  const { log, telemetry } = context
  const where = { store: placement.store.name, bucket: placement.bucket }
  try {
    const report = await probeStore(context, context.send, placement, {
      ...options,
      onProgress: (soFar) => keep(context, placement, soFar),
    })
    context.storeTruth.adopt(report)
    await keep(context, placement, report)
    const { requests, bytes, complete, leftovers } = report
    log.info('store.probed', { ...where, requests, bytes, complete })
    if (leftovers.length > 0) log.error('store.probe_leftovers', { ...where, keys: leftovers })
    telemetry.storeProbed({ store: where.store, outcome: complete ? 'complete' : 'incomplete' })
    return report
  } catch (error) {
    telemetry.storeProbed({ store: where.store, outcome: 'failed' })
    throw error
  }
}

async function keep(
  context: GatewayContext,
  placement: Placement,
  report: ProbeReport,
): Promise<void> {
  try {
    await writeRecord(context, placement, report)
  } catch (error) {
    const { store, bucket } = placement
    context.log.warn('store.probe_not_kept', { store: store.name, bucket, error })
  }
}
