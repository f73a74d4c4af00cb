import type { Clock } from '../../clock.ts'
import type { DirectoryProblem } from '../../config/directory/directory-report.ts'
import { DIRECTORY } from '../../config/directory/document-name.ts'
import type { DirectoryOverlay } from '../../config/directory/overlay.ts'
import { MAX_DOCUMENTS, type StateDocument, type StateStore } from '../../state/port.ts'

/**
 * Everything is compared again after so long, in milliseconds: a store that lost writes may have given their
 * positions anew. That takes a page with each `sync`, so that nobody waits for thousands of documents.
 */
const COMPARE_EVERY_MS = 60_000

/** Of so many it is remembered that they were written here; no reading lasts as long as more of them. */
const MAX_OWN_WRITES = 10_000

/** Whether a document was written here since a reading began. */
type IsOwn = (name: string) => boolean

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
  /** What is in the directory and cannot be used, and why. */
  problems(): readonly DirectoryProblem[]
  /** The same of one document. */
  problemOf(name: string): string | undefined
}

/** A copy of what is in a state store, empty until `sync`. */
export function createDirectory({
  state,
  overlay,
  stopwatch,
  alone,
  joins = true,
  onChange,
  onLost = () => {},
}: {
  readonly state: StateStore
  readonly overlay: DirectoryOverlay
  /** Not a clock that may be set. */
  readonly stopwatch: Clock
  /** Nobody else can write to the store. */
  readonly alone: boolean
  /**
   * Whether calls at the same time share a reading. Not where a reading belongs to the request that began it,
   * and ends with it. Default true.
   */
  readonly joins?: boolean
  /** Told that others are known. */
  readonly onChange: () => void
  /** Told of documents that the store has lost, or has an older version of. */
  readonly onLost?: (names: readonly string[]) => void
}): Directory {
  const { entries } = overlay
  let position = 0
  let heardAtMs: number | undefined
  let comparedAtMs = stopwatch.nowMs()
  /** Where the comparison under way is, and the names that it has met. */
  let comparison: { at: number; readonly names: Set<string> } | undefined
  /** When names were written here last, by a count of writes: a reading may have seen them as they were before. */
  const ownWrites = new Map<string, number>()
  let writes = 0
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
    const began = writes
    const isOwn: IsOwn = (name) => (ownWrites.get(name) ?? 0) > began
    const from = position
    let found = await readAfter(from)
    if (found.last < from) {
      found = await readAfter(0)
      takeBack(found.documents.values(), { isOwn, names: found.documents })
      comparison = undefined
      position = found.at
    } else {
      entries.take(found.documents.values())
      position = Math.max(position, found.at)
    }
    if (!alone) await compareSome(startedMs, isOwn)
    heardAtMs = Math.max(heardAtMs ?? startedMs, startedMs)
    tellChanges()
  }

  function tellChanges(): void {
    const { plans, tenants, users, keys } = entries.changed()
    if (plans.size + tenants.size + users.size + keys.size > 0) onChange()
  }

  /**
   * Takes what a store has, older or not, and with `names` forgets what is not there: it has lost writes.
   * What was taken away from somebody stays so, and is written again.
   */
  function takeBack(
    found: Iterable<StateDocument>,
    { isOwn, names }: { readonly isOwn: IsOwn; readonly names?: { has(name: string): boolean } },
  ): void {
    const documents = [...found].filter(({ name }) => !isOwn(name))
    const lost = entries.lost(documents, names)
    if (lost.length > 0) onLost(lost.map(({ name }) => name))
    const narrowed = lost.filter(isNarrowing)
    for (const { name, value } of narrowed) {
      const ifVersion = documents.find((document) => document.name === name)?.version ?? 0
      // What fails is found again by the next comparison.
      void state.put({ name, value, ifVersion }).catch(() => {})
    }
    const kept = new Set(narrowed.map(({ name }) => name))
    entries.restore(documents.filter(({ name }) => !kept.has(name)))
    if (names !== undefined) entries.keepOnly({ has: (name) => kept.has(name) || names.has(name) })
  }

  /** Compares a page, after the changes were taken: so what it shows is as new as what is known, or newer. */
  async function compareSome(nowMs: number, isOwn: IsOwn): Promise<void> {
    if (comparison === undefined && nowMs - comparedAtMs < COMPARE_EVERY_MS) return
    comparison ??= { at: 0, names: new Set() }
    const own = comparison
    const { at: after, names } = own
    const { changes } = await state.changes({ kind: DIRECTORY, after, limit: MAX_DOCUMENTS })
    takeBack(changes, { isOwn })
    for (const { name, position: at } of changes) {
      names.add(name)
      own.at = Math.max(own.at, at)
    }
    // What is written meanwhile moves behind what was read, so that the last page has it.
    if (changes.length === MAX_DOCUMENTS) return
    takeBack([], { isOwn, names: { has: (name) => names.has(name) || isOwn(name) } })
    if (comparison === own) comparison = undefined
    comparedAtMs = nowMs
  }

  function noteOwn(name: string): void {
    writes += 1
    ownWrites.delete(name)
    ownWrites.set(name, writes)
    const [oldest] = ownWrites.keys()
    if (oldest !== undefined && ownWrites.size > MAX_OWN_WRITES) ownWrites.delete(oldest)
  }

  /** The reading after the one under way: only that surely sees what was written before the call. */
  function sync(): Promise<void> {
    if (!joins) return read()
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
      const { name, value } = document
      const version = await state.put(document)
      if (version === undefined) {
        // Whoever was faster is looked at by who decides anew; what was read is good enough until then.
        await sync()
        return undefined
      }
      // In force here at once, whether or not the store can be heard: it is written. While it waited for
      // replicas a newer one may have been read, and of a store that lost writes versions are lower again.
      noteOwn(name)
      entries.take([{ name, value, version }])
      tellChanges()
      if (entries.document(name)?.value !== value) await sync().catch(() => {})
      return version
    },
    problems: () => overlay.problems(),
    problemOf: (name) => overlay.problemOf(name),
  }
}

/** Whether a document takes something away: a key that is revoked, a tenant or user that is suspended. */
function isNarrowing({ value }: StateDocument): boolean {
  try {
    const { revokedAtMs, suspended } = JSON.parse(value)
    return typeof revokedAtMs === 'number' || suspended === true
  } catch {
    return false
  }
}
