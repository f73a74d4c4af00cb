import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Programs of the runtimes beside Node, or why this machine cannot have them; one line for people. */
export type Runtimes =
  | { kind: 'runtimes'; bun: string; deno: string; workerd: string }
  | { kind: 'unavailable'; reason: string }

const FOLDER = join(import.meta.dirname, 'binaries')
const INSTALL_TIMEOUT_MS = 300_000

/**
 * Finds Bun, Deno and workerd; installs exactly what `binaries/package-lock.json` names first, unless that
 * is there already. No install script runs: the programs are taken from the packages of this platform.
 * Some 20 s with the installation. SIGNET_RUNTIMES is a `node_modules` to take them from instead.
 */
export async function ensureRuntimes(): Promise<Runtimes> {
  const given = process.env.SIGNET_RUNTIMES ?? ''
  const modules = given === '' ? join(FOLDER, 'node_modules') : given
  if (given === '') {
    const reason = await install(modules)
    if (reason !== undefined) return { kind: 'unavailable', reason }
  }
  const [bun, deno, workerd] = [BUN, DENO, WORKERD].map((names) =>
    names.map((name) => join(modules, name)).find(existsSync),
  )
  if (bun === undefined || deno === undefined || workerd === undefined) {
    const where = `${process.platform} ${process.arch}`
    return { kind: 'unavailable', reason: `their packages have no programs for ${where}` }
  }
  return { kind: 'runtimes', bun, deno, workerd }
}

const { platform } = process
const arm = process.arch === 'arm64'
const glibc = platform === 'linux' ? '-glibc' : ''

// What the install script of Bun leaves, and where the packages themselves have it.
const BUN = [`@oven/bun-${platform}-${arm ? 'aarch64' : 'x64'}/bin/bun`, 'bun/bin/bun.exe']
const DENO = [`@deno/${platform}-${arm ? 'arm64' : 'x64'}${glibc}/deno`, 'deno/deno']
const WORKERD = [`@cloudflare/workerd-${platform}-${arm ? 'arm64' : '64'}/bin/workerd`]

/** Answers why not, where it does not work. */
async function install(modules: string): Promise<string | undefined> {
  const lockfile = await readFile(join(FOLDER, 'package-lock.json'))
  const wanted = createHash('sha256').update(lockfile).digest('hex')
  const stamp = join(modules, '.installed')
  if (existsSync(stamp) && (await readFile(stamp, 'utf8')) === wanted) return undefined
  process.stderr.write('Installing the runtimes that tests start gateways on (once) …\n')
  const script = process.env.npm_execpath
  const [command, first] = script === undefined ? ['npm', []] : [process.execPath, [script]]
  const options = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = spawn(command, [...first, ...options], {
    cwd: FOLDER,
    env: environmentForNpm(),
    stdio: ['ignore', 2, 2],
    timeout: INSTALL_TIMEOUT_MS,
  })
  const ended = await once(npm, 'close').catch((error: unknown) => [String(error)])
  if (ended[0] !== 0) return `npm cannot install them: it ended with ${ended[0]}`
  await writeFile(stamp, wanted)
  return undefined
}

// `npm run` hands its own place down; the inner npm would take the project for its own.
function environmentForNpm(): NodeJS.ProcessEnv {
  const { npm_config_local_prefix: _, ...env } = process.env
  return env
}
