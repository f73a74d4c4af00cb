import type { Capabilities } from './capabilities.ts'
import { NOTHING_KNOWN } from './capabilities.ts'
import { NO_TRAITS, type StoreTraits } from './traits.ts'

/** How a store lists objects. Default: version 2, escaped as XML asks. */
export interface ListingDialect {
  /** ListObjectsV2, or its forerunner ListObjects, where the next page starts after a key. */
  readonly version: 1 | 2
  /** Whether `& < > '` and a backtick in keys are escaped once more than XML asks for. */
  readonly escapedTwice: boolean
}

/** What nearly every store does. */
export const USUAL_LISTING: ListingDialect = { version: 2, escapedTwice: false }

/**
 * What is expected of a provider before anybody has looked (`providers.md` section 2): the probe has
 * the last word. Marks in the profiles say where an expectation comes from: d, the vendor's
 * documentation; s, the server's source or the vendor's tests; r, reports by users and other
 * clients; m, measured on a real server (`stores.md`); ?, nobody has verified it. What the named
 * version was measured to do stands, where something else was expected of the provider.
 */
export interface Profile {
  readonly capabilities: Capabilities
  readonly traits: StoreTraits
  /** Styles that the store serves; the first is preferred. */
  readonly addressing: readonly ('path' | 'virtual')[]
  /** Region to sign with: the bucket's own, whatever the store is configured with, or this name. */
  readonly region: 'bucket' | 'config' | (string & {})
  /** Origin, with `{host}`, `{region}`, `{account}` or `{project}` to be filled in. */
  readonly endpoint: string
  /** Path before the bucket, part of what is signed. Default: empty. */
  readonly basePath: string
  readonly listing: ListingDialect
}

/** A provider's own part of a profile; the rest is as for a store that nothing is known of. */
export interface ProfileDifference {
  readonly capabilities?: Partial<Capabilities>
  readonly traits?: Partial<StoreTraits>
  readonly addressing?: Profile['addressing']
  readonly region?: Profile['region']
  readonly endpoint?: string
  readonly basePath?: string
  readonly listing?: ListingDialect
}

/** Completes a profile: unknown capabilities are `probe`, path style first, the bucket's region. */
export function defineProfile(own: ProfileDifference): Profile {
  return {
    addressing: ['path', 'virtual'],
    region: 'bucket',
    endpoint: 'https://{host}',
    basePath: '',
    listing: USUAL_LISTING,
    ...own,
    capabilities: Object.freeze({ ...NOTHING_KNOWN, ...own.capabilities }),
    traits: Object.freeze({ ...NO_TRAITS, ...own.traits }),
  }
}
