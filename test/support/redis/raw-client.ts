import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** A bare TCP connection on loopback that writes down what becomes of it. */
export interface RawClient {
  socket: Socket
  /** All that it got so far, as UTF-8. */
  received(): string
  /** How the connection ended, once it has: the code of its error, or `closed`. */
  ended(): string | undefined
}

/** Connects; throws when it cannot. */
export async function openRawClient(port: number): Promise<RawClient> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  let received = ''
  let ended: string | undefined
  socket.on('data', (chunk) => {
    received += chunk
  })
  socket.on('error', (error: NodeJS.ErrnoException) => {
    ended = error.code
  })
  socket.on('close', () => {
    ended ??= 'closed'
  })
  await once(socket, 'connect')
  return { socket, received: () => received, ended: () => ended }
}
