import type { ListenAddress, ServerSettings } from '../config/config.ts'

/** Answers a request. The bindings are what the runtime knows of it beside: where it came from. */
export type Fetch = (request: Request, bindings: object) => Response | Promise<Response>

/** A listener that is up. */
export interface Listening {
  /** Where, with the port that the system chose if it was asked to. `family` is `IPv4` or `IPv6`. */
  readonly address: { readonly address: string; readonly family: string; readonly port: number }
  /**
   * No new connections; ends idle ones now, busy ones after their answer, all at the deadline or when
   * `hurry` resolves.
   */
  stop(drainMs: number, hurry?: Promise<unknown>): Promise<void>
}

/**
 * Listens with every bound that the runtime has. Resolves once the port is ours, and rejects with where
 * that was and why when it is not.
 */
export type Listen = (
  fetch: Fetch,
  address: ListenAddress,
  settings: ServerSettings,
) => Promise<Listening>
