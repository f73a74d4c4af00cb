import { once } from 'node:events'
import { get } from 'node:http'
import { createServer } from 'node:net'
import { type ChildOptions, spawnNode, stopChild } from './children.ts'
import { type Report, rounded } from './figure.ts'
import { prepareGateway } from './gateway-process.ts'
import { median } from './rounds.ts'
import { temporaryFolder } from './workspace.ts'

const STARTS = 9
const TIMEOUT_MS = 20_000
const PAUSE_MS = 2

/** From the start of the process to the first answer of `/healthz`, with the ledger in memory. */
export async function startPart(report: Report): Promise<void> {
  const folder = temporaryFolder()
  const tookMs: number[] = []
  for (let count = 0; count <= STARTS; count += 1) {
    const port = await freePort()
    const { child } = prepareGateway(folder, { name: `start-${count}`, state: 'memory:', port })
    const elapsedMs = await coldStartMs(child, port)
    // The first one also fetches the files from the disk, which is not ours to measure.
    if (count > 0) tookMs.push(elapsedMs)
  }
  report({ name: 'start.coldMs', value: rounded(median(tookMs)), unit: 'ms' })
}

async function coldStartMs(options: ChildOptions, port: number): Promise<number> {
  const startMs = performance.now()
  const child = spawnNode(options)
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text
  })
  while (!(await isHealthy(port))) {
    if (child.exitCode !== null || performance.now() - startMs > TIMEOUT_MS) {
      child.kill('SIGKILL')
      throw new Error(`Cannot start the gateway:\n${log}`)
    }
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
  }
  const elapsedMs = performance.now() - startMs
  await stopChild(child, [log])
  return elapsedMs
}

function isHealthy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: '/healthz', agent: false, timeout: TIMEOUT_MS }
    get(options, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    }).on('error', () => resolve(false))
  })
}

/** A port that was free a moment ago: asked of the system, so that no log has to be read. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('Cannot find a free port')
  return address.port
}
