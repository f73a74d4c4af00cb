import type { Send } from '../../src/gateway/probe/sender.ts'
import { type ProbeOptions, probeStore } from '../../src/gateway/probe/store.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import type { StoreHealth } from '../../src/stores/store-health.ts'
import { createTestBucket, type StoreUnderTest } from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway } from '../support/test-gateway.ts'

/** How a store is set up for a probe, and what stands before it. */
export interface ProbedOptions {
  /** Default: one key pair for everything. */
  readonly credentials?: unknown
  /** What is known beforehand. Default: nothing. */
  readonly capabilities?: Readonly<Record<string, unknown>>
  /** More members of the store. Default: none. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Carries the signed requests, and may change what the store does. Default: the real `fetch`. */
  readonly send?: Send
  /** Carries the gateway's own calls. Default: `send`'s default. */
  readonly ownCalls?: Send
  /** Lets the gateway's own calls wait for each other. Default: all are made at once. */
  readonly health?: StoreHealth
}

/** A gateway whose only store is a real one of which nothing is known beforehand. */
export async function gatewayOn(real: StoreUnderTest, options: ProbedOptions = {}) {
  const {
    credentials = real.credentials.main,
    capabilities = {},
    send = fetch,
    settings = {},
    ownCalls,
    health,
  } = options
  const bucket = await createTestBucket(real)
  const clock = new TestClock(Date.now())
  const gateway = await openTestGateway({
    clock,
    store: { endpoint: real.endpoint, region: real.region, credentials, capabilities, ...settings },
    bucket: { placements: [{ store: 'main', bucket }] },
    ...((ownCalls !== undefined || health !== undefined) && {
      overrides: {
        storeClient: createStoreClient({
          fetch: ownCalls ?? fetch,
          clock,
          ...(health && { health }),
        }),
      },
    }),
  })
  const [placement] = [...gateway.context.config.buckets.values()].map(
    ({ placements }) => placements[0],
  )
  if (placement === undefined) throw new Error('no placement')
  const report = (options?: ProbeOptions) => probeStore(gateway.context, send, placement, options)
  const probe = async () => (await report()).capabilities
  return { gateway, placement, probe, report, [Symbol.asyncDispose]: () => gateway.close() }
}
