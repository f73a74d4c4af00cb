import type { CallerRegionRules } from '../auth/caller-region.ts'
import type { AdminIssuer, Issuer } from '../auth/jwt/issuer.ts'
import type { KeyRecord } from '../auth/key-record.ts'
import type { Permission } from '../auth/principal.ts'
import type { RotatingSecret } from '../auth/rotating-secret.ts'
import type { Plan } from '../limits/plan.ts'
import type { Zone } from '../limits/windows.ts'
import type { LogLevel } from '../log.ts'
import type { Networks } from '../network.ts'
import type { Secret } from '../secret.ts'
import type { PresignerName } from '../signing/choose-presigner.ts'
import type { Bucket } from '../stores/bucket.ts'
import type { Store } from '../stores/store.ts'
import type { OverridesInput } from './schema-tenants.ts'

/** All that an operator has set, checked and frozen. Secrets of Signet's own are in `Secrets`. */
export interface Config {
  /** `production` refuses what is only good for trying out. Default `development`. */
  readonly environment: Environment
  readonly server: ServerSettings
  readonly state: StateSetting
  readonly ledger: LedgerSettings
  readonly log: { readonly level: LogLevel }
  readonly audit: AuditSetting
  /** Which driver signs. Default `auto`. */
  readonly signing: { readonly presigner: PresignerName }
  readonly stores: ReadonlyMap<string, Store>
  readonly buckets: ReadonlyMap<string, ConfiguredBucket>
  readonly plans: ReadonlyMap<string, Plan>
  readonly tenants: ReadonlyMap<string, Tenant>
  /** The keys of all tenants, by key id. */
  readonly keys: ReadonlyMap<string, KeyRecord>
  /** Whose tokens are taken on the public listener, by name. Default none. */
  readonly issuers: ReadonlyMap<string, Issuer>
  /** Whose tokens are taken on the admin listener, beside the admin token; `undefined`: nobody's. */
  readonly adminIssuer: AdminIssuer | undefined
}

export type Environment = 'development' | 'production'

/** Signet's own secrets: a type of their own, so that no dump of `Config` can hold one. */
export interface Secrets {
  /** Goes into the stored hashes of API keys. */
  readonly pepper: RotatingSecret
  /** Seals tickets, the notes that travel as metadata of objects. */
  readonly ticketKey: RotatingSecret
  /** Opens the admin listener. */
  readonly adminToken: RotatingSecret
}

/** Where to listen. */
export interface ListenAddress {
  /** Name or address without brackets; `undefined`: every interface. */
  readonly host: string | undefined
  /** 0 to 65,535; 0 picks a free one. */
  readonly port: number
}

export interface ServerSettings {
  /** The public API. Default `:8080`. */
  readonly listen: ListenAddress
  /** Admin API, console and metrics. Default `127.0.0.1:9090`. */
  readonly admin: ListenAddress
  /** Origin that clients know the public API by, for absolute links; `undefined`: none are made. */
  readonly publicUrl: string | undefined
  /** Proxies whose `X-Forwarded-For` is believed. Default none. */
  readonly trustedProxies: Networks
  /** How the region of a caller is known. */
  readonly callerRegion: CallerRegionRules
  /** Web origins that may call the public API, matched exactly. Default none. */
  readonly cors: { readonly origins: ReadonlySet<string> }
  /** Connections held at once; more are closed. Default 10,000. */
  readonly maxConnections: number
  /** Requests worked on at once; more get `Overloaded`. Default 1,000. */
  readonly maxConcurrentRequests: number
  /** Time for the headers of a request, in milliseconds. Default 10,000. */
  readonly headersTimeoutMs: number
  /** Time for a whole request, in milliseconds. Default 15,000. */
  readonly requestTimeoutMs: number
  /** Rest of an idle connection, in milliseconds. Default 65,000. */
  readonly keepAliveTimeoutMs: number
  /** How long the gateway serves on after the signal to stop, in seconds. Default 0. */
  readonly shutdownDelaySeconds: number
  /** How long requests may take to finish after that, in seconds. Default 20. */
  readonly drainSeconds: number
  /** Time between two looks at the configuration's files, in seconds; 0: on SIGHUP alone. Default 10. */
  readonly reloadSeconds: number
}

/** Where the ledger lives. A relative path hangs on the working directory. */
export type StateSetting =
  | { readonly kind: 'memory' }
  | { readonly kind: 'sqlite'; readonly path: string }
  /** On workerd: an object for each partition, and one for what they share. */
  | { readonly kind: 'durable-objects' }
  | RedisState

export type RedisTopology = 'single' | 'sentinel' | 'cluster'

export interface RedisNode {
  /** Lower-case name, or address without brackets. */
  readonly host: string
  /** 1 to 65,535. Default 6379; of a Sentinel 26,379. */
  readonly port: number
}

