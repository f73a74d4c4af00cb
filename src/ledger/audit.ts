/** What the auditor asks of a ledger, and what it answers: part of the port (`port.ts`). */

export interface AuditRequest {
  readonly partition: number
  /**
   * Counters take what is really held, and the index is mended. Amounts that were posted are never
   * changed, nor is anything that cannot be read.
   */
  readonly repair: boolean
  /**
   * A driver that keeps names of what it holds finds them anew, for this partition and those asked for
   * next: somebody waits who knows what was there a moment ago. Default: they may be some seconds old.
   */
  readonly fresh?: true
}

/** A counter whose pending amount is not the sum of what pending reservations hold there. */
export interface CounterDrift {
  readonly subject: string
  readonly limitId: number
  /** Window id; 0 is a total. */
  readonly window: number
  /** As it stood; 0 where there was no counter. */
  readonly pending: number
  /** The sum over the holds. */
  readonly held: number
  /** True when the counter now says `held`. */
  readonly repaired: boolean
}

/**
 * A reservation that the sweeper would never look at (`missing`: pending or condemned, and not in the
 * index), or one that it would look at for nothing (`stray`: in the index, and neither).
 */
export interface IndexDrift {
  readonly rid: string
  readonly what: 'missing' | 'stray'
  /** True when it was put in, due at once, or taken out. */
  readonly repaired: boolean
}

/** A counter below zero: never repaired but for its pending amount, which is a drift as well. */
export interface NegativeCounter {
  readonly subject: string
  readonly limitId: number
  readonly window: number
  readonly posted: number
  readonly pending: number
}

/** A stored value that no version of ours wrote: refused wherever it is needed, left as it is. */
export interface UnreadableValue {
  /** The row or key it has in its store. */
  readonly name: string
  readonly reason: string
}

/** What a total counts at rest. */
export interface StoredTotal {
  readonly subject: string
  readonly limitId: number
  readonly posted: number
}

/** One partition at one instant. Lists are in the order of subjects and rids. */
export interface PartitionAudit {
  readonly partition: number
  readonly nowMs: number
  readonly counts: {
    /** Reservations in state P. */
    readonly pending: number
    /** Reservations in state D whose object is not yet gone. */
    readonly condemned: number
    readonly subjects: number
  }
  readonly drifts: readonly CounterDrift[]
  readonly index: readonly IndexDrift[]
  readonly negative: readonly NegativeCounter[]
  readonly unreadable: readonly UnreadableValue[]
  readonly totals: readonly StoredTotal[]
  /** Pending reservations that will change a stored total and hold nothing of it: credits. */
  readonly credits: readonly string[]
}
