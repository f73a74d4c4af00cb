import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureRuntimes } from '../runtime/binaries.ts'
import { type Child, type ChildOptions, startServer } from './children.ts'
import { figuresOf, type Report, rounded } from './figure.ts'
import { prepareGateway } from './gateway-process.ts'
import { load, send, sendOnce, type Target } from './load.ts'
import { ensurePeers } from './peers.ts'
import { interleave, median } from './rounds.ts'
import { temporaryFolder } from './workspace.ts'

const ROUNDS = 7
const ROUND_SECONDS = 2
const WARM_UP_SECONDS = 3
const STARTS = 5
/** After which memory is looked at, warm-up and rounds included or not. */
const REQUESTS = 100_000
const BASELINE = 'runtime.node.uploads'
const ENTRIES = join(import.meta.dirname, '../../src/runtime')
const UPLOAD = JSON.stringify({
  bucket: 'media',
  filename: 'cat.jpg',
  sizeBytes: 12_345,
  contentType: 'image/jpeg',
})

interface Runtime {
  readonly name: string
  /** How a gateway is started on it. */
  readonly start: Pick<ChildOptions, 'command' | 'args'>
}

/**
 * The same gateway on each runtime that has files and signals, ledger in SQLite: from the start of the
 * process to its first grant, grants a second side by side, and memory after 100,000 requests more.
 */
export async function runtimePart(report: Report): Promise<void> {
  ensurePeers()
  const runtimes = await runtimesHere()
  const folder = temporaryFolder()
  await using servers = new AsyncDisposableStack()
  const targets = new Map<string, Target>()
  const children = new Map<string, Child>()
  for (const runtime of runtimes) {
    const parent = join(folder, runtime.name)
    mkdirSync(parent)
    report({
      name: `runtime.${runtime.name}.coldMs`,
      value: rounded(await coldMs(runtime, parent)),
      unit: 'ms',
    })
    const { child, target } = await started(runtime, parent, 'loaded')
    servers.defer(() => child.stop())
    children.set(runtime.name, child)
    targets.set(`runtime.${runtime.name}.uploads`, target)
  }
  for (const target of targets.values()) await load(target, WARM_UP_SECONDS)
  const contenders = [...targets].map(([name, target]) => ({
    name,
    run: () => load(target, ROUND_SECONDS),
  }))
  const measured = await interleave(contenders, ROUNDS)
  for (const name of targets.keys()) {
    const baselines = name === BASELINE ? [] : [BASELINE]
    for (const figure of figuresOf(measured, { name, unit: 'per second', baselines })) {
      report(figure)
    }
  }
  for (const [name, child] of children) {
    const target = targets.get(`runtime.${name}.uploads`)
    if (target !== undefined) await send(target, REQUESTS)
    report({ name: `runtime.${name}.rssMegabytes`, value: rounded(rssOf(child)), unit: 'MB' })
  }
}

/** Median time from spawning the process to a grant. */
async function coldMs(runtime: Runtime, parent: string): Promise<number> {
  const tookMs: number[] = []
  // The first one also fetches the files from the disk, and compiles what is kept for the others.
  for (let count = 0; count <= STARTS; count += 1) {
    const startMs = performance.now()
    const { child, target } = await started(runtime, parent, `start-${count}`)
    await sendOnce(target)
    if (count > 0) tookMs.push(performance.now() - startMs)
    await child.stop()
  }
  return median(tookMs)
}

async function started(
  { start }: Runtime,
  parent: string,
  name: string,
): Promise<{ child: Child; target: Target }> {
  const { child: options, apiKey } = prepareGateway(parent, { name, state: 'sqlite:./signet.db' })
  const child = await startServer({ ...options, ...start })
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
  return {
    child,
    target: { url: `${child.url}/v1/uploads`, method: 'POST', headers, body: UPLOAD },
  }
}

async function runtimesHere(): Promise<Runtime[]> {
  // As `npm start` does it.
  const flags = ['--max-semi-space-size=4', '--import', join(ENTRIES, 'compile-cache.mjs')]
  const node: Runtime = { name: 'node', start: { args: [...flags, join(ENTRIES, 'node.ts')] } }
  const others = await ensureRuntimes()
  if (others.kind === 'unavailable') {
    throw new Error(`Cannot measure other runtimes than Node: ${others.reason}`)
  }
  const { bun, deno } = others
  const permissions = ['--allow-net', '--allow-read', '--allow-write', '--allow-env']
  return [
    node,
    { name: 'bun', start: { command: bun, args: [join(ENTRIES, 'bun.ts')] } },
    {
      name: 'deno',
      start: { command: deno, args: ['run', ...permissions, join(ENTRIES, 'deno.ts')] },
    },
  ]
}

/** Resident memory, in megabytes of 10^6 bytes, as Linux tells it. */
function rssOf({ pid }: Child): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kibibytes = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1])
  return (kibibytes * 1024) / 1e6
}
