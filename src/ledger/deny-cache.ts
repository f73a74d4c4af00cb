import type { Clock } from '../clock.ts'
import type { AdmitCommand, AdmitReply, Ledger } from './port.ts'

export interface DenyCacheOptions {
  /** Measures how long ago a refusal was asked for; one that can be set cannot. */
  readonly clock: Clock
  /** The ledger's clock as seen from here: dates remembered answers. */
  readonly ledgerTime: Clock
  /** Refusals remembered at once, 1 and up; the oldest is forgotten first. Default 10,000. */
  readonly maxEntries?: number
  /** Told of every decision that the ledger was not asked for. */
  readonly onHit?: (facts: { op: 'R' | 'C' }) => void
}

type Denied = Extract<AdmitReply, { code: 'DENIED' }>

interface Entry {
  /** Which limits the levels belong to, in their order. */
  readonly shape: string
  readonly levels: readonly number[]
  /** Our own clock before the ledger was asked. */
  readonly askedAtMs: number
}

const MAX_ENTRIES = 10_000
/** How long a refusal is remembered that waiting does not heal: it has no end of its own. */
const NEVER_FITS_MS = 1_000

/**
 * Remembers refusals by rates, so that a flood of refused requests does not reach the ledger. Room in
 * a rate grows by 1 µs per µs at most, whoever else asks: until then what costs more than the room is
 * refused for certain, and what costs less is asked for. Time is counted from before the ledger was
 * asked, so no refusal lasts too long; where one ends early, the ledger decides.
 *
 * Only refusals by rates alone are remembered, and answered with all levels as they would be by now:
 * rates with the room that has grown, quotas as they were seen, in the same window. Where a quota
 * would refuse as well, the ledger is asked. So an answer may miss a limit that others have used up
 * since, but never names one that does not refuse. Limits come with each command, and room is kept
 * in time, not in requests: a changed limit takes effect at once. Looks (`Q`) and requests with a
 * caller's key, which must find what they made before, always reach the ledger.
 */
export function withDenyCache(
  ledger: Ledger,
  { clock, ledgerTime, maxEntries = MAX_ENTRIES, onHit }: DenyCacheOptions,
): Ledger {
  /** By the subjects of the refused, oldest first. */
  const entries = new Map<string, Entry>()

  function recall(command: AdmitCommand): Denied | undefined {
    if (entries.size === 0) return undefined
    const key = keyOf(command)
    const entry = entries.get(key)
    if (entry === undefined || entry.shape !== shapeOf(command)) return undefined
    const elapsedMs = clock.nowMs() - entry.askedAtMs
    // A clock that stepped back cannot tell how long ago it was, nor can it later.
    if (elapsedMs < 0) {
      entries.delete(key)
      return undefined
    }
    const nowMs = ledgerTime.nowMs()
    const [latestStart = 0, earliestEnd = 0] = command.check
    if (nowMs < latestStart || nowMs >= earliestEnd) return undefined
    const { denied, levels, byQuota, heals } = judge(command, entry.levels, elapsedMs * 1000)
    if (denied.length === 0 || byQuota || (!heals && elapsedMs >= NEVER_FITS_MS)) return undefined
    return { code: 'DENIED', nowMs, denied, levels, remembered: true }
  }

  function remember(command: AdmitCommand, reply: AdmitReply, askedAtMs: number): void {
    if (reply.code !== 'OK' && reply.code !== 'DENIED') return
    if (reply.code === 'OK' && entries.size === 0) return
    const key = keyOf(command)
    entries.delete(key)
    if (reply.code === 'OK') return
    const { denied, byQuota, known } = judge(command, reply.levels, 0)
    if (byQuota || denied.length === 0) return
    const levels = reply.levels.slice(0, known)
    entries.set(key, { shape: shapeOf(command), levels, askedAtMs })
    if (entries.size <= maxEntries) return
    const [oldest] = entries.keys()
    if (oldest !== undefined) entries.delete(oldest)
  }

  return {
    partitions: ledger.partitions,
    // Asked for each time: a ledger that has not answered yet does not know it.
    get salt() {
      return ledger.salt
    },
    async admit(command) {
      if (command.op === 'Q') return ledger.admit(command)
      const replayable = command.op === 'R' && command.replayable === true
      const known = replayable ? undefined : recall(command)
      if (known !== undefined) {
        onHit?.({ op: command.op })
        return known
      }
      const askedAtMs = clock.nowMs()
      const reply = await ledger.admit(command)
      remember(command, reply, askedAtMs)
      return reply
    },
    finish: (command) => ledger.finish(command),
    share: () => ledger.share(),
    claim: (request) => ledger.claim(request),
    find: (ref) => ledger.find(ref),
    list: (request) => ledger.list(request),
    recent: (request) => ledger.recent(request),
    audit: (request) => ledger.audit(request),
    close: () => ledger.close(),
  }
}

