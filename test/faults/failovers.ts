import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ensureRedis } from '../support/redis/ensure-redis.ts'
import { type FaultMode, seededRandom } from '../support/redis/fault-mode.ts'
import type { FaultProxy } from '../support/redis/fault-proxy.ts'
import {
  type GatewayBeforeReplicas,
  openGatewayBeforeReplicas,
  rejoin,
} from '../support/redis/gateway-before-replicas.ts'
import { ledgerAtRest } from '../support/redis/ledger-at-rest.ts'
import type { RedisServer } from '../support/redis/redis-server.ts'
import { until } from '../support/until.ts'
import { keepAsking, type UploadLoad } from '../support/upload-load.ts'

const HELP = `npm run failovers [-- OPTIONS]

  --count N     kill -9 of a master under load, so many times (default 20)
  --seconds N   begin no round after this long (default 300)
  --seed N      draws the lag of the replica and the moment of each kill (default: drawn)

One gateway in strict mode before a master and one replica that lags. Each round kills the master,
promotes the replica, and brings the dead one back as its replica. Prints one JSON line; the exit code
is 1 when a single upload that was granted is lost, or a counter does not add up.
`

const PLAN = {
  quotas: [{ policy: 'user-bytes-day', per: 'user', unit: 'bytes', limit: 2 ** 40, window: 'day' }],
}
const MIN_GRANTS = 20
const MAX_DELAY_MS = 60
const BACK_MS = 30_000

/** How the replica lags in a round: not at all, by a slow line, or by all since the last moment. */
function drawLag(random: () => number): FaultMode {
  const drawn = random()
  if (drawn < 0.25) return { kind: 'pass' }
  if (drawn < 0.75) return { kind: 'latency', ms: random() * 15, jitterMs: 5 }
  return { kind: 'hold' }
}

interface Round {
  readonly master: RedisServer
  readonly replica: RedisServer
  readonly link: FaultProxy
  readonly lag: FaultMode
  readonly delayMs: number
}

/** Kills the master and promotes its replica; by how many bytes that one was behind. */
async function failOver(setUp: GatewayBeforeReplicas, load: UploadLoad, round: Round) {
  const { master, replica, link, lag, delayMs } = round
  const enough = load.count(201) + MIN_GRANTS
  if (lag.kind !== 'hold') await link.setMode(lag)
  await until('uploads are granted', async () => load.count(201) >= enough, BACK_MS)
  if (lag.kind === 'hold') await link.setMode(lag)
  await pause(delayMs)
  const { master_repl_offset: written } = await master.info('replication')
  await master.kill()
  await link.setMode('reset')
  const { slave_repl_offset: received } = await replica.info('replication')
  await setUp.promote(replica)
  link.targetPort = replica.port
  await link.setMode('pass')
  await rejoin(master, link)
  const back = load.count(201) + 1
  await until('the service is back', async () => load.count(201) >= back, BACK_MS)
  return Math.max(0, Number(written) - Number(received))
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      count: { type: 'string', default: '20' },
      seconds: { type: 'string', default: '300' },
      seed: { type: 'string', default: String(randomInt(2 ** 32)) },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return void process.stdout.write(HELP)
  const redis = await ensureRedis()
  if (redis.kind === 'unavailable') throw new Error(`Cannot start: ${redis.reason}`)
  const [count, seconds, seed] = [values.count, values.seconds, values.seed].map(Number)
  if (count === undefined || seconds === undefined || seed === undefined) return
  process.stderr.write(`seed ${seed}, Redis ${redis.version}\n`)
  const random = seededRandom(seed)
  await using setUp = await openGatewayBeforeReplicas({ proxied: true, gateway: { plan: PLAN } })
  let { master } = setUp.replication
  let [replica] = setUp.replication.replicas
  const [link] = setUp.replication.links
  if (replica === undefined || link === undefined) throw new Error('Cannot start: no replica')
  const load = keepAsking([setUp.gateway.call])
  const startMs = performance.now()
  const lost = new Set<string>()
  let [failovers, behind] = [0, 0]
  while (failovers < count && performance.now() - startMs < seconds * 1_000) {
    const lag = drawLag(random)
    const round = { master, replica, link, lag, delayMs: random() * MAX_DELAY_MS }
    const bytes = await failOver(setUp, load, round)
    ;[master, replica] = [replica, master]
    failovers += 1
    if (bytes > 0) behind += 1
    const granted = load.granted()
    const { records } = await ledgerAtRest(master)
    for (const id of granted) if (!records.has(id)) lost.add(id)
    const progress = `${failovers}: ${lag.kind}, ${bytes} bytes behind, ${granted.length} granted`
    process.stderr.write(`${progress}, ${lost.size} lost\n`)
  }
  await load.stop()
  const { records, drift } = await ledgerAtRest(master)
  for (const id of load.granted()) if (records.get(id)?.state !== 'P') lost.add(id)
  const others = load.answers.filter(({ status }) => status !== 201 && status !== 503).length
  const figures = {
    failovers,
    replicaBehind: behind,
    granted: load.count(201),
    refused: load.count(503),
    otherAnswers: others,
    acknowledgedLost: lost.size,
    drift: drift.length,
    seconds: Math.round((performance.now() - startMs) / 1_000),
    seed,
  }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
  if (lost.size > 0 || drift.length > 0 || others > 0) process.exitCode = 1
}

await main()
