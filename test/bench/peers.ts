import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const folder = join(import.meta.dirname, 'peers')
const requirePeer = createRequire(join(folder, 'package.json'))
const INSTALL_TIMEOUT_MS = 300_000

/**
 * Installs what Signet is compared with into `peers/node_modules`, unless it is there already.
 * Exactly what the lockfile names, and no install script runs. npm's output goes to stderr.
 */
export function ensurePeers(): void {
  const lockfile = readFileSync(join(folder, 'package-lock.json'))
  const wanted = createHash('sha256').update(lockfile).digest('hex')
  const stamp = join(folder, 'node_modules', '.bench-installed')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return
  process.stderr.write('Installing the peers that the benchmarks compare with (once) …\n')
  const script = process.env.npm_execpath
  const [command, first] = script === undefined ? ['npm', []] : [process.execPath, [script]]
  const options = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const { status, error } = spawnSync(command, [...first, ...options], {
    cwd: folder,
    env: environmentForNpm(),
    stdio: ['ignore', 2, 2],
    timeout: INSTALL_TIMEOUT_MS,
  })
  if (status !== 0) {
    throw new Error(`Cannot install the peers: npm ended with ${status}`, { cause: error })
  }
  writeFileSync(stamp, wanted)
}

/** Loads a peer's module. Its types are the caller's claim: peers are not dependencies of ours. */
export function loadPeer<Module>(name: string): Module {
  return requirePeer(name) as Module
}

// `npm run` hands its own place down; the inner npm would take the project for its own.
function environmentForNpm(): NodeJS.ProcessEnv {
  const { npm_config_local_prefix: _, ...env } = process.env
  return env
}
