import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** What the raw store does with the socket once a request's head and body have come. */
export type RawReply = (socket: Socket) => void

/** A store that speaks HTTP only as far as a test wants it to. One request per connection. */
export interface RawStore extends AsyncDisposable {
  readonly url: string
  /** Chooses the reply to each request by its first line. */
  reply(choose: (requestLine: string) => RawReply): void
  /** First lines of the requests so far. */
  readonly asked: readonly string[]
}

/** Starts one on a free loopback port. It never answers until it is told what. */
export async function openRawStore(): Promise<RawStore> {
  let choose: (requestLine: string) => RawReply = () => () => {}
  const asked: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    let text = ''
    const take = (bytes: Buffer) => {
      text += bytes.toString('latin1')
      const end = text.indexOf('\r\n\r\n')
      const length = Number(/\ncontent-length: (\d+)/i.exec(text)?.[1] ?? 0)
      if (end < 0 || text.length < end + 4 + length) return
      socket.off('data', take)
      const requestLine = text.slice(0, text.indexOf('\r\n'))
      asked.push(requestLine)
      choose(requestLine)(socket)
    }
    socket.on('data', take)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    asked,
    reply(next) {
      choose = next
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** Sends bytes as they are and ends the connection. */
export function rawBytes(text: string): RawReply {
  return (socket) => socket.end(Buffer.from(text, 'latin1'))
}

/** Sends a head and a body; `content-length` is the body's unless the headers say otherwise. */
export function rawAnswer(
  status: number | string,
  headers: Readonly<Record<string, string>> = {},
  body = '',
): RawReply {
  const names = Object.keys(headers).map((name) => name.toLowerCase())
  const framed = names.includes('content-length') || names.includes('transfer-encoding')
  const all = { ...(!framed && { 'content-length': String(body.length) }), ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return rawBytes(`HTTP/1.1 ${status} Odd\r\nconnection: close\r\n${lines.join('')}\r\n${body}`)
}

/** Sends some bytes and resets the connection when they are on their way. */
export function rawReset(text: string): RawReply {
  return (socket) => {
    socket.write(Buffer.from(text, 'latin1'), () => setImmediate(() => socket.resetAndDestroy()))
  }
}
