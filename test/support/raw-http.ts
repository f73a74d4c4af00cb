import { once } from 'node:events'
import { connect } from 'node:net'

/**
 * Sends bytes to a loopback port exactly as they are and reads one answer until the server closes, so
 * the request must say `Connection: close`. For targets and headers that `fetch` would repair.
 */
export async function sendRaw(port: number, request: string | Uint8Array): Promise<Response> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.write(request)
  await once(socket, 'close')
  const answer = Buffer.concat(chunks).toString('latin1')
  const end = answer.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = answer.slice(0, end).split('\r\n')
  const headers = new Headers()
  for (const line of lines) {
    const at = line.indexOf(':')
    headers.append(line.slice(0, at), line.slice(at + 1).trim())
  }
  const status = Number(statusLine.split(' ')[1])
  const raw = answer.slice(end + 4)
  const text = headers.get('transfer-encoding') === 'chunked' ? unchunked(raw) : raw
  const empty = [204, 304].includes(status)
  const body = empty ? null : Buffer.from(text, 'latin1')
  return new Response(body, { status, headers })
}

function unchunked(text: string): string {
  const at = text.indexOf('\r\n')
  const size = Number.parseInt(text.slice(0, at), 16)
  if (at < 0 || size === 0) return ''
  const begin = at + 2
  return text.slice(begin, begin + size) + unchunked(text.slice(begin + size + 2))
}
