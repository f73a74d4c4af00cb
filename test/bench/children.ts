import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export interface ChildOptions {
  /** Default: this Node. */
  readonly command?: string | undefined
  /** Script, then its arguments; before it what a runtime's own command line has. */
  readonly args: readonly string[]
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
}

/** A server that was started here. */
export interface Child {
  readonly pid: number
  /** Origin of its public listener. */
  readonly url: string
  /** SIGTERM, then waits for the end; SIGKILL when it takes too long. Throws if it ended badly. */
  stop(): Promise<void>
}

const READY_TIMEOUT_MS = 20_000
const STOP_TIMEOUT_MS = 10_000
const KEPT_LINES = 20
// A child that loses its parent ends at once, even if the parent was killed without warning.
const DIE_WITH_PARENT =
  "data:text/javascript,process.on('disconnect',()=>process.exit(1));process.channel.unref()"

const running = new Set<ChildProcess>()
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Starts Node, or another runtime, without waiting for anything. Its log arrives at `stderr`, which must be read. */
export function spawnNode({
  command,
  args,
  cwd,
  env,
}: ChildOptions): ChildProcess & { stderr: Readable } {
  const own = command === undefined ? ['--import', DIE_WITH_PARENT] : []
  const child = spawn(command ?? process.execPath, [...own, ...args], {
    cwd,
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'ignore', 'pipe', ...(command === undefined ? ['ipc' as const] : [])],
  }) as ChildProcess & { stderr: Readable }
  running.add(child)
  child.once('exit', () => running.delete(child))
  return child
}

/**
 * Starts a server and waits until its log says where it listens: a JSON line with `gatewayUrl`.
 * Throws with the end of the log if it does not come up.
 */
export async function startServer(options: ChildOptions): Promise<Child> {
  const child = spawnNode(options)
  const tail: string[] = []
  const ready = new Promise<string>((resolve) => {
    createInterface({ input: child.stderr }).on('line', (line) => {
      if (tail.push(line) > KEPT_LINES) tail.shift()
      const url = urlIn(line)
      if (url !== undefined) resolve(url)
    })
  })
  const end = new AbortController()
  try {
    const url = await Promise.race([
      ready,
      once(child, 'exit', { signal: end.signal }).then(() => undefined),
      timeout(READY_TIMEOUT_MS, end.signal),
    ])
    if (url === undefined || child.pid === undefined) {
      throw new Error(`Cannot start "${options.args.join(' ')}":\n${tail.join('\n')}`)
    }
    return { pid: child.pid, url, stop: () => stopChild(child, tail) }
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  } finally {
    end.abort()
  }
}

/** Ends a child as an operator would, and waits for it. */
export async function stopChild(child: ChildProcess, tail: readonly string[] = []): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    const impatience = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await exit
    clearTimeout(impatience)
  }
  if (child.exitCode !== 0 && child.signalCode !== 'SIGTERM') {
    const how = child.signalCode ?? child.exitCode
    throw new Error(`Cannot stop child ${child.pid} cleanly: ${how}\n${tail.join('\n')}`)
  }
}

/** For servers of the bench itself: tells the parent where this one listens. */
export function announce(port: number): void {
  process.stderr.write(`${JSON.stringify({ gatewayUrl: `http://127.0.0.1:${port}` })}\n`)
}

function urlIn(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const { gatewayUrl } = JSON.parse(line) as { gatewayUrl?: unknown }
    return typeof gatewayUrl === 'string' ? gatewayUrl : undefined
  } catch {
    return undefined
  }
}

function timeout(ms: number, signal: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms, undefined)
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
  })
}
