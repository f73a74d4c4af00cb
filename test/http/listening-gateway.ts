import type { AppContext } from '../../src/http/app-context.ts'
import { listenNode } from '../../src/runtime/listen-node.ts'
import { sendRaw } from '../support/raw-http.ts'
import type { TestGatewayOptions } from '../support/test-gateway.ts'
import { openWatchedGateway, type WatchedGateway } from '../support/watched-gateway.ts'

/** A gateway behind its real listeners, for rows about bytes on the wire. */
export interface ListeningGateway extends WatchedGateway {
  readonly port: number
  readonly adminPort: number
  /** The `Authorization` line of alice. */
  readonly authorization: string
  /** Sends these lines and the body as they are and reads one answer; the request must end it. */
  send(lines: readonly string[], body?: string): Promise<Response>
}

/** Lines that most requests have: a host, and the wish to be alone on the connection. */
export const HOST = 'Host: 127.0.0.1'
export const CLOSE = 'Connection: close'

/** Opens a gateway whose public and admin applications listen on loopback. */
export async function openListeningGateway(
  options: TestGatewayOptions = {},
): Promise<ListeningGateway> {
  const gateway = await openWatchedGateway(options)
  const { server } = gateway.context.config
  const loopback = { host: '127.0.0.1', port: 0 }
  const api = await listenNode(gateway.app.fetch, loopback, server)
  const admin = await listenNode(gateway.admin.fetch, loopback, server)
  return {
    ...gateway,
    port: api.address.port,
    adminPort: admin.address.port,
    authorization: `Authorization: Bearer ${gateway.key()}`,
    send: (lines, body = '') => sendRaw(api.address.port, requestOf(lines, body)),
    async close() {
      await Promise.all([api.stop(0), admin.stop(0)])
      await gateway.close()
    },
  }
}

/** A request of these lines, with CRLF behind each. */
export function requestOf(lines: readonly string[], body = ''): string {
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}

/** The context of a gateway whose members a test may replace. */
export function replace(gateway: WatchedGateway, members: Partial<AppContext>): void {
  Object.assign(gateway.context, members)
}
