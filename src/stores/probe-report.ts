import type { Capabilities } from './capabilities.ts'
import type { StoreTraits } from './traits.ts'

/** What one look of a probe was about, and what came of it. */
export interface ProbeFinding {
  /** Step of the procedure, 1 to 27 (`providers.md` section 3). */
  readonly step: number
  /** Capability, trait or other fact that it tells: `signedLength`, `clockOffsetSeconds`, `cleaned`. */
  readonly name: string
  /** What was found; `unknown` when nothing could be concluded. */
  readonly value: string | number | boolean | readonly (string | number)[]
  /** Requests and answers in a few words: `6 bytes for 5: 403 SignatureDoesNotMatch`. No URL. */
  readonly seen: string
  /** How often nothing could be concluded, though the store did answer; absent where it was. */
  readonly attempts?: number
}

/** Everything that one probe of a store's bucket has seen. JSON as it is. */
export interface ProbeReport {
  readonly store: string
  /** The store's own bucket name. */
  readonly bucket: string
  /** RFC 3339, UTC. */
  readonly startedAt: string
  readonly endedAt: string
  /** The store's `Server` header; absent where it sends none. */
  readonly server?: string
  /** The store's clock less ours, in seconds; absent where it sends no `Date`. */
  readonly clockOffsetSeconds?: number
  readonly requests: number
  /** Bytes that were sent as bodies. */
  readonly bytes: number
  /**
   * Every step came to an end: it was concluded, or two probes in a row could not; what that would have
   * told stays `unknown`. Else what is missing is looked at by the next probe.
   */
  readonly complete: boolean
  /** By step. */
  readonly findings: readonly ProbeFinding[]
  /** What was seen of that which signing depends upon. */
  readonly capabilities: Partial<Capabilities>
  /** What was seen of the rest. */
  readonly traits: Partial<StoreTraits>
  /** Keys below the reserved prefix that could not be removed. */
  readonly leftovers: readonly string[]
}
