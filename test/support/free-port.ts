import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

// Below Linux's range for outgoing connections, so that no client's socket sits on a chosen port.
export const PORT_MIN = 20_000
export const PORT_MAX = 32_000

/**
 * Draws a loopback port, 20,000 to 31,999, that nobody listens on. Somebody else may take it before
 * its user does: whoever binds it must be ready to draw again.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(PORT_MIN, PORT_MAX)
    if (await isFree(port)) return port
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
