import { once } from 'node:events'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import type { Listen, Listening } from './listen.ts'

/** Header block, in bytes; above it Node answers 431 by itself. */
const MAX_HEADER_BYTES = 16_384
const MAX_HEADERS = 100
const MAX_REQUESTS_PER_SOCKET = 10_000

/** Listens with every bound set: headers, whole request, idle time, connections. */
export async function listenNode(
  ...[fetch, address, settings]: Parameters<Listen>
): Promise<Listening> {
  const server = createAdaptorServer({
    fetch,
    createServer,
    serverOptions: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: settings.headersTimeoutMs,
      requestTimeout: settings.requestTimeoutMs,
      keepAliveTimeout: settings.keepAliveTimeoutMs,
      connectionsCheckingInterval: Math.min(1_000, settings.headersTimeoutMs),
    },
  }) as Server
  // Without a listener Node cuts the connection of a CONNECT, and its sender never learns why.
  server.on('connect', (_request, socket) => {
    socket.on('error', () => socket.destroy())
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  server.maxHeadersCount = MAX_HEADERS
  server.maxRequestsPerSocket = MAX_REQUESTS_PER_SOCKET
  server.maxConnections = settings.maxConnections
  const unused = new Set<Socket>()
  server.on('connection', (socket) => {
    unused.add(socket)
    socket.once('close', () => unused.delete(socket))
  })
  server.on('request', ({ socket }) => unused.delete(socket))
  server.listen(address.port, address.host)
  try {
    await once(server, 'listening')
  } catch (cause) {
    const where = `${address.host ?? '*'}:${address.port}`
    const taken = (cause as { code?: string }).code === 'EADDRINUSE'
    throw new Error(`Cannot listen on ${where}${taken ? ': the port is taken' : ''}`, { cause })
  }
  return {
    address: server.address() as AddressInfo,
    async stop(drainMs, hurry) {
      const stopped = stop(server, drainMs)
      // Node does not count a connection as idle before its first request, and would wait for it.
      // Bun counts no bytes, so that a request may have come all the same.
      for (const socket of unused) if (socket.bytesRead === 0) socket.destroy()
      void hurry?.then(() => server.closeAllConnections())
      await stopped
    },
  }
}

async function stop(server: Server, drainMs: number): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve())
  })
  // Answers that are still to come say that the connection ends: a busy one is served on otherwise.
  server.prependListener('request', (_request, response: ServerResponse) => {
    response.setHeader('connection', 'close')
  })
  server.closeIdleConnections()
  const idle = setInterval(() => server.closeIdleConnections(), 50)
  const deadline = setTimeout(() => server.closeAllConnections(), drainMs)
  await closed
  clearInterval(idle)
  clearTimeout(deadline)
}
