import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { Hashing } from '../../hashing.ts'
import type { StateStore } from '../../state/port.ts'

/** When API keys were last used, by the hour: enough to find those that nobody needs any more. */
export interface KeyUses {
  /** Notes that a key was used now. No more than a look into a set for all but its first use in an hour. */
  note(keyId: string): void
  /**
   * Beginning of the hour in which each of these keys was last used, in milliseconds, by what all gateways
   * have written and this one has seen; none for a key that was not used in `REMEMBERED_MS`. Other gateways
   * write within a minute. Throws `LedgerUnavailable`.
   */
  lastUsedAtMs(keyIds: readonly string[]): Promise<ReadonlyMap<string, number>>
  /** Writes some of what is not written yet, in one document. False when there was nothing to write. */
  writeSome(): Promise<boolean>
}

/** How long the last use of a key is remembered, in milliseconds: 400 days. */
export const REMEMBERED_MS = 400 * 86_400_000
const HOUR_MS = 3_600_000
/** Documents that all keys are spread over: few writes an hour for many keys, and each of them small. */
const DOCUMENTS = 32
/** Keys of one document; the longest ids and a time each stay below `MAX_DOCUMENT_BYTES`. */
const MAX_KEYS = 3_000
/** Tries to write over what another gateway has just written. */
const MAX_TRIES = 5

/** The beginning of the hour of the last use, in milliseconds, by key id. */
type Uses = Record<string, number>

/** Keeps them in the state store, as documents of the kind `key-use`. */
export function createKeyUses({
  state,
  clock,
  hashing,
}: {
  readonly state: StateStore
  readonly clock: Clock
  readonly hashing: Hashing
}): KeyUses {
  let hourMs = 0
  /** Used in this hour. */
  const noted = new Set<string>()
  /** By document, then key: what is not written yet. */
  const unwritten = new Map<string, Map<string, number>>()

  function nameOf(keyId: string): string {
    const [first = 0] = hashing.sha256(keyId)
    return `key-use/${String(first % DOCUMENTS).padStart(2, '0')}`
  }

  async function write(name: string, uses: ReadonlyMap<string, number>): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const found = await state.get(name)
      const written = readUses(found?.value)
      const news = [...uses].filter(([keyId, usedAtMs]) => usedAtMs > (written[keyId] ?? 0))
      if (news.length === 0) return
      const merged = { ...written, ...Object.fromEntries(news) }
      const value = JSON.stringify(latest(merged, clock.nowMs()))
      const version = await state.put({ name, value, ifVersion: found?.version ?? 0 })
      if (version !== undefined) return
    }
    throw new GatewayError(
      'LedgerUnavailable',
      'Cannot note uses of keys: others write all the time',
    )
  }

  return {
    note(keyId) {
      const nowMs = clock.nowMs()
      const atMs = nowMs - (nowMs % HOUR_MS)
      if (atMs !== hourMs) {
        noted.clear()
        hourMs = atMs
      }
      if (noted.has(keyId)) return
      noted.add(keyId)
      const name = nameOf(keyId)
      const uses = unwritten.get(name) ?? new Map<string, number>()
      unwritten.set(name, uses.set(keyId, atMs))
    },
    async lastUsedAtMs(keyIds) {
      const names = new Set(keyIds.map(nameOf))
      const documents = new Map<string, Uses>()
      await Promise.all(
        [...names].map(async (name) => {
          documents.set(name, readUses((await state.get(name))?.value))
        }),
      )
      const found = new Map<string, number>()
      for (const keyId of keyIds) {
        const name = nameOf(keyId)
        const written = documents.get(name)?.[keyId] ?? 0
        const usedAtMs = Math.max(written, unwritten.get(name)?.get(keyId) ?? 0)
        if (usedAtMs > clock.nowMs() - REMEMBERED_MS) found.set(keyId, usedAtMs)
      }
      return found
    },
    async writeSome() {
      const [first] = unwritten
      if (first === undefined) return false
      const [name, uses] = first
      // To the end: one that cannot be written keeps none of the others waiting.
      unwritten.delete(name)
      unwritten.set(name, uses)
      const written = new Map(uses)
      await write(name, written)
      for (const [keyId, atMs] of written) if (uses.get(keyId) === atMs) uses.delete(keyId)
      if (uses.size === 0) unwritten.delete(name)
      return true
    },
  }
}

/** What is remembered: nothing older than `REMEMBERED_MS`, and the latest where there is too much. */
function latest(uses: Uses, nowMs: number): Uses {
  const kept = Object.entries(uses).filter(([, usedAtMs]) => usedAtMs > nowMs - REMEMBERED_MS)
  if (kept.length > MAX_KEYS) kept.sort(([, one], [, other]) => other - one)
  return Object.fromEntries(kept.slice(0, MAX_KEYS))
}

/** Uses as they were written; none for what is not ours, so that it is written over. */
function readUses(value: string | undefined): Uses {
  const uses: Uses = Object.create(null)
  for (const [keyId, usedAtMs] of Object.entries(parsed(value))) {
    if (Number.isSafeInteger(usedAtMs)) uses[keyId] = usedAtMs as number
  }
  return uses
}

function parsed(value: string | undefined): object {
  try {
    const found: unknown = JSON.parse(value ?? '{}')
    return typeof found === 'object' && found !== null ? found : {}
  } catch {
    return {}
  }
}
