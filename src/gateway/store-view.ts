import type { ProbeReport } from '../stores/probe-report.ts'
import type { Placement, Store } from '../stores/store.ts'
import type { GatewayContext } from './context.ts'
import { healthCheckSeconds } from './health-checks.ts'
import { isFresh } from './probe/record.ts'
import { probePlacements } from './store-truth.ts'
import { type StoreUsage, storeUsage } from './store-usage.ts'
import { whatIsSigned } from './what-is-signed.ts'

type ViewContext = Pick<GatewayContext, 'clock' | 'config' | 'storeHealth' | 'storeTruth'>

/** A store as an operator sees it. */
export type StoreView = ReturnType<typeof storeView>

/** What is known of a store in one of its buckets. */
export type StoreBucketView = ReturnType<typeof storeBucketView>

/** What a store with a bound holds; without `used` and `pending` while the ledger does not tell. */
export interface StoreRoomView extends Partial<StoreUsage> {
  readonly capacityBytes: number
}

/** What of its bound a store holds; `undefined` for one without. Never throws. */
export async function storeRoomView(
  context: Pick<GatewayContext, 'capacity' | 'ledger' | 'log'>,
  { name, capacityBytes }: Pick<Store, 'name' | 'capacityBytes'>,
): Promise<StoreRoomView | undefined> {
  if (capacityBytes === undefined) return undefined
  try {
    return { capacityBytes, ...(await storeUsage(context, name)) }
  } catch (error) {
    context.log.warn('store.room_unknown', { store: name, error })
    return { capacityBytes }
  }
}

/** A store without its credentials; `capabilities` and `traits` are those of the first bucket in use. */
export function storeView(context: ViewContext, store: Store, room?: StoreRoomView) {
  const { name, provider, endpoint, publicEndpoint, region, addressing } = store
  const { allowReadableWriteCredential, probe, capabilities, traits } = store
  return {
    name,
    provider,
    endpoint,
    publicEndpoint,
    region,
    addressing,
    allowReadableWriteCredential,
    probe,
    capabilities,
    traits,
    healthCheckSeconds: healthCheckSeconds(context.config, store),
    health: context.storeHealth.of(name),
    ...(room !== undefined && { room }),
    buckets: probePlacements(context.config, name).map((placement) =>
      storeBucketView(context, placement),
    ),
  }
}

/** A bucket of a store: what it enforces, what follows for callers, and the probe that saw it. */
export function storeBucketView(context: ViewContext, { store, bucket }: Placement) {
  const report = context.storeTruth.reportOf(store.name, bucket)
  const now = probePlacements(context.config, store.name).find((each) => each.bucket === bucket)
  const { capabilities, traits } = now?.store ?? store
  return {
    bucket,
    capabilities,
    traits,
    signed: now === undefined ? [] : whatIsSigned(context, now),
    ...(report !== undefined && { lastProbe: lastProbe(context, report) }),
  }
}

function lastProbe({ clock }: ViewContext, report: ProbeReport) {
  const { startedAt, endedAt, server, clockOffsetSeconds, requests, bytes, complete } = report
  return {
    startedAt,
    endedAt,
    fresh: isFresh(report, clock.nowMs()),
    complete,
    requests,
    bytes,
    ...(server !== undefined && { server }),
    ...(clockOffsetSeconds !== undefined && { clockOffsetSeconds }),
    findings: report.findings,
    leftovers: report.leftovers,
  }
}
