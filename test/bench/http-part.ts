import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { initialise } from '../ledger/redis-fixture.ts'
import { openRedisServer } from '../support/redis/redis-server.ts'
import { requireRedis } from './bench-redis.ts'
import { type Child, type ChildOptions, startServer } from './children.ts'
import { figuresOf, type Report } from './figure.ts'
import { prepareGateway } from './gateway-process.ts'
import { load, sendOnce, type Target } from './load.ts'
import { ensurePeers } from './peers.ts'
import { interleave } from './rounds.ts'
import { temporaryFolder } from './workspace.ts'

const ROUNDS = 9
const ROUND_SECONDS = 2
const WARM_UP_SECONDS = 5
const UPLOAD = {
  bucket: 'media',
  filename: 'cat.jpg',
  sizeBytes: 12_345,
  contentType: 'image/jpeg',
}
// A gateway that serves uploads joins here with its state; the baselines are the same for all.
const gateways = (redisPort: number) => [
  { name: 'http.uploads.memory', state: 'memory:' },
  { name: 'http.uploads.sqlite', state: 'sqlite:./signet.db' },
  { name: 'http.uploads.redis', state: `redis://127.0.0.1:${redisPort}` },
]
const BASELINES = ['http.echo', 'http.companion']

/**
 * Whole requests over loopback: the gateway with each ledger, the bare framework and Uppy Companion,
 * each in a process of its own, all up all the time, loaded one at a time in turns.
 */
export async function httpPart(report: Report): Promise<void> {
  ensurePeers()
  await requireRedis()
  const folder = temporaryFolder()
  await using servers = new AsyncDisposableStack()
  async function start(options: ChildOptions): Promise<Child> {
    const child = await startServer(options)
    servers.defer(() => child.stop())
    return child
  }
  const targets = new Map<string, Target>()
  // Of one server alone the gateway wants that it has all on disk before it answers.
  const redis = servers.use(await openRedisServer({ appendOnly: 'always' }))
  await initialise(redis.port)
  const uploads = gateways(redis.port)
  for (const { name, state } of uploads) {
    const { child, apiKey } = prepareGateway(folder, { name, state })
    const { url } = await start(child)
    const authorization = { authorization: `Bearer ${apiKey}` }
    targets.set(name, postJson(`${url}/v1/uploads`, authorization))
  }
  targets.set('http.echo', await startEcho(start, folder, await answerOf(targets)))
  targets.set('http.companion', await startCompanion(start, folder))

  for (const target of targets.values()) {
    await sendOnce(target)
    await load(target, WARM_UP_SECONDS)
  }
  const contenders = [...targets].map(([name, target]) => ({
    name,
    run: () => load(target, ROUND_SECONDS),
  }))
  const measured = await interleave(contenders, ROUNDS)
  const unit = 'per second'
  for (const { name } of uploads) {
    for (const figure of figuresOf(measured, { name, unit, baselines: BASELINES })) report(figure)
  }
  for (const name of BASELINES) {
    for (const figure of figuresOf(measured, { name, unit })) report(figure)
  }
}

type Start = (options: ChildOptions) => Promise<Child>

async function startEcho(start: Start, cwd: string, answer: string): Promise<Target> {
  const script = join(import.meta.dirname, 'echo-server.ts')
  const paddingBytes = Buffer.byteLength(answer) - JSON.stringify(UPLOAD).length
  const { url } = await start({ args: [script, String(paddingBytes)], cwd })
  return postJson(`${url}/echo`, {})
}

async function startCompanion(start: Start, parent: string): Promise<Target> {
  const cwd = join(parent, 'companion')
  mkdirSync(cwd)
  const { url } = await start({
    args: [join(import.meta.dirname, 'companion-server.ts'), cwd],
    cwd,
  })
  const query = new URLSearchParams({ filename: UPLOAD.filename, type: UPLOAD.contentType })
  return { url: `${url}/s3/params?${query}`, method: 'GET' }
}

async function answerOf(targets: ReadonlyMap<string, Target>): Promise<string> {
  const [target] = targets.values()
  if (target === undefined) throw new Error('Cannot size the echo: there is no gateway')
  return sendOnce(target)
}

function postJson(url: string, headers: Readonly<Record<string, string>>): Target {
  return {
    url,
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(UPLOAD),
  }
}
