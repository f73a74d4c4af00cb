import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { until } from './until.ts'

/** A round-robin proxy over gateways that say they are ready; it repeats nothing by itself. */
export interface Balancer extends AsyncDisposable {
  readonly url: string
  /** Takes a gateway in, and waits until it is ready. */
  add(url: string): Promise<void>
  /** Forgets a gateway that has ended. */
  remove(url: string): void
  /** Requests that each gateway has answered since it was taken in, by URL. */
  readonly answered: ReadonlyMap<string, number>
}

/** Between two looks at a gateway's readiness, in milliseconds. */
const LOOK_MS = 50
const KEEP_ALIVE_MS = 120_000

interface Backend {
  readonly agent: Agent
  ready: boolean
}

/** Starts a balancer without gateways on a free loopback port; it answers 502 where one fails. */
export async function openBalancer(): Promise<Balancer> {
  const backends = new Map<string, Backend>()
  const answered = new Map<string, number>()
  let turn = 0
  let closed = false

  function next(): [string, Backend] | undefined {
    const ready = [...backends].filter(([, backend]) => backend.ready)
    turn += 1
    return ready[turn % ready.length]
  }

  function forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const [url, backend] = next() ?? []
    if (url === undefined || backend === undefined) {
      outgoing.writeHead(502).end('{}')
      return
    }
    const { method = 'GET', url: path = '/', headers } = incoming
    const sent = request(`${url}${path}`, { agent: backend.agent, method, headers })
    sent.on('response', (response) => {
      const { connection, ...others } = response.headers
      outgoing.writeHead(response.statusCode ?? 502, others)
      response.pipe(outgoing)
      response.on('error', () => outgoing.destroy())
      answered.set(url, (answered.get(url) ?? 0) + 1)
    })
    sent.on('error', (error) =>
      outgoing.writeHead(502).end(JSON.stringify({ code: String(error) })),
    )
    incoming.pipe(sent)
  }

  async function watch(url: string, backend: Backend): Promise<void> {
    while (!closed && backends.get(url) === backend) {
      const status = await fetch(`${url}/readyz`).then(
        async (response) => {
          await response.text()
          return response.status
        },
        () => 0,
      )
      backend.ready = status === 200
      await pause(LOOK_MS)
    }
  }

  const server = createServer(forward)
  // An idle connection that ends just as a client takes it would look like a failed request.
  server.keepAliveTimeout = KEEP_ALIVE_MS
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const watching: Promise<void>[] = []
  return {
    url: `http://127.0.0.1:${port}`,
    answered,
    async add(url) {
      const backend = { agent: new Agent({ keepAlive: true }), ready: false }
      backends.set(url, backend)
      watching.push(watch(url, backend))
      await until('the gateway is ready', async () => backend.ready, 20_000)
    },
    remove(url) {
      backends.get(url)?.agent.destroy()
      backends.delete(url)
      // The next one may get the same port.
      answered.delete(url)
    },
    async [Symbol.asyncDispose]() {
      closed = true
      await Promise.all(watching)
      for (const { agent } of backends.values()) agent.destroy()
      server.close()
      server.closeAllConnections()
    },
  }
}