/** A ledger on Redis. */
export interface RedisState {
  readonly kind: 'redis'
  readonly topology: RedisTopology
  /** At least one: the server, the Sentinels, or some nodes of the cluster. No two are the same. */
  readonly nodes: readonly RedisNode[]
  /** What the Sentinels call the master; there for `sentinel`, and only there. */
  readonly masterName?: string
  /** 0 to 9,999; 0 for a cluster. Default 0. */
  readonly database: number
  /** ACL user, from the URL or from `ledger.username`; never without a password. */
  readonly username?: string
  /** From the URL or from `ledger.password`. */
  readonly password?: Secret
  /** `undefined`: no TLS. */
  readonly tls: TlsSetting | undefined
}

/** How TLS is spoken; files are read already. */
export interface TlsSetting {
  /** Authorities to trust, PEM. Default: those of the system. */
  readonly ca?: string
  /** The gateway's own certificate, PEM; never without `key`. */
  readonly cert?: string
  /** Its private key, PEM. */
  readonly key?: Secret
  /** Name that certificates must have. Default: the host. */
  readonly serverName?: string
}

/**
 * What a grant waits for: `strict`, the acknowledgement of replicas; `disk`, a server that syncs
 * before it answers; `async`, this gateway's own journal.
 */
export type Durability = 'strict' | 'disk' | 'async'

/** What the ledger promises, and what happens without it. */
export interface LedgerSettings {
  /** Of Redis. Default `strict` with replicas, else `disk`; SQLite always is `disk`. */
  readonly durability: Durability
  /** Replicas that `WAIT` needs, 0 to 16; at least 1 for `strict`, else 0. */
  readonly replicas: number
  /** PATH of the gateway's own journal; there for `async`, and only there. */
  readonly journal?: string
  readonly sentinelUsername?: string
  readonly sentinelPassword?: Secret
  /** 50 to 5,000. Default 250. */
  readonly commandTimeoutMs: number
  /** 10 to 4,999, below `commandTimeoutMs`. Default 150, or 60 % of that where it is less. */
  readonly waitTimeoutMs: number
  /** 50 to 60,000. Default 1,000. */
  readonly connectTimeoutMs: number
  /** How long ended reservations are remembered, 2 to 720. Default 24, for `async` at least what uploads take. */
  readonly retentionHours: number
  /** Gateways that share the ledger, 1 to 1,000. Default 1. */
  readonly gateways: number
  /** What holds nothing (downloads), while the ledger is away. Default `open`. */
  readonly whenAway: { readonly requests: 'open' | 'closed' }
}

/** Where audit events go. A relative path hangs on the working directory. */
export type AuditSetting =
  /** One JSON object a line. */
  | {
      readonly kind: 'file'
      readonly path: string
      /** Size at which a new file begins, in bytes. Absent: never. */
      readonly maxFileBytes?: number
      /** Full files that are kept. Absent: all. */
      readonly keepFiles?: number
    }
  | { readonly kind: 'stdout' }
  | { readonly kind: 'none' }
  /** A database of its own; `keepDays` absent: events are kept for good. */
  | { readonly kind: 'sqlite'; readonly path: string; readonly keepDays?: number }
  /** A stream beside the ledger, capped at so many events. */
  | { readonly kind: 'redis'; readonly maxEvents: number }
  /** A queue of Cloudflare's, by the name of its binding. */
  | { readonly kind: 'queue'; readonly binding: string }
  /** Posted to a collector; its URL may hold what lets events in. */
  | {
      readonly kind: 'http'
      readonly url: Secret
      readonly token?: Secret
      /** For one post, in milliseconds. Default 5,000. */
      readonly timeoutMs: number
    }

/** A bucket as configured. */
export type ConfiguredBucket = Bucket

/** A level that limits hang on, and the owner of users and keys. */
export interface Tenant {
  readonly id: string
  /** With the tenant's overrides in it. */
  readonly plan: Plan
  /** Name of that plan. */
  readonly planName: string
  /** What makes this plan another one; for plans of its users, too. */
  readonly overrides?: NonNullable<OverridesInput>
  /** IANA name; days and months of its quotas begin there. Default `UTC`. */
  readonly timeZone: string
  /** The same, with the zones that came before it. */
  readonly zones: Zone
  readonly users: ReadonlyMap<string, User>
  /** Ids of its keys in the file; the records are in `Config.keys`, beside those of the directory. */
  readonly keys: readonly string[]
  /**
   * What its users may do at all, whatever their credentials allow; absent: no bound. Prefixes may hold
   * `{tenant}` and `{user}`: `renderPermissions` makes one user's rules of them.
   */
  readonly allow?: readonly Permission[]
  /** Names of the plans that its users may have, the tenant's own always among them; absent: any. */
  readonly userPlans?: ReadonlySet<string>
  /** Nobody may act for it. */
  readonly suspended?: true
}

export interface User {
  readonly id: string
  /** Its own plan, or the tenant's; with the overrides of the tenant and its own in it. */
  readonly plan: Plan
  /** Name of that plan. */
  readonly planName: string
  /** Nobody may act for this user. */
  readonly suspended?: true
}
