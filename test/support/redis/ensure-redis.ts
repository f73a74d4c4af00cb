import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { installPackages } from '../install-packages.ts'

/** What a test run knows of the machine's Redis; `global-setup.ts` finds it out. */
export type SharedRedis =
  | { kind: 'redis'; version: string }
  /** Not installed and not installable; `reason` is one line for people. */
  | { kind: 'unavailable'; reason: string }

const run = promisify(execFile)

/**
 * Makes sure that redis-server and redis-cli are there; installs them first when they are missing
 * and we are root on Debian. No server starts. 10 ms, some 5 s with the installation.
 */
export async function ensureRedis(): Promise<SharedRedis> {
  const found = await installedVersion()
  if (found !== undefined) return { kind: 'redis', version: found }
  // The package depends on redis-tools, and a sentinel is redis-server by another name.
  const reason = await installPackages('Redis', ['redis-server'])
  if (reason !== undefined) return { kind: 'unavailable', reason }
  const version = await installedVersion()
  if (version !== undefined) return { kind: 'redis', version }
  return { kind: 'unavailable', reason: 'the package redis-server brings no program' }
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
