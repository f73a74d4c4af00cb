import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** What a test run knows of the machine's Redis; `global-setup.ts` finds it out. */
export type SharedRedis =
  | { kind: 'redis'; version: string }
  /** Not installed and not installable; `reason` is one line for people. */
  | { kind: 'unavailable'; reason: string }

const run = promisify(execFile)
const APT_TIMEOUT_MS = 300_000

/**
 * Makes sure that redis-server and redis-cli are there; installs them first when they are missing
 * and we are root on Debian. No server starts. 10 ms, some 5 s with the installation.
 */
export async function ensureRedis(): Promise<SharedRedis> {
  const found = await installedVersion()
  if (found !== undefined) return { kind: 'redis', version: found }
  if (process.getuid?.() !== 0) {
    return unavailable('Redis is not installed, and only root can install it')
  }
  try {
    // A fresh machine has no lists of packages yet, and an old one has old ones.
    await apt('install').catch(async () => {
      await apt('update')
      await apt('install')
    })
  } catch (error) {
    return unavailable(`apt-get cannot install Redis: ${lastLine(error)}`)
  }
  const version = await installedVersion()
  if (version === undefined) return unavailable('the package redis-server brings no program')
  return { kind: 'redis', version }
}

function unavailable(reason: string): SharedRedis {
  return { kind: 'unavailable', reason }
}

/** `7.0.15`, or undefined where one of the two programs is missing. */
async function installedVersion(): Promise<string | undefined> {
  try {
    await run('redis-cli', ['--version'])
    const { stdout } = await run('redis-server', ['--version'])
    return /v=(\S+)/.exec(stdout)?.[1]
  } catch {
    return undefined
  }
}

// Two test runs may start on a fresh machine: the second waits for the first, and then finds all
// done. The package depends on redis-tools, and a sentinel is redis-server by another name.
async function apt(what: 'install' | 'update'): Promise<void> {
  const lock = ['-w', '240', join(tmpdir(), 'signet-test-apt.lock')]
  const packages = what === 'install' ? ['-y', '--no-install-recommends', 'redis-server'] : []
  await run(
    'flock',
    [...lock, 'apt-get', '-q', '-o', 'DPkg::Lock::Timeout=180', what, ...packages],
    {
      timeout: APT_TIMEOUT_MS,
      // RUNLEVEL: no service of the packages starts.
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
    },
  )
}

function lastLine(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
  return said.split('\n').at(-1) || String(error)
}
