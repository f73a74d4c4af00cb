import type { Secret } from '../secret.ts'
import type { Capabilities } from './capabilities.ts'
import type { EventSettings } from './events/event-settings.ts'
import type { StoreTraits } from './traits.ts'

/** A key pair of a store. */
export interface StoreCredential {
  readonly accessKeyId: string
  readonly secretAccessKey: Secret
  readonly sessionToken?: Secret
  /** When a temporary pair ends; never there without `sessionToken`. Default: not known. */
  readonly expiresAtMs?: number
}

/** An S3-compatible endpoint that Signet holds credentials for. */
export interface Store {
  readonly name: string
  /** Profile name, or `generic`. */
  readonly provider: string
  /** Origin for the gateway's own calls: scheme, host, port; no path, no userinfo. */
  readonly endpoint: string
  /** Origin that is signed and handed to clients. Default: `endpoint`. */
  readonly publicEndpoint: string
  readonly region: string
  readonly addressing: 'path' | 'virtual'
  /** `write` signs uploads, `read` signs downloads, `manage` makes the gateway's own calls. */
  readonly credentials: {
    readonly write: StoreCredential
    readonly read: StoreCredential
    readonly manage: StoreCredential
  }
  /** The operator's override of the copy-source rule, by name. Default false. */
  readonly allowReadableWriteCredential: boolean
  /** How long a transfer that began in time may still run, in seconds. Default 3,600. */
  readonly maxTransferSeconds: number
  /** How long one call of the gateway may take, in milliseconds. Default 5,000. */
  readonly timeoutMs: number
  /** When it is probed: whenever what is known is missing or old, or on demand only. Default `auto`. */
  readonly probe: 'auto' | 'manual'
  /** Calls of the gateway at once. Default 64. */
  readonly maxConcurrentCalls: number
  /** What Signet may store there, of all tenants and buckets together, in bytes. Default: no bound. */
  readonly capacityBytes?: number
  /**
   * Time between two looks at how it does, in seconds, 1 to 3,600; 0: only calls that are made anyway
   * show it. Default 5 where objects of one of its buckets can go elsewhere, else 60.
   */
  readonly healthCheckSeconds?: number
  readonly capabilities: Capabilities
  readonly traits: StoreTraits
  /** How its events come in; absent: none are taken. */
  readonly events?: EventSettings
}

/** Where objects of a gateway bucket live. */
export interface Placement {
  readonly store: Store
  /** The store's own bucket name. */
  readonly bucket: string
  /** Put before every key: empty, or ends in `/`. */
  readonly prefix: string
  /**
   * Its share of new objects under the strategy `weighted`, 1 to 1,000; 0 under any: no new objects, and
   * those that are there stay. Default 1.
   */
  readonly weight?: number
  /** Which new objects it takes; absent: any. */
  readonly takes?: PlacementTerms
}

/** What a new object must be for a placement; each member that is there must hold. */
export interface PlacementTerms {
  /** Ids of tenants. */
  readonly tenants?: ReadonlySet<string>
  /** Where the caller is (`server.callerRegion`), in lower case. */
  readonly regions?: ReadonlySet<string>
  /** Essences, and `type/*` for all of a type. */
  readonly contentTypes?: ReadonlySet<string>
  /** At least so many bytes. */
  readonly minSizeBytes?: number
  /** At most so many bytes. */
  readonly maxSizeBytes?: number
}
