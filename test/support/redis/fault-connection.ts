import { connect, type Socket } from 'node:net'
import { createDelayLine } from './delay-line.ts'
import { type FaultMode, matches } from './fault-mode.ts'

/** What went through one connection, or through all of a proxy. A chunk is one read of a socket. */
export interface TrafficCount {
  /** Chunks and bytes forwarded to the server. */
  requestChunks: number
  requestBytes: number
  /** Chunks and bytes forwarded to the client. */
  replyChunks: number
  replyBytes: number
  /** How often the server's turn followed the client's: a pipeline answered at once is one. */
  roundTrips: number
}

/** What a connection asks of its proxy. */
export interface FaultSource {
  readonly mode: FaultMode
  /** The delay of the next chunk, in milliseconds. */
  delayMs(): number
  /** Asks for leave to swallow or cut an answer; false once the mode's `times` are used up. */
  takeFault(): boolean
}

/** One client's connection with its own connection to the server. */
export interface FaultConnection {
  readonly count: TrafficCount
  readonly isOpen: boolean
  /** To be called after each change of the mode. */
  modeChanged(): void
  /** Resets both sides. Repeating it is safe. */
  reset(): void
}

// As long as a test may want to see that the swallowed command was executed.
const CUT_AFTER_MS = 30
const MAX_MATCHED_BYTES = 1_048_576

/** Takes over a client's socket and connects to the server on loopback. */
export function openFaultConnection(
  client: Socket,
  targetPort: number,
  source: FaultSource,
): FaultConnection {
  const server = connect({ host: '127.0.0.1', port: targetPort, noDelay: true })
  const lines = { toServer: createDelayLine(), toClient: createDelayLine() }
  const count = newTrafficCount()
  let unanswered: Buffer = Buffer.alloc(0)
  let isArmed = false
  let isCutting = false
  let hasHole = false
  let isClientsTurn = false

  const reset = () => {
    lines.toServer.clear()
    lines.toClient.clear()
    for (const socket of [client, server]) {
      // While a socket shuts down a reset fails, and its handle would stay and keep Node 24 busy.
      if (socket.writableEnded) socket.destroy()
      else socket.resetAndDestroy()
    }
  }
  const forwardRequest = (chunk: Buffer) => {
    count.requestChunks += 1
    count.requestBytes += chunk.length
    isClientsTurn = true
    server.write(chunk)
  }
  const forwardReply = (chunk: Buffer) => {
    count.replyChunks += 1
    count.replyBytes += chunk.length
    if (isClientsTurn) count.roundTrips += 1
    isClientsTurn = false
    client.write(chunk)
  }
  const cutReply = (chunk: Buffer) => {
    const isHalf = source.mode.kind === 'cutReply'
    if (!source.takeFault()) return false
    isCutting = true
    if (isHalf) forwardReply(chunk.subarray(0, Math.ceil(chunk.length / 2)))
    setTimeout(reset, CUT_AFTER_MS)
    return true
  }

  client.setNoDelay(true)
  // A reset by the peer. What follows from it is done on `close`, which comes next.
  client.on('error', () => undefined)
  server.on('error', () => undefined)
  client.on('data', (chunk) => {
    const { mode } = source
    if (mode.kind === 'blackhole') {
      hasHole = true
      return
    }
    if (mode.kind === 'dropReply' || mode.kind === 'cutReply') {
      unanswered = Buffer.concat([unanswered, chunk]).subarray(-MAX_MATCHED_BYTES)
      isArmed ||= matches(mode.when, unanswered)
    }
    lines.toServer.put(() => forwardRequest(chunk), source.delayMs())
  })
  server.on('data', (chunk) => {
    if (isSilent(source.mode)) hasHole = true
    unanswered = Buffer.alloc(0)
    if (hasHole || isCutting || (isArmed && cutReply(chunk))) return
    lines.toClient.put(() => forwardReply(chunk), source.delayMs())
  })
  // An end keeps its place behind the bytes before it: a held command arrives even when its client
  // has long given up.
  client.on('close', () => {
    if (source.mode.kind === 'blackhole') hasHole = true
    else lines.toServer.put(() => server.destroySoon(), source.delayMs())
  })
  server.on('close', () => {
    if (isSilent(source.mode)) hasHole = true
    else lines.toClient.put(() => client.destroySoon(), source.delayMs())
  })
  const modeChanged = () => {
    const { kind } = source.mode
    isArmed = false
    if (hasHole || kind === 'reset' || kind === 'refuse') reset()
    const isHeld = kind === 'hold'
    lines.toServer.hold(isHeld)
    lines.toClient.hold(isHeld)
  }
  modeChanged()
  return {
    count,
    get isOpen() {
      return !(client.destroyed && server.destroyed)
    },
    modeChanged,
    reset,
  }
}

/** Nothing has gone through yet. */
export function newTrafficCount(): TrafficCount {
  return { requestChunks: 0, requestBytes: 0, replyChunks: 0, replyBytes: 0, roundTrips: 0 }
}

function isSilent({ kind }: FaultMode): boolean {
  return kind === 'blackhole' || kind === 'oneWay'
}
