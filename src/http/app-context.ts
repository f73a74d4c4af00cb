import type { AuthenticateAdmin } from '../auth/admin-token.ts'
import type { PresentedCredentials } from '../auth/bearer.ts'
import type { Principal } from '../auth/principal.ts'
import type { ConfigStatus } from '../gateway/config-status.ts'
import type { GatewayContext } from '../gateway/context.ts'
import type { TokenVerifiers } from '../gateway/token-verifiers.ts'
import type { EventPorts } from '../stores/events/event-ports.ts'

/** Where the process stands; `/readyz` and `Connection: close` follow it. */
export interface Lifecycle {
  state: 'starting' | 'ready' | 'draining'
}

/** What the two applications need beside the use cases' context. */
export interface AppContext extends GatewayContext {
  /**
   * Tells who asks: at once for an API key, later for a token. Throws or rejects with `Unauthenticated`,
   * `AmbiguousCredentials`, `AuthUnavailable`, and for a token `AccessDenied`.
   */
  readonly authenticate: (presented: PresentedCredentials) => Principal | Promise<Principal>
  readonly authenticateAdmin: AuthenticateAdmin
  /** Keys of issuers, which readiness waits for. */
  readonly tokens: Pick<TokenVerifiers, 'hadKeys' | 'refreshKeys'>
  /** What reading events of stores asks of the world. */
  readonly eventPorts: EventPorts
  readonly lifecycle: Lifecycle
  /** What became of the configuration file since the start. */
  readonly configStatus: ConfigStatus
  /** Text of the metrics in Prometheus' format, where the runtime has an exporter. */
  readonly readMetrics?: () => Promise<string>
  /**
   * The request target as it came over the wire, where the runtime knows it: a `Request` holds a URL
   * whose dot segments are gone.
   */
  readonly rawTargetOf?: (bindings: object) => string | undefined
  /** The peer's address, where the runtime knows it. A proxy in front is the peer of all. */
  readonly remoteAddressOf?: (bindings: object | undefined) => string | undefined
}
