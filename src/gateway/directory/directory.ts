import type { Clock } from '../../clock.ts'
import { UNWRITTEN } from '../../config/directory/directory-entries.ts'
import type { DirectoryProblem } from '../../config/directory/directory-report.ts'
import { DIRECTORY } from '../../config/directory/document-name.ts'
import type { DirectoryOverlay } from '../../config/directory/overlay.ts'
import { MAX_DOCUMENTS, type StateDocument, type StateStore } from '../../state/port.ts'

/**
 * Everything is compared again after so long, in milliseconds: a store that lost writes may have given their
 * positions anew. That takes a page with each `sync`, so that nobody waits for thousands of documents.
 */
const COMPARE_EVERY_MS = 60_000

/**
 * Tenants, users, plans and keys that operators keep by the admin API, shared by all gateways. Each has a
 * whole copy in memory, which follows the state store (`start-directory.ts`), so that no request waits for
 * it. What the configuration file names wins.
 */
export interface Directory {
  /**
   * Reads what has changed and puts it into force. Calls at the same time share the work, but none gets
   * what was read before it began. Throws `LedgerUnavailable`.
   */
  sync(): Promise<void>
  /** How long ago the store was heard, in milliseconds; `Infinity`: never; 0 where nobody shares it. */
  staleMs(): number
  /** All that is known, read: removed ones are not there. */
  readonly entries: DirectoryOverlay['entries']
  /** A document as it was last read; a removed one has the value `REMOVED`. */
  document(name: string): StateDocument | undefined
  /**
   * Writes a document, with `ifVersion` only over that version (0: not there), and puts it into force
   * here. Answers its version, or `undefined` when it is another one by now. Throws `LedgerUnavailable`:
   * then it may have been written or not.
   */
  put(document: {
    readonly name: string
    readonly value: string
    readonly ifVersion?: number
  }): Promise<number | undefined>
  /** Takes a document that this gateway alone has, until the store's own is read. */
  assume(name: string, value: string): void
  /** What is in the directory and cannot be used, and why. */
  problems(): readonly DirectoryProblem[]
}

/** A copy of what is in a state store, empty until `sync`. */
export function createDirectory({
  state,
  overlay,
  stopwatch,
  alone,
  onChange,
}: {
  readonly state: StateStore
  readonly overlay: DirectoryOverlay
  /** Not a clock that may be set. */
  readonly stopwatch: Clock
  /** Nobody else can write to the store. */
  readonly alone: boolean
  /** Told that others are known. */
  readonly onChange: () => void
}): Directory {
  const { entries } = overlay
  let position = 0
  let heardAtMs: number | undefined
  let comparedAtMs = stopwatch.nowMs()
  /** Where the comparison under way is, and the names that it has met. */
  let comparison: { at: number; readonly names: Set<string> } | undefined
  let running: Promise<void> | undefined
  let following: Promise<void> | undefined

  /** Documents written after a position, by name and as they are now, and the newest position. */
  async function readAfter(after: number) {
    const documents = new Map<string, StateDocument>()
    let at = after
    for (;;) {
      const page = await state.changes({ kind: DIRECTORY, after: at, limit: MAX_DOCUMENTS })
      for (const change of page.changes) {
        documents.set(change.name, change)
        at = change.position
      }
      if (page.changes.length < MAX_DOCUMENTS) return { documents, at, last: page.last }
    }
  }

  async function read(): Promise<void> {
    const startedMs = stopwatch.nowMs()
    let found = await readAfter(position)
    if (found.last < position) {
      found = await readAfter(0)
      entries.keepOnly(found.documents)
      entries.restore(found.documents.values())
      comparison = undefined
    } else entries.take(found.documents.values())
    position = found.at
    if (!alone) await compareSome(startedMs)
    heardAtMs = startedMs
    const { plansOrTenants, users, keys } = entries.changed()
    if (plansOrTenants || users.size + keys.size > 0) onChange()
  }

  /** Compares a page, after the changes were taken: so what it shows is as new as what is known, or newer. */
  async function compareSome(nowMs: number): Promise<void> {
    if (comparison === undefined && nowMs - comparedAtMs < COMPARE_EVERY_MS) return
    comparison ??= { at: 0, names: new Set() }
    const { at: after, names } = comparison
    const { changes } = await state.changes({ kind: DIRECTORY, after, limit: MAX_DOCUMENTS })
    entries.restore(changes)
    for (const { name, position: at } of changes) {
      names.add(name)
      comparison.at = at
    }
    // What is written meanwhile moves behind what was read, so that the last page has it.
    if (changes.length === MAX_DOCUMENTS) return
    entries.keepOnly(names)
    comparison = undefined
    comparedAtMs = nowMs
  }

  /** The reading after the one under way: only that surely sees what was written before the call. */
  function sync(): Promise<void> {
    if (running === undefined) return begin()
    following ??= running
      .catch(() => {})
      .then(() => {
        following = undefined
        return begin()
      })
    return following
  }

  function begin(): Promise<void> {
    const own = read().finally(() => {
      if (running === own) running = undefined
    })
    running = own
    return own
  }

  return {
    sync,
    staleMs() {
      if (alone) return 0
      return heardAtMs === undefined ? Infinity : stopwatch.nowMs() - heardAtMs
    },
    entries,
    document: (name) => entries.document(name),
    async put(document) {
      const version = await state.put(document)
      await sync()
      return version
    },
    assume(name, value) {
      if (entries.document(name) !== undefined) return
      entries.take([{ name, value, version: UNWRITTEN }])
      onChange()
    },
    problems: () => overlay.problems(),
  }
}
