import { otherRids } from '../../src/ledger/batch-items.ts'
import { decideAdmit } from '../../src/ledger/decide-admit.ts'
import { decideFinish } from '../../src/ledger/decide-finish.ts'
import type { Decision, LedgerState } from '../../src/ledger/decision.ts'
import type {
  AdmitCommand,
  AdmitReply,
  ClaimRequest,
  FinishCommand,
  FinishReply,
  ListRequest,
  ReservationRef,
} from '../../src/ledger/port.ts'
import type { Faults } from './faults.ts'
import { type Change, LedgerCopy, listed, reservationOf } from './ledger-copy.ts'
import type { Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'

/** One call of the ledger's port, as it goes over the network. */
export type Ask =
  | { readonly what: 'admit'; readonly command: AdmitCommand }
  | { readonly what: 'finish'; readonly command: FinishCommand }
  | { readonly what: 'claim'; readonly request: ClaimRequest }
  | { readonly what: 'find'; readonly ref: ReservationRef }
  | { readonly what: 'list'; readonly request: ListRequest }

/** Defects that a mutant of the server has. */
export interface ServerDefects {
  /** Answers before the replicas have the write. */
  readonly acknowledgesEarly?: boolean
  /** The same, where the command finds what was written before: a replay. */
  readonly acknowledgesReplaysEarly?: boolean
  /** A bare TTL: what is pending is forgotten at `exp`. */
  readonly forgetsPending?: boolean
  readonly decide?: (
    state: LedgerState,
    command: AdmitCommand | FinishCommand,
    nowMs: number,
    decided: Decision<AdmitReply | FinishReply>,
  ) => Decision<AdmitReply | FinishReply>
}

/** Sees all that happens to the ledger that counts: the primary. */
export interface LedgerWatch {
  /** After a decision and before it is applied; returns what goes into the log of changes. */
  decided(
    command: AdmitCommand | FinishCommand,
    state: LedgerState,
    decision: Decision<AdmitReply | FinishReply>,
    nowMs: number,
  ): Pick<Change, 'moves' | 'spent'>
  applied(change: Change, command: AdmitCommand | FinishCommand | undefined): void
  lost(changes: readonly Change[]): void
  /** A sweeper was told what is due at the ledger's `nowMs`. */
  claimed(nowMs: number): void
}

/** What becomes of a request: a reply, or `undefined` when there is none or WAIT was short. */
export type Answer = (reply: unknown) => void

const WAIT_MS = 150
const NOT_BOOKED = { moves: [], spent: [] }
/** What is followed by something irreversible waits for the replicas. */
const WAITING = new Set(['R', 'L', 'A', 'M'])
/** How long a primary that was replaced goes on by itself (`min-replicas-to-write`). */
const ZOMBIE_MS = 10_000

/**
 * `decide()` as a server with a replica behind it (`ledger.md` section 9, mode strict): the
 * specification itself, so what a simulation finds lies in what is around it.
 */
export class LedgerServer {
  primary = new LedgerCopy()
  replica = new LedgerCopy()
  epoch = 1
  isDown = false
  /** How far the ledger's clock is off. */
  clockOffsetMs = 0
  /** Counts of operation and reply, on the primary. */
  readonly seen = new Map<string, number>()
  readonly #scheduler: Scheduler
  readonly #random: SeededRandom
  readonly #faults: () => Faults
  readonly #watch: LedgerWatch
  readonly #defects: ServerDefects
  readonly #retentionMs: number
  #unreplicated: Change[] = []
  #written = 0
  #replicated = 0
  #replicatesAtMs = 0
  #waiters: { upTo: number; done: (enough: boolean) => void }[] = []
  readonly #zombies = new Map<number, { copy: LedgerCopy; untilMs: number }>()

  constructor(options: {
    scheduler: Scheduler
    random: SeededRandom
    faults: () => Faults
    watch: LedgerWatch
    defects: ServerDefects
    retentionMs: number
  }) {
    this.#scheduler = options.scheduler
    this.#random = options.random
    this.#faults = options.faults
    this.#watch = options.watch
    this.#defects = options.defects
    this.#retentionMs = options.retentionMs
  }

  nowMs(): number {
    return Math.floor(this.#scheduler.nowMs + this.clockOffsetMs)
  }

  /** A request has arrived over a connection that believes in an epoch. */
  receive(epoch: number, ask: Ask, answer: Answer): void {
    const zombie = this.#zombies.get(epoch)
    if (zombie !== undefined && zombie.untilMs > this.#scheduler.nowMs) {
      const reply = this.#execute(zombie.copy, ask)
      // Its replicas follow another one now: a WAIT there is always short.
      answer(waits(ask) && this.#defects.acknowledgesEarly !== true ? undefined : reply)
      return
    }
    if (this.isDown) {
      answer(undefined)
      return
    }
    if (epoch !== this.epoch) {
      answer({ code: 'FENCED', nowMs: this.nowMs(), epoch: String(this.epoch) })
      return
    }
    const reply = this.#execute(this.primary, ask)
    const { acknowledgesEarly, acknowledgesReplaysEarly } = this.#defects
    const early = acknowledgesReplaysEarly === true && (reply as { code?: string }).code !== 'OK'
    if (!waits(ask) || acknowledgesEarly === true || early) answer(reply)
    else this.#wait((enough) => answer(enough ? reply : undefined))
  }

  /** The replica takes over, with all that was acknowledged and some of the rest. */
  failOver(): void {
    this.#replicate(this.#random.between(0, this.#unreplicated.length))
    this.#zombies.clear()
    this.#zombies.set(this.epoch, {
      copy: this.primary,
      untilMs: this.#scheduler.nowMs + ZOMBIE_MS * this.#random.fraction(),
    })
    const lost = this.#unreplicated
    this.#unreplicated = []
    this.#written = this.#replicated
    this.primary = this.replica
    this.replica = new LedgerCopy(this.primary)
    this.epoch += 1
    for (const { done } of this.#waiters.splice(0)) done(false)
    this.#watch.lost(lost)
  }

  #execute(copy: LedgerCopy, ask: Ask): unknown {
    switch (ask.what) {
      case 'admit':
      case 'finish':
        return this.#decide(copy, ask.command)
      case 'claim':
        return this.#claim(copy, ask.request)
      case 'find':
        return { found: reservationOf(copy, ask.ref.rid) }
      case 'list':
        return listed(copy, ask.request)
    }
  }

  #decide(copy: LedgerCopy, command: AdmitCommand | FinishCommand): AdmitReply | FinishReply {
    const nowMs = this.nowMs()
    const rid = 'rid' in command ? command.rid : undefined
    const state: LedgerState = {
      record: rid === undefined ? undefined : copy.records.get(rid),
      others: otherRids(command).map((other) => copy.records.get(other)),
      subjects: command.subjects.map((id) => copy.subjects.get(id)),
    }
    let decision: Decision<AdmitReply | FinishReply> = isAdmit(command)
      ? decideAdmit(state, command, nowMs)
      : decideFinish(state, command, nowMs)
    if (this.#defects.decide !== undefined) {
      decision = this.#defects.decide(state, command, nowMs, decision)
    }
    const counts = copy === this.primary
    const booked = counts ? this.#watch.decided(command, state, decision, nowMs) : NOT_BOOKED
    if (counts) this.#count(`${command.op} ${decision.reply.code}`)
    const { writes } = decision
    if (writes === undefined) return decision.reply
    const { record, others = [], dueMs } = writes
    const change: Change = {
      subjects: (writes.subjects ?? []).map((after, index) => [
        command.subjects[index] ?? '',
        // What a decision was given may never be changed in place.
        after === undefined ? undefined : Object.freeze(after),
      ]),
      records: [
        ...(rid === undefined || record === undefined
          ? []
          : [[rid, Object.freeze(record)] as const]),
        ...others.map((other) => [other.rid, Object.freeze(other.record)] as const),
      ],
      dues: [
        ...(rid === undefined || dueMs === undefined ? [] : [[rid, dueMs ?? undefined] as const]),
        ...others.map((other) => [other.rid, dueMs ?? undefined] as const),
      ],
      forget: rid === undefined ? [] : this.#forgetting(rid, dueMs, record?.expMs, nowMs),
      ...booked,
    }
    this.#commit(copy, change, command)
    return decision.reply
  }

  #forgetting(
    rid: string,
    dueMs: number | null | undefined,
    expMs: number | undefined,
    nowMs: number,
  ): Change['forget'] {
    if (dueMs === null) return [[rid, nowMs + this.#retentionMs]]
    if (this.#defects.forgetsPending === true && expMs !== undefined) return [[rid, expMs]]
    return []
  }

  #claim(copy: LedgerCopy, { partition, limit, leaseMs }: ClaimRequest): unknown {
    const nowMs = this.nowMs()
    this.#watch.claimed(nowMs)
    const forgotten = [...copy.forget].filter(([, atMs]) => atMs <= nowMs).map(([rid]) => rid)
    const claimed = [...copy.due]
      .filter(([, atMs]) => atMs <= nowMs)
      .sort(([aRid, a], [bRid, b]) => a - b || (aRid < bRid ? -1 : 1))
      .slice(0, limit)
      .map(([rid]) => rid)
    if (forgotten.length > 0 || claimed.length > 0) {
      this.#commit(copy, {
        subjects: [],
        records: forgotten.map((rid) => [rid, undefined]),
        dues: [
          ...claimed.map((rid) => [rid, nowMs + leaseMs] as const),
          ...forgotten.map((rid) => [rid, undefined] as const),
        ],
        forget: forgotten.map((rid) => [rid, undefined]),
        ...NOT_BOOKED,
      })
    }
    const reservations = claimed.flatMap((rid) => reservationOf(copy, rid, partition) ?? [])
    return { nowMs, reservations }
  }

  #commit(copy: LedgerCopy, change: Change, command?: AdmitCommand | FinishCommand): void {
    copy.apply(change)
    if (copy !== this.primary) return
    this.#written += 1
    this.#unreplicated.push(change)
    this.#watch.applied(change, command)
    if (this.#unreplicated.length === 1) this.#scheduleReplication()
  }

  #scheduleReplication(): void {
    const stalls = this.#random.chance(this.#faults().replicaStalls)
    const lagMs = this.#random.wait(stalls ? 2_000 : 1)
    this.#replicatesAtMs = this.#scheduler.nowMs + lagMs
    const { epoch } = this
    this.#scheduler.after(lagMs, () => {
      if (epoch !== this.epoch) return
      this.#replicate(this.#unreplicated.length)
    })
  }

  #replicate(count: number): void {
    for (const change of this.#unreplicated.splice(0, count)) this.replica.apply(change)
    this.#replicated += count
    const done = this.#waiters.filter(({ upTo }) => upTo <= this.#replicated)
    this.#waiters = this.#waiters.filter(({ upTo }) => upTo > this.#replicated)
    for (const waiter of done) waiter.done(true)
  }

  #wait(done: (enough: boolean) => void): void {
    if (this.#replicated >= this.#written) {
      done(true)
      return
    }
    const waiter = { upTo: this.#written, done }
    this.#waiters.push(waiter)
    if (this.#replicatesAtMs <= this.#scheduler.nowMs + WAIT_MS) return
    this.#scheduler.after(WAIT_MS, () => {
      const at = this.#waiters.indexOf(waiter)
      if (at < 0) return
      this.#waiters.splice(at, 1)
      done(false)
    })
  }

  #count(name: string): void {
    this.seen.set(name, (this.seen.get(name) ?? 0) + 1)
  }
}

function waits(ask: Ask): boolean {
  return (ask.what === 'admit' || ask.what === 'finish') && WAITING.has(ask.command.op)
}

function isAdmit(command: AdmitCommand | FinishCommand): command is AdmitCommand {
  return command.op === 'R' || command.op === 'Q' || command.op === 'C'
}
