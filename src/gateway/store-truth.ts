import type { Config, ConfiguredBucket } from '../config/config.ts'
import type { Logger } from '../log.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import type { ProbeReport } from '../stores/probe-report.ts'
import type { Placement, Store } from '../stores/store.ts'
import type { StoreTraits } from '../stores/traits.ts'

/** The configuration in force; what probes see replaces what was expected of a store. */
export interface StoreTruth {
  readonly config: Config
  /** As the operator and the profiles have it, before anybody looked. */
  readonly configured: Config
  /**
   * Takes what was seen of a store in one of its buckets. What this report concludes wins over
   * everything; what it does not, over the profile, if it was concluded before and the store still calls
   * itself the same. What has changed is logged.
   */
  adopt(report: ProbeReport): void
  /**
   * Takes another configuration. What was seen of a store stays in force where the store is still at the
   * same address, of the same kind: another key pair is looked at anew, and until then nothing changes.
   */
  reconfigure(next: Config): void
  /** The newest report that was adopted. */
  reportOf(storeName: string, bucket: string): ProbeReport | undefined
}

/** What was concluded of a store in one bucket. */
interface Seen {
  readonly report: ProbeReport
  readonly capabilities: Partial<Capabilities>
  readonly traits: Partial<StoreTraits>
}

/** Starts with what profiles and operator say. Each adoption makes a new, frozen configuration. */
export function createStoreTruth(begin: Config, log: Logger): StoreTruth {
  let configured = begin
  let config = begin
  const all = new Map<string, Seen>()

  function inForce(report: ProbeReport, store: Store, seen: Pick<Seen, 'capabilities' | 'traits'>) {
    const known: Store = Object.freeze({
      ...store,
      capabilities: Object.freeze({ ...store.capabilities, ...seen.capabilities }),
      traits: Object.freeze({ ...store.traits, ...seen.traits }),
    })
    config = withStore(config, report.bucket, known)
  }

  return {
    get configured() {
      return configured
    },
    get config() {
      return config
    },
    reconfigure(next) {
      const before = configured
      configured = next
      if (next.stores === before.stores && next.buckets === before.buckets) {
        const { stores, buckets } = config
        config = Object.freeze({ ...next, stores, buckets })
        return
      }
      config = next
      for (const [name, seen] of all) {
        const store = next.stores.get(seen.report.store)
        if (store !== undefined && isSame(before.stores.get(store.name), store)) {
          inForce(seen.report, store, seen)
        } else all.delete(name)
      }
    },
    adopt(report) {
      const { store: storeName, bucket } = report
      const store = configured.stores.get(storeName)
      if (store === undefined) return
      const name = nameOf(storeName, bucket)
      const before = all.get(name)
      const same = before !== undefined && before.report.server === report.server
      const seen = same ? joined(before, report) : report
      all.set(name, { report, capabilities: seen.capabilities, traits: seen.traits })
      const expected = currentOf(config, storeName, bucket) ?? store
      tellChanges(log, expected, { bucket, seen: seen.capabilities })
      inForce(report, store, seen)
    },
    reportOf: (storeName, bucket) => all.get(nameOf(storeName, bucket))?.report,
  }
}

/** Whether what was seen of a store says anything about another that is configured in its place. */
function isSame(before: Store | undefined, after: Store): boolean {
  if (before === undefined) return false
  const place = ({ provider, endpoint, publicEndpoint, region, addressing }: Store) =>
    JSON.stringify([provider, endpoint, publicEndpoint, region, addressing])
  return place(before) === place(after)
}

function nameOf(storeName: string, bucket: string): string {
  return `${storeName}/${bucket}`
}

function joined(before: Seen, report: ProbeReport): Pick<Seen, 'capabilities' | 'traits'> {
  return {
    capabilities: { ...before.capabilities, ...report.capabilities },
    traits: { ...before.traits, ...report.traits },
  }
}

function tellChanges(
  log: Logger,
  { name: store, capabilities }: Store,
  { bucket, seen }: { bucket: string; seen: Partial<Capabilities> },
): void {
  for (const [name, value] of Object.entries(seen)) {
    const expected = capabilities[name as keyof Capabilities]
    if (JSON.stringify(expected) === JSON.stringify(value)) continue
    const level = expected === 'probe' ? 'info' : 'warn'
    log[level]('store.capability_seen', { store, bucket, capability: name, expected, value })
  }
}

/** What signing relies upon, in one form of grant or another. */
const RELIED_UPON: readonly (keyof Capabilities)[] = [
  'signedLength',
  'signedType',
  'writeOnce',
  'unsignedCopySource',
  'unsignedHeaders',
  'responseOverrides',
  'postPolicy',
  'multipart',
  'writeOnceMultipart',
  'tagging',
  'multipartTagging',
  'encryption',
]

/** True when signing depends on something about the store that nobody has looked at. */
export function needsProbe({ capabilities }: Pick<Store, 'capabilities'>): boolean {
  return RELIED_UPON.some((name) => capabilities[name] === 'probe')
}

/** Where stores can be probed: one placement for each bucket of a store that is in use. */
export function probePlacements(config: Config, storeName?: string): readonly Placement[] {
  const found = new Map<string, Placement>()
  for (const placement of [...config.buckets.values()].flatMap(({ placements }) => placements)) {
    const { store, bucket } = placement
    const name = nameOf(store.name, bucket)
    if ((storeName ?? store.name) === store.name && !found.has(name)) found.set(name, placement)
  }
  return [...found.values()]
}

function currentOf(config: Config, storeName: string, bucket: string): Store | undefined {
  const placements = probePlacements(config, storeName)
  return placements.find((placement) => placement.bucket === bucket)?.store
}

/** `stores` shows a store as it was seen in the first bucket that uses it. */
function withStore(config: Config, storeBucket: string, store: Store): Config {
  const replaced = (placement: Placement) =>
    placement.store.name === store.name && placement.bucket === storeBucket
      ? Object.freeze({ ...placement, store })
      : placement
  const buckets = new Map<string, ConfiguredBucket>()
  for (const [name, bucket] of config.buckets) {
    const [first, ...others] = bucket.placements
    const placements: ConfiguredBucket['placements'] = [replaced(first), ...others.map(replaced)]
    buckets.set(name, Object.freeze({ ...bucket, placements: Object.freeze(placements) }))
  }
  const [first] = probePlacements(config, store.name)
  const stores = new Map(config.stores)
  if (first === undefined || first.bucket === storeBucket) stores.set(store.name, store)
  return Object.freeze({ ...config, stores, buckets })
}
