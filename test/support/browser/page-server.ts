import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/** The site that a test's page comes from. */
export interface PageServer {
  readonly port: number
  close(): Promise<void>
}

const FILES: ReadonlyMap<string, readonly [path: string, type: string]> = new Map([
  ['/', ['./page/index.html', 'text/html; charset=utf-8']],
  ['/page.js', ['./page/page.js', 'text/javascript']],
  ['/upload-in-browser.js', ['../../../config/examples/upload-in-browser.js', 'text/javascript']],
])

/** Serves the files of `page/` and the example that they use on a free loopback port, nothing else. */
export async function openPageServer(): Promise<PageServer> {
  const server = createServer(async (request, response) => {
    const file = FILES.get(request.url ?? '')
    if (file === undefined) {
      response.writeHead(404).end()
      return
    }
    const [path, type] = file
    const text = await readFile(new URL(path, import.meta.url))
    response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(text)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}
