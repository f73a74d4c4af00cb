import type { Config, ConfiguredBucket } from '../config/config.ts'
import type { Logger } from '../log.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import type { Placement, Store } from '../stores/store.ts'

/** The configuration in force; what a probe sees replaces what was expected of a store. */
export interface StoreTruth {
  readonly config: Config
  /** Takes what was seen of a store; a contradiction to what was expected is logged. */
  adopt(storeName: string, seen: Partial<Capabilities>): void
}

/** Starts with what profiles and operator say. Each adoption makes a new, frozen configuration. */
export function createStoreTruth(initial: Config, log: Logger): StoreTruth {
  let config = initial
  return {
    get config() {
      return config
    },
    adopt(storeName, seen) {
      const store = config.stores.get(storeName)
      if (store === undefined) return
      for (const [name, value] of Object.entries(seen)) {
        const expected = store.capabilities[name as keyof Capabilities]
        if (expected === value) continue
        const level = expected === 'probe' ? 'info' : 'warn'
        log[level]('store.capability_seen', { store: storeName, capability: name, expected, value })
      }
      const capabilities = Object.freeze({ ...store.capabilities, ...seen })
      config = withStore(config, Object.freeze({ ...store, capabilities }))
    },
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
export function needsProbe({ capabilities }: Store): boolean {
  return RELIED_UPON.some((name) => capabilities[name] === 'probe')
}

/** Where a store can be probed: the first placement in it; `undefined` when no bucket uses it. */
export function placementIn(config: Config, storeName: string): Placement | undefined {
  for (const { placements } of config.buckets.values()) {
    const found = placements.find(({ store }) => store.name === storeName)
    if (found !== undefined) return found
  }
  return undefined
}

function withStore(config: Config, store: Store): Config {
  const replaced = (placement: Placement) =>
    placement.store.name === store.name ? Object.freeze({ ...placement, store }) : placement
  const buckets = new Map<string, ConfiguredBucket>()
  for (const [name, bucket] of config.buckets) {
    const [first, ...others] = bucket.placements
    const placements: ConfiguredBucket['placements'] = [replaced(first), ...others.map(replaced)]
    buckets.set(name, Object.freeze({ ...bucket, placements: Object.freeze(placements) }))
  }
  const stores = new Map(config.stores).set(store.name, store)
  return Object.freeze({ ...config, stores, buckets })
}
