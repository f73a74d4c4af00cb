import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { ListRequest, RecentRequest, Reservation } from '../port.ts'
import { type Ask, keysLike, membersOf, pagesOf, stateIn } from './canary-read.ts'
import type { Found } from './find-records.ts'
import { indexKey, recordKey } from './keys.ts'

/** How long a list may take, in milliseconds: what has ended has no index. */
export const LIST_BUDGET_MS = 2_000
/** How long a walk for what is recent may take, in milliseconds: it is for an operator. */
const RECENT_BUDGET_MS = 10_000
/** States that change no stored total any more. */
const PAST: ReadonlySet<string | undefined> = new Set(['V', 'X', 'D'])
/** Pages of names that a list looks through at most. */
const MAX_STEPS = 2_000

export interface ListWalkOptions {
  readonly clock: Clock
  /** For long reads. */
  readonly ask: (partition: number) => Ask
  /** Records by rid; `wanted` sees the bytes before they are decoded. */
  readonly find: (
    partition: number,
    rids: readonly string[],
    wanted: (bytes: Uint8Array) => boolean,
  ) => Promise<Found>
}

/**
 * Lists a caller's reservations: pending ones by the index, ended ones by a walk over all keys of the
 * server, as Redis can only be walked as a whole. Such a walk is one at a time for the gateway, and every
 * list ends within two seconds: then it throws `Overloaded`. Keeps no more than it is asked for.
 */
export function createListWalk({ clock, ask, find }: ListWalkOptions) {
  let walking = false

  async function collect(
    request: ListRequest,
    pages: AsyncIterable<readonly string[]>,
  ): Promise<Found> {
    const { partition, owner, states, ridPrefix, after = '', limit } = request
    const untilMs = clock.nowMs() + LIST_BUDGET_MS
    const first = new FirstByRid(limit)
    const found: Found = { reservations: [], bad: [], absent: [] }
    const wanted = wantedBy(owner, states)
    let steps = 0
    for await (const names of pages) {
      const rids = names.filter(
        (rid) => rid.startsWith(ridPrefix) && rid > after && first.takes(rid),
      )
      for (const page of pagesOf(rids)) {
        const { reservations, bad } = await find(partition, page, wanted)
        found.bad.push(...bad)
        for (const each of reservations) {
          if (each.subjects[0] === owner && states.includes(each.state)) first.add(each)
        }
      }
      steps += 1
      if (steps >= MAX_STEPS || clock.nowMs() > untilMs) throw tooMany()
    }
    found.reservations.push(...first.sorted())
    return found
  }

  async function list(request: ListRequest): Promise<Found> {
    const { partition, states, ridPrefix } = request
    const send = ask(partition)
    if (states.every((state) => state === 'P')) {
      return collect(request, membersOf(send, indexKey(partition)))
    }
    const prefix = recordKey(partition, '')
    const pages = keysLike(send, pattern(prefix + ridPrefix))
    return alone(() => collect(request, ridsBehind(prefix, pages)))
  }

  /** One walk over all keys at a time. */
  async function alone(walk: () => Promise<Found>): Promise<Found> {
    if (walking) throw new GatewayError('Overloaded', 'Cannot list: another list is under way')
    walking = true
    try {
      return await walk()
    } finally {
      walking = false
    }
  }

  /** All of it by names: one that is settled meanwhile has left the index, and is settled. */
  async function walkRecent(request: RecentRequest): Promise<Found> {
    const { partition, sinceMs, settledMs, limit } = request
    const untilMs = clock.nowMs() + RECENT_BUDGET_MS
    const prefix = recordKey(partition, '')
    const kept = new Map<string, Reservation>()
    const bad: Found['bad'] = []
    const wanted = (bytes: Uint8Array) => !PAST.has(stateIn(bytes))
    for await (const rids of ridsBehind(prefix, keysLike(ask(partition), pattern(prefix)))) {
      for (const page of pagesOf(rids)) {
        const found = await find(partition, page, wanted)
        bad.push(...found.bad)
        for (const each of found.reservations) {
          const past = each.state === 'S' && (settledMs(each.note) ?? sinceMs) < sinceMs
          if (each.state === 'P' || !past) kept.set(each.rid, each)
        }
      }
      if (kept.size >= limit) break
      if (clock.nowMs() > untilMs) throw tooMany()
    }
    return { reservations: [...kept.values()].slice(0, limit), bad, absent: [] }
  }

  return { list, recent: (request: RecentRequest) => alone(() => walkRecent(request)) }
}

function tooMany(): GatewayError {
  const why = 'the ledger holds too many reservations to be looked through in time'
  return new GatewayError('Overloaded', `Cannot list: ${why}`)
}

async function* ridsBehind(prefix: string, pages: AsyncIterable<readonly string[]>) {
  for await (const names of pages) yield names.map((name) => name.slice(prefix.length))
}

/**
 * Tells from a record's bytes whether it may be one of the list. An ended one ends with its owner, a
 * pending one with its hold; what is no record of ours is wanted as well, to be reported.
 */
function wantedBy(owner: string, states: ListRequest['states']): (bytes: Uint8Array) => boolean {
  const tail = new TextEncoder().encode(owner)
  return (bytes) => {
    const state = stateIn(bytes)
    if (state === undefined) return true
    if (!(states as readonly string[]).includes(state)) return false
    return state === 'P' || endsWith(bytes, tail)
  }
}

function endsWith(bytes: Uint8Array, tail: Uint8Array): boolean {
  const from = bytes.length - tail.length
  return from >= 0 && tail.every((byte, at) => bytes[from + at] === byte)
}

/** The first reservations by rid: a walk meets them in any order, and some of them twice. */
class FirstByRid {
  readonly #limit: number
  readonly #kept = new Map<string, Reservation>()
  /** No rid after this one can be among the first. */
  #last: string | undefined

  constructor(limit: number) {
    this.#limit = limit
  }

  takes(rid: string): boolean {
    return this.#last === undefined || rid < this.#last
  }

  add(reservation: Reservation): void {
    this.#kept.set(reservation.rid, reservation)
    if (this.#kept.size >= this.#limit * 2) this.#shrink()
  }

  sorted(): readonly Reservation[] {
    this.#shrink()
    return [...this.#kept.values()]
  }

  #shrink(): void {
    const all = [...this.#kept.values()].sort((a, b) => (a.rid < b.rid ? -1 : 1))
    const first = all.slice(0, this.#limit)
    this.#kept.clear()
    for (const each of first) this.#kept.set(each.rid, each)
    if (first.length === this.#limit) this.#last = first.at(-1)?.rid
  }
}

/** A pattern of `SCAN` for all that begins with `text`, without what it would expand. */
function pattern(text: string): string {
  return `${text.replace(/[\\*?[\]]/g, '\\$&')}*`
}
