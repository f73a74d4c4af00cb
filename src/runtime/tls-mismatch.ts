import { connect } from 'node:net'
import { connect as connectSecurely } from 'node:tls'

/** How long a server may take to show what it speaks, in milliseconds. */
const PATIENCE_MS = 1_000

/**
 * Says that a server speaks TLS where we do not, or the other way round; `undefined` when it does not
 * show. Asked when a connection cannot be had: neither side says so by itself, a plain Redis waits for
 * the end of a line that never comes. Sends nothing secret, trusts nothing. Never throws.
 */
export async function tlsMismatch(
  { host, port }: { readonly host: string; readonly port: number },
  wantsTls: boolean,
): Promise<string | undefined> {
  const socket = wantsTls
    ? connect({ host, port }, () => socket.write('PING\r\n'))
    : connectSecurely({ host, port, rejectUnauthorized: false })
  const shows = await new Promise<boolean>((resolve) => {
    socket.setTimeout(PATIENCE_MS, () => resolve(false))
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(false))
    // Redis answers +PONG, or -NOAUTH.
    if (wantsTls) socket.on('data', (bytes) => resolve(/^[+-]/.test(bytes.toString('latin1'))))
    else socket.on('secureConnect', () => resolve(true))
  })
  socket.destroy()
  if (!shows) return undefined
  return wantsTls
    ? 'the server speaks no TLS: use redis: in "state", without "ledger.tls"'
    : 'the server speaks TLS alone: use rediss: in "state", or "ledger.tls"'
}
