import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'

/** One part of a form: a field, or a file where it has a name. */
export interface FormPart {
  readonly name: string
  readonly value: string | Uint8Array
  readonly filename?: string
}

/** How the request around a form differs from a browser's. */
export interface FormOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** Sends the body in chunks, without a length. */
  readonly chunked?: boolean
}

/**
 * A POST of exactly these parts in this order by `node:http`, which adds, trims and sorts nothing,
 * unlike `FormData`. Answers the store's status.
 */
export async function sendFormParts(
  url: string,
  parts: readonly FormPart[],
  { headers = {}, chunked = false }: FormOptions = {},
): Promise<number> {
  const boundary = `form-${randomUUID()}`
  const body = Buffer.concat([
    ...parts.flatMap(({ name, value, filename }) => [
      Buffer.from(
        `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${
          filename === undefined ? '' : `; filename="${filename}"`
        }\r\n\r\n`,
      ),
      Buffer.from(value),
      Buffer.from('\r\n'),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ])
  const length = chunked ? {} : { 'content-length': String(body.length) }
  const type = { 'content-type': `multipart/form-data; boundary=${boundary}` }
  const sent = request(url, {
    method: 'POST',
    headers: { ...type, ...length, ...headers },
    agent: false,
  })
  const answered = once(sent, 'response') as Promise<[IncomingMessage]>
  if (chunked) {
    sent.write(body)
    sent.end()
  } else sent.end(body)
  const [response] = await answered
  const status = response.statusCode ?? 0
  sent.destroy()
  return status
}
