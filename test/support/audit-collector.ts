import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { AuditEvent } from '../../src/audit/port.ts'

/** One post, as it came. */
export interface Posted {
  readonly method: string
  readonly target: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
  readonly events: readonly AuditEvent[]
}

/**
 * What the collector does with a post that it has read: answers with a status; takes it and cuts the
 * connection; or takes it and says nothing, or goes on saying something for ever.
 */
export type CollectorMode = number | 'cut' | 'silent' | 'endless'

/** A place that audit events are posted to, on a port of its own. */
export interface AuditCollector extends AsyncDisposable {
  /** Ends in `/ingest?key=…`: a query that lets events in. */
  readonly url: string
  readonly posts: readonly Posted[]
  /** Every event once, by the key of its post, in the order in which they came. */
  events(): readonly AuditEvent[]
  answer(mode: CollectorMode): void
  /** Connections that are open. */
  connections(): Promise<number>
  /** Stops listening, and listens on the same port again. */
  goAway(): Promise<void>
  comeBack(): Promise<void>
}

/** What no log may show. */
export const COLLECTOR_KEY = 'c4n4ry-of-the-query'

/** Starts a collector on a free loopback port; it answers 204. */
export async function startAuditCollector(): Promise<AuditCollector> {
  let mode: CollectorMode = 204
  const posts: Posted[] = []
  const open = async (port: number) => {
    const server = createServer((request, response) => {
      void text(request).then((body) => {
        const { method = '', url: target = '', headers } = request
        const lines = body.split('\n').slice(0, -1)
        const events = lines.map((line) => JSON.parse(line) as AuditEvent)
        posts.push({ method, target, headers, body, events })
        respond(response, mode)
      })
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return server
  }
  let server = await open(0)
  const { port } = server.address() as AddressInfo
  const close = async () => {
    if (!server.listening) return
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  return {
    url: `http://127.0.0.1:${port}/ingest?key=${COLLECTOR_KEY}`,
    posts,
    events() {
      const byKey = new Map(posts.map((post) => [post.headers['idempotency-key'], post.events]))
      return [...byKey.values()].flat()
    },
    answer(next) {
      mode = next
    },
    connections: () =>
      new Promise((resolve, reject) => {
        server.getConnections((error, count) => (error ? reject(error) : resolve(count)))
      }),
    goAway: close,
    async comeBack() {
      server = await open(port)
    },
    [Symbol.asyncDispose]: close,
  }
}

function respond(response: ServerResponse, mode: CollectorMode): void {
  if (mode === 'cut') response.destroy()
  else if (mode === 'endless') response.writeHead(200).write('so much to say ')
  else if (mode !== 'silent') response.writeHead(mode, { location: '/elsewhere' }).end()
}
