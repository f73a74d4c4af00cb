/** A document of the state store. */
export interface StateDocument {
  /** 1 to 4,096 characters of `a-z A-Z 0-9 . _ : / -`; what stands before the first `/` is its kind. */
  readonly name: string
  /** 1 when it was made, and one more with every change. */
  readonly version: number
  /** JSON or any other text, at most `MAX_DOCUMENT_BYTES` as UTF-8. */
  readonly value: string
}

/** A document, and when it was written last. */
export interface StateChange extends StateDocument {
  /** Place of that write among all writes of the kind, from 1; no two writes ever have the same. */
  readonly position: number
}

/** UTF-8 bytes of one document's value. */
export const MAX_DOCUMENT_BYTES = 262_144

/** Documents of one page of a list, at most. */
export const MAX_DOCUMENTS = 1_000

/**
 * Small documents that all gateways of an installation share, kept where the ledger is: what probes have
 * seen, how far a reconciliation came, in which of several stores an object is. Few requests wait for it: those that
 * look for an object in several stores, and those that a store's room at hand is not enough for. Every method throws
 * `LedgerUnavailable` when there is no answer.
 */
export interface StateStore {
  /** The document of a name, or undefined. */
  get(name: string): Promise<StateDocument | undefined>
  /**
   * Writes a document and answers its new version; with `ifVersion` only over that version, 0 for "not
   * there", and undefined when it is another one by now.
   */
  put(document: {
    readonly name: string
    readonly value: string
    readonly ifVersion?: number
  }): Promise<number | undefined>
  /** Removes a document, with `ifVersion` only that version of it. False: it was not there, or not so. */
  remove(name: string, ifVersion?: number): Promise<boolean>
  /** Documents of one kind by ascending name (code units), after a name. `limit`: 1 to `MAX_DOCUMENTS`. */
  list(request: {
    readonly kind: string
    readonly after?: string
    readonly limit: number
  }): Promise<readonly StateDocument[]>
  /**
   * Documents of one kind that were written after a position, in the order of their last writes, each as
   * it is now. Positions grow with every write of the kind; 0 is before all of them. `last`: the newest
   * position that was ever given; a page of less than `limit` has all up to it, and `last` before `after`
   * tells of a store that has lost writes. What is removed shows nowhere: documents of a kind that is
   * followed are overwritten instead. `limit`: 1 to `MAX_DOCUMENTS`.
   */
  changes(request: {
    readonly kind: string
    readonly after: number
    readonly limit: number
  }): Promise<{ readonly changes: readonly StateChange[]; readonly last: number }>
  /**
   * Resolves when all that was written so far is as safe as a change that was answered. For whoever finds
   * that something is so already: it may be by a change of which nobody could say that it was made.
   */
  confirm(): Promise<void>
  /** Lets go of files and connections. */
  close(): Promise<void>
}
