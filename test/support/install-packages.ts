import { execFile } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const APT_TIMEOUT_MS = 300_000

/**
 * Installs Debian packages and what they need; no service of theirs starts. Answers nothing when that
 * worked, else one line for people that says why not, beginning with `what` is missing.
 */
export async function installPackages(
  what: string,
  packages: readonly string[],
): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return `${what} is not installed, and only root can install it`
  try {
    // A fresh machine has no lists of packages yet, and an old one has old ones.
    await apt('install', packages).catch(async () => {
      await apt('update', [])
      await apt('install', packages)
    })
    return undefined
  } catch (error) {
    return `apt-get cannot install ${what}: ${lastLine(error)}`
  }
}

// Two test runs may start on a fresh machine: the second waits for the first, and then finds all done.
async function apt(verb: 'install' | 'update', packages: readonly string[]): Promise<void> {
  const lock = ['-w', '240', join(tmpdir(), 'signet-test-apt.lock')]
  const wanted = verb === 'install' ? ['-y', '--no-install-recommends', ...packages] : []
  await run('flock', [...lock, 'apt-get', '-q', '-o', 'DPkg::Lock::Timeout=180', verb, ...wanted], {
    timeout: APT_TIMEOUT_MS,
    // RUNLEVEL: no service of the packages starts.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  })
}

function lastLine(error: unknown): string {
  const said = error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : ''
  return said.split('\n').at(-1) || String(error)
}
