import { EVENT_SECRET } from '../stores/events/events-fixture.ts'
import type { StoreUnderTest } from '../support/stores/stores-under-test.ts'
import { until } from '../support/until.ts'
import { type GatewayOnStore, gatewayOnStore } from './gateway-on-store.ts'

/** How often events came to what, by outcome and reason. */
export type CountedEvents = Readonly<Record<string, number>>

/** A gateway that takes events of its only store. */
export interface GatewayForEvents extends GatewayOnStore {
  /** POST of a delivery, as a store or a forwarder makes it. */
  deliver(body: string | object, headers?: Readonly<Record<string, string>>): Promise<Response>
  counted(): Promise<CountedEvents>
  /** Waits until so many more events than before came to this. */
  untilCounted(what: string, before: CountedEvents, more?: number): Promise<void>
}

/** Opens a gateway whose store sends events: Ceph its own, the others those of a forwarder of MinIO's. */
export async function gatewayForEvents(
  store: StoreUnderTest,
  options: NonNullable<Parameters<typeof gatewayOnStore>[1]> = {},
): Promise<GatewayForEvents> {
  const shape = store.kind === 'ceph' ? 'ceph' : 'minio'
  const gateway = await gatewayOnStore(store, {
    ...options,
    store: { events: { secret: EVENT_SECRET, shape }, ...options.store },
  })
  const counted = async () => countedIn((await gateway.context.readMetrics?.()) ?? '')
  return {
    ...gateway,
    counted,
    async deliver(body, headers = { authorization: `Bearer ${EVENT_SECRET}` }) {
      return gateway.app.request('/v1/events/main', {
        method: 'POST',
        headers,
        body: typeof body === 'string' ? body : JSON.stringify(body),
      })
    },
    async untilCounted(what, before, more = 1) {
      await until(`${what} is counted ${more} times more`, async () => {
        return ((await counted())[what] ?? 0) >= (before[what] ?? 0) + more
      })
    },
  }
}

/** A record in the manner of MinIO; `key` as it is written there, form-encoded. */
export function minioRecord(
  bucket: string,
  key: string,
  changes: {
    readonly name?: string
    readonly sequencer?: string
    readonly eventTime?: string
    readonly object?: Readonly<Record<string, unknown>>
  } = {},
): object {
  const { name = 'ObjectCreated:Put', sequencer, object } = changes
  return {
    eventSource: 'minio:s3',
    eventName: `s3:${name}`,
    eventTime: changes.eventTime ?? '2026-11-27T12:00:00.000Z',
    s3: {
      bucket: { name: bucket },
      object: { key, size: 1_000, eTag: 'e', ...(sequencer && { sequencer }), ...object },
    },
  }
}

/** A removal as Ceph tells it: `sealed` is the ticket that the object had, if it had one. */
export function cephRemoval(
  bucket: string,
  key: string,
  { sequencer, sealed }: { readonly sequencer: string; readonly sealed?: string | undefined },
): object {
  const metadata = sealed === undefined ? [] : [{ key: 'x-amz-meta-signet', val: sealed }]
  return {
    eventSource: 'ceph:s3',
    eventName: 'ObjectRemoved:Delete',
    eventTime: '2026-11-27T12:00:00.000000Z',
    s3: {
      bucket: { name: bucket },
      object: { key, size: 1e6, versionId: '', sequencer, metadata },
    },
  }
}

function countedIn(metrics: string): CountedEvents {
  const lines = metrics.matchAll(/^signet_events_total\{([^}]*)\} (\d+)/gm)
  const label = (labels: string, name: string) => new RegExp(`${name}="([^"]*)"`).exec(labels)?.[1]
  return Object.fromEntries(
    [...lines].map(([, labels = '', count]) => [
      `${label(labels, 'outcome')} ${label(labels, 'reason')}`,
      Number(count),
    ]),
  )
}
