import { probeStore } from '../../src/gateway/probe/store.ts'
import { createLogger } from '../../src/log.ts'
import type { ProbeReport } from '../../src/stores/probe-report.ts'
import { createStoreClient } from '../../src/stores/s3-client.ts'
import { createStoreHealth } from '../../src/stores/store-health.ts'
import {
  createTestBucket,
  type StoreUnderTest,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { openTestGateway, type TestGateway } from '../support/test-gateway.ts'
import { storeSettings } from './gateway-on-store.ts'

/** A gateway that knows of a real store what its profile says and what a probe has seen. */
export interface ProbedStore extends TestGateway {
  readonly report: ProbeReport
  /** The store's own bucket. */
  readonly storeBucket: string
  /** What one finding says, by `step name`. */
  found(name: string): unknown
  /** Probes the store once more; of `resume`, only what is not concluded. */
  probe(resume?: ProbeReport): Promise<ProbeReport>
  /** An object put past the gateway, with the store's own credential. */
  putDirectly(key: string, body: string): Promise<void>
  /** Size at the store, or `undefined` when the object is not there. */
  sizeAtStore(key: string): Promise<number | undefined>
}

/**
 * Opens one, with the settings of `storeSettings` but for what was measured by hand. Bucket `media` takes
 * whatever the store keeps, `once` demands write-once; both lie in one bucket of the store. A `known`
 * report is believed, and nothing is looked at.
 */
export async function probedStore(
  store: StoreUnderTest,
  {
    known,
    clock = new TestClock(Date.now()),
    settings = {},
  }: {
    known?: ProbeReport
    clock?: TestClock
    settings?: Readonly<Record<string, unknown>>
  } = {},
): Promise<ProbedStore> {
  const storeBucket = await createTestBucket(store)
  const placements = [{ store: 'main', bucket: storeBucket }]
  const keys = { callerPrefix: '{tenant}/{user}/' }
  const log = createLogger({ write() {}, clock })
  const storeHealth = createStoreHealth({ clock, log })
  const gateway = await openTestGateway({
    clock,
    // By the test's clock, that may be off the store's.
    overrides: {
      storeHealth,
      storeClient: createStoreClient({ fetch, clock, health: storeHealth }),
    },
    store: { ...storeSettings(store), capabilities: {}, ...settings },
    bucket: { placements, keys },
    // Of the embedded store the profile says that it cannot, and the configuration is refused.
    ...(store.kind !== 'embedded' && {
      buckets: { once: { placements, keys, upload: { writeOnce: true } } },
    }),
  })
  const probe = (earlier?: ProbeReport) => {
    const [placement] = gateway.context.storeTruth.configured.buckets.get('media')?.placements ?? []
    if (placement === undefined) throw new Error('no placement')
    return probeStore(gateway.context, fetch, placement, earlier && { resume: earlier })
  }
  const report = known === undefined ? await probe() : { ...known, bucket: storeBucket }
  gateway.context.storeTruth.adopt(report)
  const direct = storeClient(store)
  const urlOf = (key: string) => `${store.endpoint}/${storeBucket}/${key}`
  return {
    ...gateway,
    report,
    storeBucket,
    found: (name) =>
      report.findings.find(({ step, name: own }) => `${step} ${own}` === name)?.value,
    probe,
    async putDirectly(key, body) {
      const headers = { 'content-type': 'text/plain' }
      const answer = await direct.fetch(urlOf(key), { method: 'PUT', headers, body })
      if (!answer.ok) throw new Error(`Cannot put directly: ${answer.status}`)
      await answer.bytes()
    },
    async sizeAtStore(key) {
      const head = await direct.fetch(urlOf(key), { method: 'HEAD' })
      return head.status === 404 ? undefined : Number(head.headers.get('content-length'))
    },
  }
}

/** The same report with some steps yet to be looked at. */
export function withoutSteps(report: ProbeReport, steps: readonly number[]): ProbeReport {
  const gone = report.findings.filter(({ step }) => steps.includes(step))
  const names = new Set(gone.map(({ name }) => name))
  const capabilities = Object.fromEntries(
    Object.entries(report.capabilities).filter(([name]) => !names.has(name)),
  )
  const findings = report.findings.filter(({ step }) => !steps.includes(step))
  return { ...report, complete: false, findings, capabilities }
}
