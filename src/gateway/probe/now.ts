import type { ProbeReport } from '../../stores/probe-report.ts'
import type { Placement } from '../../stores/store.ts'
import type { GatewayContext } from '../context.ts'
import { tellTroubles } from '../what-is-signed.ts'
import { adoptIfCurrent } from './adopt.ts'
import { keepReport, keepUnfinished, reportName } from './record.ts'
import { probeStore } from './store.ts'

export interface ProbeNowOptions {
  /** Also with parts of full size. Default false. */
  readonly full?: boolean
  /** What one that was cut off has seen. */
  readonly resume?: ProbeReport
}

/** Keys that are named of what could not be removed; more help nobody. */
const MAX_LEFTOVERS = 100

/**
 * Probes a store in one bucket, keeps what was seen, and goes by it from now on, unless the store has
 * got other settings meanwhile. Who asks for the same meanwhile gets the report of the one under way.
 * What was seen counts also when it cannot be kept.
 * Throws `StoreUnavailable`.
 */
export function probeNow(
  context: GatewayContext,
  placement: Placement,
  options: ProbeNowOptions = {},
): Promise<ProbeReport> {
  const name = `${reportName(context, placement)} ${options.full === true ? 'full' : ''}`
  return context.probes.share(name, (signal) => probe(context, placement, { ...options, signal }))
}

async function probe(
  context: GatewayContext,
  placement: Placement,
  { resume, ...options }: ProbeNowOptions & { readonly signal: AbortSignal },
): Promise<ProbeReport> {
  const { log, telemetry } = context
  const where = { store: placement.store.name, bucket: placement.bucket }
  // What was concluded first is as old as its beginning, however often it is gone on with.
  const dated = (report: ProbeReport): ProbeReport => ({
    ...report,
    startedAt: resume?.startedAt ?? report.startedAt,
    leftovers: report.leftovers.slice(0, MAX_LEFTOVERS),
  })
  try {
    const seen = await probeStore(context, context.send, placement, {
      ...options,
      ...(resume !== undefined && { resume }),
      onProgress: (soFar) =>
        orTold(context, placement, () => keepUnfinished(context, placement, dated(soFar))),
    })
    const report = dated(seen)
    const isAdopted = adoptIfCurrent(context, placement, report)
    await orTold(context, placement, () => keepReport(context, placement, report))
    const { requests, bytes, complete, leftovers } = report
    log.info('store.probed', { ...where, requests, bytes, complete })
    if (leftovers.length > 0) log.error('store.probe_leftovers', { ...where, keys: leftovers })
    telemetry.storeProbed({ store: where.store, outcome: complete ? 'complete' : 'incomplete' })
    if (isAdopted) tellTroubles(context, placement)
    return report
  } catch (error) {
    telemetry.storeProbed({ store: where.store, outcome: 'failed' })
    throw error
  }
}

async function orTold(
  { log }: GatewayContext,
  { store, bucket }: Placement,
  keep: () => Promise<void>,
): Promise<void> {
  try {
    await keep()
  } catch (error) {
    log.warn('store.probe_not_kept', { store: store.name, bucket, error })
  }
}
