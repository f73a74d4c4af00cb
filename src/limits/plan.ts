/** A limit hangs on a user or on the whole tenant. */
export type Per = 'user' | 'tenant'

/** How often: GCRA with a burst. Heals by waiting. */
export interface RateLimit {
  /** Name shown to callers; unique within a plan. */
  readonly policy: string
  readonly per: Per
  /** Requests per window, 1 and up. */
  readonly requests: number
  /** Length of the window in seconds, 1 and up. */
  readonly windowSeconds: number
  /** How many may come at once, 1 and up. Default: `requests`. */
  readonly burst: number
  /** Counted and reported, never refusing. Default `false`. */
  readonly shadow?: boolean
}

export type QuotaUnit =
  | 'bytes'
  | 'objects'
  | 'requests'
  | 'stored-bytes'
  | 'stored-objects'
  | 'pending-uploads'

export type QuotaWindow = 'minute' | 'hour' | 'day' | 'week' | 'month'

/**
 * How much. `bytes`, `objects` and `requests` count within a calendar window and need `window`;
 * `stored-bytes`, `stored-objects` and `pending-uploads` count what is there now and have none.
 */
export interface Quota {
  readonly policy: string
  readonly per: Per
  readonly unit: QuotaUnit
  /** 0 to 2^50. */
  readonly limit: number
  readonly window?: QuotaWindow
  /** Counted and reported, never refusing. Default `false`. */
  readonly shadow?: boolean
}

/** A named set of limits. */
export interface Plan {
  readonly name: string
  readonly rates: readonly RateLimit[]
  readonly quotas: readonly Quota[]
}
