import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A folder that goes with its owner. */
export interface TemporaryDirectory {
  path: string
  /** Removes the folder. Repeating it is safe. */
  close(): Promise<void>
}

/**
 * Makes an empty folder that is removed by `close()`, and also when this process is killed: a shell
 * waits for the end of its stdin, which the kernel closes with the process that holds it.
 */
export async function openTemporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'signet-test-'))
  const remover = spawn('sh', ['-c', 'cat; rm -rf -- "$0"', path], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  const removed = once(remover, 'close')
  return {
    path,
    async close() {
      remover.stdin.end()
      await removed
    },
  }
}
