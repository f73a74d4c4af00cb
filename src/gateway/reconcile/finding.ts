/**
 * What a reconciliation can find. `forged`: a ticket that was not sealed for this place. `unverified`: one
 * by a key that is not configured. `unsettled`: an
 * upload has arrived and counts nothing yet. `late`: it arrived after what it had reserved was released.
 * `condemned`: it came too late for any room, and is still there. `resized`: another size than was
 * settled. `lost`: the ledger does not know an upload that it cannot have forgotten yet. `gone`: settled
 * lately, and not there any more, without a deletion by Signet. `total`: a stored total is not the sum.
 */
export type ReconcileKind =
  | 'forged'
  | 'unverified'
  | 'unsettled'
  | 'late'
  | 'condemned'
  | 'resized'
  | 'lost'
  | 'gone'
  | 'total'

/**
 * What became of it. `open`: it was only reported. `settled`, `rejected`: the upload has ended so.
 * `adjusted`: the total has been put right. `counted`: it is part of what a total says. `busy`: it may be
 * traffic, another run tells. `unclear`: it may be made of what lies in a bucket that is not configured
 * now, or of what carries a ticket by a key that is not. `versioned`: old versions may still be there and stay charged. `unnamed`:
 * no configured tenant, user or quota has this total. `new`: the total began after some objects that it is
 * for, and counts from then on: nothing is wrong. `failed`: it could not be put right, see the log.
 */
export type ReconcileAction =
  | 'open'
  | 'settled'
  | 'rejected'
  | 'adjusted'
  | 'counted'
  | 'busy'
  | 'unclear'
  | 'versioned'
  | 'unnamed'
  | 'new'
  | 'failed'

/** What was found at an object. */
export interface ObjectFinding {
  readonly kind: Exclude<ReconcileKind, 'total'>
  readonly action: ReconcileAction
  readonly store: string
  /** The store's own bucket. */
  readonly bucket: string
  /** Below the placement's prefix. */
  readonly key: string
  readonly uploadId?: string
  /** At the store. */
  readonly sizeBytes?: number
  /** By the ledger. */
  readonly recordedBytes?: number
}

/** A stored total that is not the sum of what lies in the stores. */
export interface TotalFinding {
  readonly kind: 'total'
  readonly action: ReconcileAction
  /** The ledger's own id of a user or tenant. */
  readonly subject: string
  readonly limitId: number
  readonly tenant?: string
  readonly user?: string
  /** Of what a store holds, in one partition of the ledger. */
  readonly store?: string
  readonly policy?: string
  /** What the ledger counted, and what the stores hold. */
  readonly posted: number
  readonly found: number
  /** Of a `new` one: objects that are not counted in it. */
  readonly objects?: number
}

export type ReconcileFinding = ObjectFinding | TotalFinding

const DONE: ReadonlySet<ReconcileAction> = new Set(['settled', 'rejected', 'adjusted', 'counted'])

/** Whether something is left to do about it. */
export function isOpen(finding: ReconcileFinding): boolean {
  return !isRepaired(finding) && finding.action !== 'new'
}

/** Whether it was put right, and nothing is left to do about it. */
export function isRepaired({ action }: ReconcileFinding): boolean {
  return DONE.has(action)
}
