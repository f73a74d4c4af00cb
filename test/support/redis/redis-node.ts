import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../free-port.ts'
import { openTemporaryDirectory, type TemporaryDirectory } from '../stores/temporary-directory.ts'
import { until } from '../until.ts'
import { type GuardedProcess, startGuarded } from './guarded-process.ts'
import {
  type RedisCommand,
  type RedisReply,
  type RedisTarget,
  sendCommand,
  sendPipeline,
} from './resp-client.ts'

/** How a node is started again. */
export interface RestartOptions {
  /** More settings for this one start, such as `['--key-load-delay', '200']`. */
  arguments?: readonly string[]
  /** Wait until its data are loaded (the default), or only until it answers `LOADING`. */
  until?: 'loaded' | 'answering'
}

/** A running redis-server, as data node, cluster node or sentinel; it ends with this process. */
export interface RedisNode extends AsyncDisposable {
  host: '127.0.0.1'
  /** Below 32,000; the TLS port where the node has TLS. Stays the same through restarts. */
  port: number
  /** The node's own folder: data, `redis.conf`, log. Gone after `close()`. */
  directory: string
  /** Of the redis-server process that was started last. */
  readonly pid: number
  /** False once it has ended, and while a SIGSTOP holds it. */
  readonly isRunning: boolean
  /**
   * Sends a signal, default SIGKILL, and waits for its effect: the end, or for SIGSTOP the stop.
   * SIGCONT lets a stopped one go on.
   */
  kill(signal?: NodeJS.Signals): Promise<void>
  /**
   * Starts it again on the same port and folder, killing it before (SIGKILL) if it runs: what an
   * append-only file or a snapshot holds is loaded again, all else is lost.
   */
  restart(options?: RestartOptions): Promise<void>
  /**
   * One administrator's command on a connection of its own; throws `RedisError` on an error reply.
   * A WAIT alone waits for nothing: it concerns the writes of its own connection. See `pipeline`.
   */
  command(...command: RedisCommand): Promise<RedisReply>
  /** Commands at once on one connection; an error reply stands among the others as `RedisError`. */
  pipeline(...commands: readonly RedisCommand[]): Promise<RedisReply[]>
  /** The lines of one section of INFO, by name. */
  info(section: string): Promise<Record<string, string>>
  /** All that it has logged since it was opened. */
  log(): Promise<string>
  /** Kills it and removes its folder. Repeating it is safe. */
  close(): Promise<void>
}

/** What distinguishes the nodes: the lines of `redis.conf`, how to ask, how to start. */
export interface RedisNodePlan {
  /** Called with the drawn port and the folder. May be called again with others. */
  configure(port: number, directory: string): Promise<readonly string[]> | readonly string[]
  /** How an administrator gets in; asked after `configure`. Default: without a password. */
  target?(port: number): RedisTarget
  /** Starts it as a sentinel. Default false. */
  sentinel?: boolean
}

const MAX_PORT_DRAWS = 5

/** Starts a node and waits until it answers. Throws with its log when it does not start. */
export async function openRedisNode(plan: RedisNodePlan): Promise<RedisNode> {
  for (let draw = 1; ; draw += 1) {
    const directory = await openTemporaryDirectory()
    try {
      return await openNodeIn(plan, directory, await freePort())
    } catch (error) {
      await directory.close()
      const portWasTaken = error instanceof Error && /Address already in use/.test(error.message)
      if (!portWasTaken || draw === MAX_PORT_DRAWS) throw error
    }
  }
}

async function openNodeIn(
  plan: RedisNodePlan,
  directory: TemporaryDirectory,
  port: number,
): Promise<RedisNode> {
  const path = directory.path
  const conf = join(path, 'redis.conf')
  const lines = await plan.configure(port, path)
  await writeFile(conf, `${lines.join('\n')}\n`)
  const target = plan.target?.(port) ?? { port }
  const logPath = join(path, 'redis.log')
  const log = () => readFile(logPath, 'utf8')

  const start = async ({ arguments: more = [], until: state = 'loaded' }: RestartOptions = {}) => {
    const mode = plan.sentinel === true ? ['--sentinel'] : []
    const started = await startGuarded(['redis-server', conf, ...mode, ...more], logPath)
    await untilReady(started, target, state).catch(async (error: unknown) => {
      await started.kill('SIGKILL')
      const why = (await log()).split('\n').slice(-12).join('\n')
      throw new Error(`Cannot start Redis on port ${port}: ${why}`, { cause: error })
    })
    return started
  }

  let running = await start()
  const close = async () => {
    await running.kill('SIGKILL')
    await directory.close()
  }
  return {
    host: '127.0.0.1',
    port,
    directory: path,
    get pid() {
      return running.pid
    },
    get isRunning() {
      return !running.hasEnded && !running.isStopped
    },
    kill: (signal = 'SIGKILL') => running.kill(signal),
    async restart(options) {
      await running.kill('SIGKILL')
      running = await start(options)
    },
    command: (...command) => sendCommand(target, command),
    pipeline: (...commands) => sendPipeline(target, commands),
    info: (section) => readInfo(target, section),
    log,
    close,
    [Symbol.asyncDispose]: close,
  }
}

/** The process id tells our server from another that took the port between our draw and its start. */
async function untilReady(
  started: GuardedProcess,
  target: RedisTarget,
  state: 'loaded' | 'answering',
): Promise<void> {
  const ready = until('Redis answers', async () => {
    if (started.hasEnded) return true
    const { process_id: pid } = await readInfo(target, 'server', 1_000)
    if (Number(pid) !== started.pid) return false
    return state === 'answering' || (await sendCommand(target, ['PING'], 1_000)) === 'PONG'
  })
  await Promise.race([ready, started.ended])
  if (started.hasEnded) throw new Error('Cannot wait until Redis answers: it has ended')
}

async function readInfo(
  target: RedisTarget,
  section: string,
  timeoutMs?: number,
): Promise<Record<string, string>> {
  const text = String(await sendCommand(target, ['INFO', section], timeoutMs))
  const lines = text.matchAll(/^([^#:\r\n]+):(.*?)\r?$/gm)
  return Object.fromEntries([...lines].map(([, name, value]) => [name ?? '', value ?? '']))
}
