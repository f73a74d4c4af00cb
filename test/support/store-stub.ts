import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What the stub does with a request: answer with a status, or take it and never answer. */
export type StubMode = number | 'blackhole'

/** A store that is only there to be away: a server of node:http with a mode switch. */
export interface StoreStub extends AsyncDisposable {
  readonly url: string
  answer(mode: StubMode): void
  /** Requests so far. */
  requests(): number
  /** Connections so far. */
  connections(): number
}

/** Starts a stub on a free loopback port. */
export async function startStoreStub(first: StubMode): Promise<StoreStub> {
  let mode = first
  let requests = 0
  let connections = 0
  const server = createServer((_, response) => {
    requests += 1
    if (mode !== 'blackhole') response.writeHead(mode).end()
  })
  server.on('connection', () => {
    connections += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    answer(next) {
      mode = next
    },
    requests: () => requests,
    connections: () => connections,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
