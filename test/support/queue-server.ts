import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What stands behind a queue binding of plain workerd. */
export interface QueueServer extends AsyncDisposable {
  readonly url: string
  /** Bodies of the messages so far, in order. */
  readonly messages: readonly Record<string, unknown>[]
  /** Batches that are kept waiting. */
  readonly waiting: number
  /** What becomes of the next batches: taken, refused, or kept waiting until it is said otherwise. */
  behave(how: 'takes' | 'refuses' | 'waits'): void
}

/** Without it workerd takes nothing for sent. */
const metrics = { backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: 0 }
const ANSWER = JSON.stringify({ metadata: { metrics } })

/** Starts it on a port of its own. It takes whatever it is sent. */
export async function startQueueServer(): Promise<QueueServer> {
  const messages: Record<string, unknown>[] = []
  let behaviour: 'takes' | 'refuses' | 'waits' = 'takes'
  let waiting = 0
  let changed = Promise.withResolvers<void>()
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    waiting += 1
    while (behaviour === 'waits') await changed.promise
    waiting -= 1
    if (behaviour === 'refuses') {
      response.writeHead(500).end()
      return
    }
    const batch = JSON.parse(Buffer.concat(chunks).toString()) as { messages: { body: string }[] }
    for (const { body } of batch.messages) {
      messages.push(JSON.parse(Buffer.from(body, 'base64').toString()))
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    messages,
    get waiting() {
      return waiting
    },
    behave(how) {
      behaviour = how
      changed.resolve()
      changed = Promise.withResolvers<void>()
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