// The lock of an object has no rates, and every object another one: with it in the key, overwrites of
// ever new objects would all reach the ledger. Nor has a store, and the next request may go to another
// one. They come last, and a remembered answer takes them for free.
const isPlace = (subject: string) => subject.startsWith('o') || subject.startsWith('s')

function keyOf({ subjects }: AdmitCommand): string {
  return subjects.filter((subject) => !isPlace(subject)).join()
}

/** What levels depend on beside subjects: ids and bursts of rates, ids and windows of quotas. */
function shapeOf({ subjects, hold, check }: AdmitCommand): string {
  const shape: (number | undefined)[] = []
  let h = 0
  let c = 2
  for (const subject of subjects) {
    if (isPlace(subject)) continue
    const rates = check[c++] ?? 0
    shape.push(rates)
    for (let rate = 0; rate < rates; rate += 1, c += 3) shape.push(check[c], check[c + 2])
    const quotas = hold[h++] ?? 0
    shape.push(quotas)
    for (let quota = 0; quota < quotas; quota += 1, h += 4, c += 1) {
      shape.push(hold[h], hold[h + 1])
    }
  }
  return shape.join()
}

interface Judged {
  readonly denied: readonly number[]
  readonly levels: readonly number[]
  /** Whether a quota is among those that refuse. */
  readonly byQuota: boolean
  /** Whether waiting heals all rates that refuse. */
  readonly heals: boolean
  /** How many of the levels are of those whom the key names. */
  readonly known: number
}

/** What the ledger would answer `elapsedUs` after these levels, if nobody else had asked meanwhile. */
function judge(command: AdmitCommand, seen: readonly number[], elapsedUs: number): Judged {
  const { subjects, hold, check } = command
  const denied: number[] = []
  const levels: number[] = []
  let byQuota = false
  let heals = true
  let known = 0
  let position = 0
  let h = 0
  let c = 2
  for (const subject of subjects) {
    const rates = check[c++] ?? 0
    for (let rate = 0; rate < rates; rate += 1, c += 3) {
      position += 1
      const [inc = 0, tau = 0] = [check[c + 1], check[c + 2]]
      const room = Math.min(tau, (seen[levels.length] ?? tau) + elapsedUs)
      levels.push(room)
      if (inc === 0 || inc <= room) continue
      denied.push(position)
      if (inc > tau) heals = false
    }
    const quotas = hold[h++] ?? 0
    for (let quota = 0; quota < quotas; quota += 1, h += 4, c += 1) {
      position += 1
      const amount = hold[h + 2] ?? 0
      const posted = seen[levels.length] ?? 0
      const pending = seen[levels.length + 1] ?? 0
      levels.push(posted, pending)
      // What a place refuses is no reason to ask again where a rate does.
      if (isPlace(subject)) continue
      if (amount === 0 || posted + pending + amount <= (check[c] ?? 0)) continue
      denied.push(position)
      byQuota = true
    }
    if (!isPlace(subject)) known = levels.length
  }
  return { denied, levels, byQuota, heals, known }
}
