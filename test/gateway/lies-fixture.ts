import { isDeepStrictEqual } from 'node:util'
import { probeStore } from '../../src/gateway/probe/store.ts'
import type { ProbeReport } from '../../src/stores/probe-report.ts'
import {
  ALLOWED_ORIGIN,
  type HostileOptions,
  type HostileStore,
  startHostileStore,
} from '../support/hostile-store/hostile-store.ts'
import { TestClock } from '../support/test-clock.ts'
import {
  openTestGateway,
  type TestGateway,
  type TestGatewayOptions,
} from '../support/test-gateway.ts'

/** What a report tells, by name: findings, traits, and capabilities over them. */
export type Told = Readonly<Record<string, unknown>>

/** A gateway on a store that lies where it is told to. */
export interface LyingStore extends AsyncDisposable {
  readonly store: HostileStore
  readonly gateway: TestGateway
  /** How often it was probed. */
  readonly round: number
  /** Makes the store another one, and probes it; of `resume`, only what is not concluded. */
  probe(options?: HostileOptions, resume?: ProbeReport): Promise<ProbeReport>
}

/** How the gateway differs. */
export interface LyingOptions {
  /** Settings of the store. Default: one key pair for everything, and nothing known. */
  readonly settings?: Readonly<Record<string, unknown>>
  /** Tags that callers may set. Default: `project`. */
  readonly tagKeys?: readonly string[]
  /** Another bucket of the same store that uploads go to. Default: none. */
  readonly elsewhere?: string
  readonly overrides?: NonNullable<TestGatewayOptions['overrides']>
}

/**
 * Opens both on one clock, that stands still. Three buckets lie in one bucket of the store: `media`
 * leaves everything open, `once` demands write-once and `strict` that nothing can be added.
 */
export async function openLyingStore(options: LyingOptions = {}): Promise<LyingStore> {
  const { settings = {}, tagKeys = ['project'], overrides = {}, elsewhere } = options
  // Half past a whole second, for `Date` has no fractions: then its offset is known exactly.
  const clock = new TestClock(Math.floor(Date.now() / 1_000) * 1_000 + 500)
  const store = await startHostileStore({ clock })
  const bucketOf = (upload: Readonly<Record<string, unknown>>, bucket = 'media-prod') => ({
    placements: [{ store: 'main', bucket }],
    keys: { callerPrefix: '{tenant}/{user}/' },
    upload: { tagKeys, encryption: { allowed: ['AES256'] }, ...upload },
  })
  const gateway = await openTestGateway({
    clock,
    store: {
      endpoint: store.endpoint,
      credentials: store.credentials.main,
      capabilities: {},
      ...settings,
    },
    bucket: bucketOf({}),
    overrides,
    allow: { 'acme/alice': [{ operations: ['upload', 'overwrite', 'download'] }] },
    buckets: {
      once: bucketOf({ writeOnce: true }),
      strict: bucketOf({ strictHeaders: true }),
      ...(elsewhere !== undefined && { elsewhere: bucketOf({}, elsewhere) }),
    },
  })
  let round = 0
  return {
    store,
    gateway,
    get round() {
      return round
    },
    async probe(lying = {}, resume) {
      // Another store by its name, so that what the last one has shown is forgotten.
      round += 1
      const server = `Hostile/${round}`
      store.become({ clock, server, ...lying })
      const [placement] = gateway.context.config.buckets.get('media')?.placements ?? []
      if (placement === undefined) throw new Error('no placement')
      const configured = gateway.context.storeTruth.configured.stores.get('main')
      const unknown = { ...placement, store: configured ?? placement.store }
      return probeStore(gateway.context, fetch, unknown, {
        origins: [ALLOWED_ORIGIN],
        ...(resume !== undefined && { resume: { ...resume, server } }),
      })
    },
    async [Symbol.asyncDispose]() {
      await gateway.close()
      await store[Symbol.asyncDispose]()
    },
  }
}

/** Everything that a report tells, but how often it asked and what the store calls itself. */
export function toldBy({ findings, traits, capabilities }: ProbeReport): Told {
  const values = findings.map(({ name, value }) => [NAMES.get(name) ?? name, value])
  const { server: _, ...told } = Object.fromEntries(values) as Record<string, unknown>
  return { ...told, ...traits, ...capabilities }
}

/** Findings whose capability of the same name says something else. */
const NAMES: ReadonlyMap<string, string> = new Map([['fixedHeaders', 'pinnable']])

/** What is different in `now`; `undefined` is what is there no more. */
export function changes(before: Told, now: Told): Told {
  const names = new Set([...Object.keys(before), ...Object.keys(now)])
  const changed = [...names].filter((name) => !isDeepStrictEqual(before[name], now[name]))
  return Object.fromEntries(changed.map((name) => [name, now[name]]))
}

/** A report of which everything that was told in the steps of these names is yet to be looked at. */
export function without(report: ProbeReport, names: readonly string[]): ProbeReport {
  const ofName = report.findings.filter(({ name }) => names.includes(NAMES.get(name) ?? name))
  const steps = new Set(ofName.map(({ step }) => step))
  const again = report.findings.filter(({ step }) => steps.has(step)).map(({ name }) => name)
  const forgotten = new Set([...names, ...again])
  const kept = <Known extends object>(known: Known) =>
    Object.fromEntries(Object.entries(known).filter(([name]) => !forgotten.has(name)))
  return {
    ...report,
    complete: false,
    findings: report.findings.filter(({ step }) => !steps.has(step)),
    capabilities: kept(report.capabilities),
    traits: kept(report.traits),
  }
}
