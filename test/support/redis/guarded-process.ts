import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { until } from '../until.ts'

/** A process that cannot outlive this one, not even when this one is killed. */
export interface GuardedProcess {
  /** Of the program itself, not of a shell around it. */
  readonly pid: number
  /** Resolves once the program has ended in whatever way. */
  readonly ended: Promise<void>
  /** True from the moment its end is known here. */
  readonly hasEnded: boolean
  /** True from a SIGSTOP to the next SIGCONT. */
  readonly isStopped: boolean
  /**
   * Sends a signal and waits for its effect: for the end after SIGKILL, SIGTERM and SIGINT, for the
   * stop after SIGSTOP (Linux). A process that has ended is left alone.
   */
  kill(signal: NodeJS.Signals): Promise<void>
}

// The guard is a child in the program's own process group, and it waits for the end of a pipe that
// we hold: the kernel closes it with us. It ends the group by its id, which cannot belong to
// anybody else as long as the guard is in it. The program takes the place of the shell and so has
// the pid that we know.
const GUARD = 'exec 3<&0 </dev/null; (read -r _; kill -KILL -$$) <&3 3<&- & exec 3<&-; exec "$@"'

const ENDING: readonly NodeJS.Signals[] = ['SIGKILL', 'SIGTERM', 'SIGINT']

/** Starts `command`; what it prints is appended to the file `logPath`. */
export async function startGuarded(
  command: readonly [string, ...string[]],
  logPath: string,
): Promise<GuardedProcess> {
  await using log = await open(logPath, 'a')
  const child = spawn('sh', ['-c', GUARD, 'sh', ...command], {
    detached: true,
    stdio: ['pipe', log.fd, log.fd],
  })
  // Fails when the guard is gone already, and then there is nothing left to do.
  child.stdin?.on('error', () => undefined)
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  let isStopped = false
  const ended = once(child, 'exit').then(() => {
    child.stdin?.end()
  })
  await once(child, 'spawn')
  const pid = child.pid
  if (pid === undefined) throw new Error(`Cannot start "${command[0]}": it has no pid`)
  return {
    pid,
    ended,
    get hasEnded() {
      return hasEnded()
    },
    get isStopped() {
      return isStopped
    },
    async kill(signal) {
      if (hasEnded()) return
      if (signal === 'SIGSTOP' || signal === 'SIGCONT') isStopped = signal === 'SIGSTOP'
      child.kill(signal)
      if (ENDING.includes(signal)) await ended
      if (signal === 'SIGSTOP') await until('the process stops', () => standsStill(pid))
    },
  }
}

async function standsStill(pid: number): Promise<boolean> {
  if (process.platform !== 'linux') return true
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return /^State:\s+T/m.test(status)
}
