import type { Audit } from '../audit/port.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { Hashing } from '../hashing.ts'
import type { Ledger } from '../ledger/port.ts'
import type { TicketKey } from '../ledger/ticket.ts'
import type { Logger } from '../log.ts'
import type { RareLog } from '../rare-log.ts'
import type { Presigner } from '../signing/presigner.ts'
import type { StateStore } from '../state/port.ts'
import type { SendRequest } from '../stores/signed-call.ts'
import type { StoreClient } from '../stores/store-client.ts'
import type { StoreHealth } from '../stores/store-health.ts'
import type { Telemetry } from '../telemetry.ts'
import type { Accounts } from './accounts.ts'
import type { Capacity } from './capacity.ts'
import type { Completions } from './completions.ts'
import type { Directory } from './directory/directory.ts'
import type { Sightings } from './directory/sightings.ts'
import type { EventQueue } from './events/queue.ts'
import type { FailOpenLog } from './fail-open-log.ts'
import type { KeyUses } from './keys/key-uses.ts'
import type { KnownPlaces } from './known-places.ts'
import type { LedgerTime } from './ledger-time.ts'
import type { LiveConfig } from './live-config.ts'
import type { LocalLimiter } from './local-limiter.ts'
import type { Probes } from './probe/probes.ts'
import type { StoreTruth } from './store-truth.ts'

/** All that a use case may touch. Tests replace single members; nothing else is injectable. */
export interface GatewayContext {
  /**
   * The configuration in force. It changes with the file, the directory and what probes see, so ask for it
   * each time; within one request it stays as it was at the beginning.
   */
  readonly config: Config
  /** Tenants, users, plans and keys that operators keep by the admin API. */
  readonly directory: Directory
  /** Told of keys that are used. */
  readonly keyUses: KeyUses
  /** Told of users whose tokens were verified. */
  readonly sightings: Sightings
  /** Where the settings in force come from, and what replaces them. */
  readonly live: LiveConfig
  /** Takes what a probe has seen. */
  readonly storeTruth: StoreTruth
  readonly clock: Clock
  /** The ledger's clock, learnt from its replies. */
  readonly ledgerTime: LedgerTime
  readonly hashing: Hashing
  /** Cryptographically random bytes. */
  readonly random: (length: number) => Uint8Array<ArrayBuffer>
  readonly ledger: Ledger
  /** Small documents that all gateways share; kept where the ledger is. */
  readonly state: StateStore
  readonly presigner: Presigner
  readonly storeClient: StoreClient
  /** How the stores do, by what the gateway's own calls have seen. */
  readonly storeHealth: StoreHealth
  /** Where objects of buckets with several placements were met lately. */
  readonly knownPlaces: KnownPlaces
  /** HTTP to a store as its clients speak it, by URLs that were signed: for probes. */
  readonly send: SendRequest
  /** Nobody waits for what is done with it (`inBackground`). */
  readonly background?: true
  readonly audit: Audit
  readonly log: Logger
  readonly telemetry: Telemetry
  readonly accounts: Accounts
  /** Room in stores that have a bound. */
  readonly capacity: Capacity
  /** Limits what the ledger does not see: dry runs, and downloads while the ledger is away. */
  readonly localLimiter: LocalLimiter
  /** Told of requests that pass without the ledger. */
  readonly failOpenLog: FailOpenLog
  /** Uploads of parts that are being completed in this process. */
  readonly completions: Completions
  /** Events of stores that wait to be looked after. */
  readonly events: EventQueue
  /** Probes of stores that run in this process. */
  readonly probes: Probes
  /** Told of what shadow limits would have refused, by tenant and policy. */
  readonly shadowLog: RareLog
  /** Told of stores that do not tell who an object is open to, by store. */
  readonly accessLog: RareLog
  /** Current first; older ones still verify. */
  readonly ticketKeys: readonly TicketKey[]
  /** Seal list cursors; current first. */
  readonly cursorKeys: readonly Uint8Array[]
}
