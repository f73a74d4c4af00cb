import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A TCP proxy on a port of its own that forwards every byte as it is, and notes what it is asked. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number
  /** Method and `Host` of each request so far, as in `PUT files.example:9000`. */
  readonly asked: readonly string[]
}

/** Opens one on a free port of `host`, 127.0.0.1 or ::1, that leads to the server of `target`. */
export async function openTcpProxy(target: string, host = '127.0.0.1'): Promise<TcpProxy> {
  const { hostname, port } = new URL(target)
  const sockets = new Set<Socket>()
  const asked: string[] = []
  const server = createServer((client) => {
    const store = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) })
    for (const socket of [client, store]) {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => socket.destroy())
    }
    client.on('data', (bytes: Buffer) => {
      const heads = bytes.toString('latin1').matchAll(REQUEST)
      for (const [, method, name] of heads) asked.push(`${method} ${name}`)
    })
    client.pipe(store)
    store.pipe(client)
  })
  server.listen(0, host)
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** A request's head, as far as it comes in one piece: clients of tests send it so. */
const REQUEST = /([A-Z]+) \/\S* HTTP\/1\.1\r\n(?:[^\r\n]+\r\n)*?host: ([^\r\n]+)\r\n/gi
