import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const TMPFS_MAGIC = 0x01021994

/** A folder that goes with the process, however that ends short of SIGKILL. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'signet-bench-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  if (process.platform === 'linux' && statfsSync(folder).type === TMPFS_MAGIC) {
    process.stderr.write(`Note: "${folder}" is in memory, so SQLite's fsync costs nothing here\n`)
  }
  return folder
}
