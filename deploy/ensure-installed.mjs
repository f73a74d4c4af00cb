// Runs on Node 20 and up, before anything else is there: installs what the lockfile names, unless it
// is installed already. The `node` package among it brings the Node 24 that everything else runs on.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const stamp = join(root, 'node_modules', '.signet-installed')
const bundledNode = join(root, 'node_modules', 'node', 'bin', 'node')
const wanted = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex')
const oldNode = Number(process.versions.node.split('.')[0]) < 24

function npm(...args) {
  const script = process.env.npm_execpath
  const [command, first] = script === undefined ? ['npm', []] : [process.execPath, [script]]
  // All of npm's output goes to stderr: stdout belongs to the command that comes next.
  const { status } = spawnSync(command, [...first, ...args], { cwd: root, stdio: ['ignore', 2, 2] })
  if (status !== 0) {
    process.stderr.write(`Cannot install: npm ${args.join(' ')} failed\n`)
    process.exit(1)
  }
}

const installed = existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted
if (!installed) {
  process.stderr.write('Installing what package-lock.json names (once) …\n')
  npm('ci', '--no-audit', '--no-fund', '--loglevel=error')
  // A user's `ignore-scripts` would leave the one package without its binary whose script is allowed.
  if (oldNode && !existsSync(bundledNode)) npm('rebuild', 'node', '--ignore-scripts=false')
  if (oldNode && !existsSync(bundledNode)) {
    process.stderr.write(
      'Cannot install Node 24: use a machine that has it, or allow the script of "node"\n',
    )
    process.exit(1)
  }
  writeFileSync(stamp, wanted)
}
