import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { freePort } from '../free-port.ts'
import {
  type FaultConnection,
  newTrafficCount,
  openFaultConnection,
  type TrafficCount,
} from './fault-connection.ts'
import { type FaultMode, seededRandom } from './fault-mode.ts'

/** Where a proxy leads. */
export interface FaultProxyOptions {
  /** A port of 127.0.0.1. Whether anybody listens there is asked anew for each connection. */
  targetPort: number
  /** Decides jitter and loss. Default: drawn; print `proxy.seed` where a test can fail by it. */
  seed?: number
}

/** A mode that needs no more than its name may be given as its name. */
export type WantedMode = FaultMode | Exclude<FaultMode['kind'], 'latency'>

/** A TCP proxy on loopback, in this process, between a client under test and a real server. */
export interface FaultProxy extends AsyncDisposable {
  port: number
  seed: number
  /** Where new connections lead; may be changed. */
  targetPort: number
  readonly mode: FaultMode
  /** Changes what happens to old and new connections; done when it resolves. See `FaultMode`. */
  setMode(mode: WantedMode): Promise<void>
  /** Connections accepted since the proxy was opened or `resetCounts()`, those reset included. */
  readonly connectionsOpened: number
  /** Answers swallowed or cut by `dropReply` and `cutReply` since then. */
  readonly faultsInjected: number
  /** What went through all connections since then. */
  traffic(): TrafficCount
  /** The same for each connection, oldest first; those of before `resetCounts()` stay out. */
  trafficByConnection(): readonly TrafficCount[]
  /** Counts from 0 again; open connections go on. */
  resetCounts(): void
  /** Resets all connections and ends. Repeating it is safe. */
  close(): Promise<void>
}

const MAX_PORT_DRAWS = 5
const DEFAULT_LOSS_HOLD_MS = 200

/** Opens a proxy in mode `pass` on a free port below 32,000. */
export async function openFaultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const { seed = randomInt(2 ** 32) } = options
  let { targetPort } = options
  const random = seededRandom(seed)
  const connections = new Set<FaultConnection>()
  let counted: TrafficCount[] = []
  let mode: FaultMode = { kind: 'pass' }
  let connectionsOpened = 0
  let faultsInjected = 0

  const source = {
    get mode() {
      return mode
    },
    delayMs: () => delayOf(mode, random),
    takeFault() {
      if (mode.kind !== 'dropReply' && mode.kind !== 'cutReply') return false
      const times = (mode.times ?? 1) - 1
      faultsInjected += 1
      change(times > 0 ? { ...mode, times } : { kind: 'pass' })
      return true
    },
  }
  // The connection that takes a fault is told of the change too, and knows that it is being cut.
  function change(next: FaultMode) {
    const isOther = next.kind !== mode.kind
    mode = next
    if (isOther) for (const connection of connections) connection.modeChanged()
  }
  const accept = (socket: Socket) => {
    connectionsOpened += 1
    if (mode.kind === 'reset') {
      socket.on('error', () => undefined)
      socket.resetAndDestroy()
      return
    }
    const connection = openFaultConnection(socket, targetPort, source)
    connections.add(connection)
    counted.push(connection.count)
    socket.on('close', () => {
      if (!connection.isOpen) connections.delete(connection)
    })
  }
  const resetAll = () => {
    for (const connection of connections) connection.reset()
    connections.clear()
  }

  const listener = createServer(accept)
  const port = await listenOnFreePort(listener)
  const close = async () => {
    await stopListening(listener, resetAll)
  }
  return {
    port,
    seed,
    get targetPort() {
      return targetPort
    },
    set targetPort(other) {
      targetPort = other
    },
    get mode() {
      return mode
    },
    async setMode(wanted) {
      const next = typeof wanted === 'string' ? { kind: wanted } : wanted
      change(next)
      if (next.kind === 'refuse') await stopListening(listener, resetAll)
      else if (!listener.listening) await listen(listener, port)
      if (next.kind === 'reset') resetAll()
    },
    get connectionsOpened() {
      return connectionsOpened
    },
    get faultsInjected() {
      return faultsInjected
    },
    traffic: () => sum(counted),
    trafficByConnection: () => counted.map((count) => ({ ...count })),
    resetCounts() {
      connectionsOpened = 0
      faultsInjected = 0
      for (const count of counted) Object.assign(count, newTrafficCount())
      counted = [...connections].map(({ count }) => count)
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function delayOf(mode: FaultMode, random: () => number): number {
  if (mode.kind !== 'latency') return 0
  const { ms = 0, jitterMs = 0, lossRate = 0, lossHoldMs = DEFAULT_LOSS_HOLD_MS } = mode
  const lostMs = lossRate > 0 && random() < lossRate ? lossHoldMs : 0
  return Math.max(0, ms + (random() * 2 - 1) * jitterMs) + lostMs
}

async function listenOnFreePort(listener: Server): Promise<number> {
  for (let draw = 1; ; draw += 1) {
    const port = await freePort()
    try {
      await listen(listener, port)
      return port
    } catch (error) {
      if (draw === MAX_PORT_DRAWS) throw error
    }
  }
}

async function listen(listener: Server, port: number): Promise<void> {
  listener.listen(port, '127.0.0.1')
  await once(listener, 'listening')
}

async function stopListening(listener: Server, resetAll: () => void): Promise<void> {
  if (!listener.listening) return
  const closed = once(listener, 'close')
  listener.close()
  resetAll()
  await closed
}

function sum(counts: readonly TrafficCount[]): TrafficCount {
  const total = newTrafficCount()
  for (const count of counts) {
    total.requestChunks += count.requestChunks
    total.requestBytes += count.requestBytes
    total.replyChunks += count.replyChunks
    total.replyBytes += count.replyBytes
    total.roundTrips += count.roundTrips
  }
  return total
}
