import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import type { GrantView } from './grants.ts'

/** How a PUT differs from the one that was granted. */
export interface PutOptions {
  /** Over those of the grant; `undefined` takes one out. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>
  readonly body?: Uint8Array | string
  /** Sends the body in chunks, without a length. */
  readonly chunked?: boolean
  /** Declares this length and waits for the answer before any byte of the body. */
  readonly declared?: number
}

/** A PUT by `node:http`, which sends what it is told, unlike `fetch`. Answers the store's status. */
export async function sendPut(
  grant: Pick<GrantView, 'url' | 'headers'>,
  { headers = {}, body = '', chunked = false, declared }: PutOptions = {},
): Promise<number> {
  const bytes = Buffer.from(body)
  const length = { 'content-length': String(declared ?? bytes.length) }
  const all = { ...grant.headers, ...(!chunked && length), ...headers }
  const wanted = Object.entries(all).filter((entry) => entry[1] !== undefined)
  const sent = request(grant.url, {
    method: 'PUT',
    headers: Object.fromEntries(wanted) as Record<string, string | string[]>,
    agent: false,
  })
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>
  if (declared !== undefined) sent.flushHeaders()
  else if (chunked) {
    sent.write(bytes)
    sent.end()
  } else sent.end(bytes)
  const [response] = await answered
  const status = response.statusCode ?? 0
  sent.destroy()
  return status
}
