import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { RedisCommand, RedisLink, RedisResult } from './redis-link.ts'

/** Weight of one batch: some 2 ms of Redis. What is heavier goes alone. */
const MAX_BATCH = 64
/** Weight that may wait; more is refused. */
const MAX_QUEUE = 2_048
/** As many arguments as the scripts take for one reservation, and then some, weigh 1. */
const ARGUMENTS_PER_WEIGHT = 32

/** What became of a command, and whether as many replicas as needed have it. */
export type BatchResult = RedisResult & { readonly acknowledged: boolean }

export interface Batcher {
  /** Throws `Overloaded` when too many wait. */
  run(command: RedisCommand): Promise<BatchResult>
  /** Commands that wait or are under way. */
  readonly size: number
  /** Resolves when nothing waits and nothing is under way any more. */
  drained(): Promise<void>
}

export interface BatcherOptions {
  readonly link: RedisLink
  /** Replicas that must have a batch before it is answered; 0: none, and no `WAIT`. */
  readonly replicas: number
  /** How long `WAIT` may take, in milliseconds. */
  readonly waitMs: number
  /** How long a command may wait for its turn, in milliseconds; it is not sent later than that. */
  readonly maxQueuedMs: number
  /** Measures that wait; one that can be set would end it for all at once. */
  readonly clock: Clock
  /** Runs a function after the current turn of the event loop. */
  readonly schedule: (run: () => void) => void
}

interface Item {
  readonly command: RedisCommand
  readonly weight: number
  /** When its turn could have come first; `undefined` until then. */
  sinceMs: number | undefined
  readonly resolve: (result: BatchResult) => void
}

/**
 * All commands of a turn of the event loop, at most 64, go to one connection in one write, with one
 * `WAIT` behind them; while they are under way the next batch fills. A command that reserves many
 * counts for more: 1,000 reservations go alone, and 32 times as many may wait. When a batch stays unanswered,
 * those that wait behind it are not sent: behind silence nobody waits for longer than one command may
 * take. On a slow line, where every batch is answered and the queue grows, the oldest give up after
 * `maxQueuedMs`, counted from their first chance: until then it was this process that was busy, and
 * refusing them would make nobody faster.
 */
export function createBatcher(options: BatcherOptions): Batcher {
  const { link, replicas, waitMs, maxQueuedMs, clock, schedule } = options
  const queue: Item[] = []
  let waiting = 0
  let scheduled = false
  let underWay = 0
  const idle: (() => void)[] = []

  function wake(): void {
    if (scheduled || underWay > 0 || queue.length === 0) return
    scheduled = true
    schedule(() => {
      scheduled = false
      void sendBatch()
    })
  }

  function tellIdle(): void {
    if (queue.length + underWay === 0) for (const resolve of idle.splice(0)) resolve()
  }

  async function sendBatch(): Promise<void> {
    failOverdue()
    if (queue.length === 0) {
      tellIdle()
      return
    }
    const batch = take(lengthOfBatch())
    underWay = batch.length
    const commands = batch.map(({ command }) => command)
    if (replicas > 0) commands.push({ name: 'WAIT', args: [replicas, waitMs] })
    const results = await link.send(commands)
    underWay = 0
    const acknowledged = replicas === 0 || hasReplicas(results[batch.length], replicas)
    for (const [index, { resolve }] of batch.entries()) {
      resolve({ ...(results[index] ?? NO_RESULT), acknowledged })
    }
    const silent = results.find(({ kind }) => kind === 'unanswered' || kind === 'unsent')
    if (silent !== undefined) failWaiting(silent.kind === 'unsent' ? silent.message : SILENT)
    wake()
    tellIdle()
  }

  function lengthOfBatch(): number {
    let weight = 0
    const end = queue.findIndex((item, at) => {
      weight += item.weight
      return weight > MAX_BATCH && at > 0
    })
    return end === -1 ? queue.length : end
  }

  function take(length: number): Item[] {
    const taken = queue.splice(0, length)
    for (const { weight } of taken) waiting -= weight
    return taken
  }

  function failOverdue(): void {
    const nowMs = clock.nowMs()
    for (let at = queue.length - 1; at >= 0; at -= 1) {
      const item = queue[at]
      if (item === undefined || item.sinceMs !== undefined) break
      item.sinceMs = nowMs
    }
    const inTime = queue.findIndex(({ sinceMs = nowMs }) => sinceMs >= nowMs - maxQueuedMs)
    const overdue = take(inTime === -1 ? queue.length : inTime)
    for (const { resolve } of overdue) resolve({ ...OVERDUE, acknowledged: false })
  }

  function failWaiting(message: string): void {
    for (const { resolve } of take(queue.length)) {
      resolve({ kind: 'unsent', message, acknowledged: false })
    }
  }

  return {
    run(command) {
      const weight = 1 + Math.floor(command.args.length / ARGUMENTS_PER_WEIGHT)
      if (waiting + weight > MAX_QUEUE) {
        return Promise.reject(
          new GatewayError('Overloaded', 'Cannot decide: too many decisions are waiting'),
        )
      }
      return new Promise((resolve) => {
        waiting += weight
        queue.push({ command, weight, sinceMs: undefined, resolve })
        wake()
      })
    },
    get size() {
      return queue.length + underWay
    },
    drained() {
      if (queue.length + underWay === 0) return Promise.resolve()
      return new Promise((resolve) => {
        idle.push(resolve)
      })
    },
  }
}

const NO_RESULT: RedisResult = { kind: 'unanswered', message: 'no result' }
const OVERDUE: RedisResult = { kind: 'unsent', message: 'too many decisions are waiting' }
const SILENT = 'the server does not answer'

/** Whether a `WAIT` was answered, and by as many replicas. */
export function hasReplicas(result: RedisResult | undefined, replicas: number): boolean {
  return result?.kind === 'reply' && Number(result.reply) >= replicas
}
