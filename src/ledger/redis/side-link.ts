import type { LinkEvents, RedisCommand, RedisLink, RedisResult } from './redis-link.ts'

/** A connection for long reads, so that no decision queues behind them. */
export interface SideLink {
  /** Grows when the connection is lost, and with it all that it watches. */
  readonly losses: number
  /** Opens the connection when it is first needed. One write at a time; never throws. */
  send(commands: readonly RedisCommand[]): Promise<readonly RedisResult[]>
  reconnect(): void
  close(): Promise<void>
}

/** How long a page of a long read may take, and the connection to come, in milliseconds. */
export const SIDE_TIMEOUT_MS = 5_000

/**
 * A connection that `open` makes at first use. Whoever reads much asks for one page after the other;
 * pages of several readers take turns, so that Redis is asked for no more than one at once.
 */
export function createSideLink(open: (events: LinkEvents) => RedisLink): SideLink {
  let link: RedisLink | undefined
  let losses = 0
  let closed = false
  let turn: Promise<unknown> = Promise.resolve()
  const waiting = new Set<() => void>()

  function wake(): void {
    for (const go of waiting) go()
    waiting.clear()
  }

  function opened(): RedisLink {
    const onLost = () => {
      losses += 1
    }
    link ??= open({ onReady: wake, onLost })
    return link
  }

  function untilReady({ ready }: RedisLink): Promise<void> | undefined {
    if (ready) return undefined
    return new Promise((resolve) => {
      const timer = setTimeout(go, SIDE_TIMEOUT_MS)
      function go(): void {
        clearTimeout(timer)
        waiting.delete(go)
        resolve()
      }
      waiting.add(go)
    })
  }

  async function sendNow(commands: readonly RedisCommand[]): Promise<readonly RedisResult[]> {
    if (closed) return commands.map(() => CLOSED)
    const own = opened()
    await untilReady(own)
    return own.send(commands)
  }

  return {
    get losses() {
      return losses
    },
    send(commands) {
      const results = turn.then(() => sendNow(commands))
      turn = results
      return results
    },
    reconnect: () => link?.reconnect(),
    async close() {
      closed = true
      wake()
      await link?.close()
    },
  }
}

const CLOSED: RedisResult = { kind: 'unsent', message: 'the connection is closed' }
