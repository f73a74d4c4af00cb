import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import { checkCommand } from '../check-command.ts'
import type {
  AdmitCommand,
  AdmitReply,
  FinishCommand,
  FinishReply,
  Ledger,
  ReserveCommand,
} from '../port.ts'
import type { BatchResult } from './batcher.ts'
import { openCluster } from './cluster.ts'
import { createFence, type Fence } from './fence.ts'
import { META_KEY } from './keys.ts'
import { parseMeta } from './meta.ts'
import { isMoved, isNotExecuted } from './not-executed.ts'
import { openReads } from './reads.ts'
import type { ConnectLink } from './redis-link.ts'
import { noAnswer, type RedisNode } from './redis-node.ts'
import { admitReplyOf, finishReplyOf } from './replies.ts'
import { admitCall, claimCall, finishCall, type ScriptCall } from './script-calls.ts'
import { type ScriptName, scriptTexts } from './scripts/load-scripts.ts'
import type { RedisLedgerSettings } from './settings.ts'
import { PARTITIONS } from './tags.ts'
import { openSingleMaster, type Topology } from './topology.ts'

export interface RedisLedgerOptions {
  readonly settings: RedisLedgerSettings
  readonly connect: ConnectLink
  /** Measures how long a request has waited; decides nothing. */
  readonly clock: Clock
  /** Runs a function after the current turn of the event loop. */
  readonly schedule: (run: () => void) => void
  readonly log: Logger
  /** Takes the servers' clock at each look. */
  readonly learnTime?: (nowMs: number) => void
  /** Texts of the scripts. Default: those with Redis' own clock. */
  readonly scripts?: Readonly<Record<ScriptName, string>>
}

/** How long opening waits for a server that is not there, in milliseconds. */
const START_MS = 1_500
const START_STEP_MS = 20
/** Commands whose loss a promise to a client would not survive: a URL, or an event taken. */
const DURABLE: ReadonlySet<string> = new Set(['R', 'L', 'A', 'M'])

/**
 * The ledger on Redis 7 or newer: one script run and one round trip a decision, exact across gateways.
 * Opens as well while the server is away: then every call throws `LedgerUnavailable` until it is back.
 * Throws `LedgerUnavailable` at once for a server that will not have us or must not be used.
 */
export async function openRedisLedger(options: RedisLedgerOptions): Promise<Ledger> {
  const { settings, clock, log } = options
  const fence = createFence(settings.durability)
  let salt: string | undefined

  async function learnMeta(node: RedisNode): Promise<void> {
    if (topology.nodeOf(0) !== node) return
    const [result] = await node.send([{ name: 'GET', args: [META_KEY] }])
    const meta = parseMeta(result)
    if (meta === undefined) return
    if (salt !== undefined && salt !== meta.salt) {
      throw new Error('the server holds the ledger of another installation')
    }
    salt = meta.salt
  }

  const topology = openTopology({ ...options, fence, onPrepared: learnMeta })
  const reads = openReads({ topology, unavailable: () => fenceError(fence, 0) })

  /** One run of a script on the master of a partition; throws when there is no epoch to run it under. */
  async function run(
    partition: number,
    script: ScriptName,
    { call, durable }: { call: (epoch: string) => ScriptCall; durable: boolean },
  ): Promise<BatchResult> {
    const node = topology.nodeOf(partition)
    if (node === undefined) throw noAnswer('no server is known to have the partition')
    const place = fence.of(partition)
    if (!node.ready) throw noAnswer(node.trouble)
    if (place.state !== 'open') throw fenceError(fence, partition)
    const result = await node.run(script, call(place.epoch), { durable })
    if (isMoved(result)) topology.moved()
    if (isFenced(result)) {
      fence.close([partition])
      void node.prepare()
    }
    return result
  }

  function replyIn(result: BatchResult): unknown {
    if (result.kind === 'reply') return result.reply
    throw noAnswer(result.message)
  }

  async function reserve(command: ReserveCommand): Promise<AdmitReply> {
    const { partition, rid } = command
    const attempt = () =>
      run(partition, 'reserve', { call: (epoch) => admitCall(command, epoch), durable: true })
    const startMs = clock.nowMs()
    let result = await attempt()
    // Once more with the same rid, unless the time for an answer is used up.
    const again =
      isNotExecuted(result) || (result.kind === 'reply' && !result.acknowledged && wrote(result))
    if (again && clock.nowMs() - startMs < settings.commandTimeoutMs) result = await attempt()
    const reply = result.kind === 'reply' ? admitReplyOf(result.reply) : undefined
    const granted = reply !== undefined && (reply.code === 'OK' || reply.code === 'EXISTS')
    if (reply !== undefined && (!granted || result.acknowledged)) {
      if (granted && settings.durability !== 'async') fence.witness(partition, rid, reply.nowMs)
      return reply
    }
    // Nobody has seen a URL for it; for a caller's key another gateway may have released one.
    if (!isNotExecuted(result) && command.replayable !== true) voidUnknown(command)
    throw noAnswer(result.kind === 'reply' ? 'too few replicas have it' : result.message)
  }

  function voidUnknown(command: ReserveCommand): void {
    const { partition, rid, fingerprint, subjects } = command
    finish({ op: 'V', partition, rid, fingerprint, subjects }).catch(() => {
      // The sweeper finds it.
    })
  }

  async function admit(command: AdmitCommand): Promise<AdmitReply> {
    checkCommand(command)
    if (command.op === 'R') return reserve(command)
    const call = (epoch: string) => admitCall(command, epoch)
    return admitReplyOf(replyIn(await run(command.partition, 'reserve', { call, durable: false })))
  }

  async function finish(command: FinishCommand): Promise<FinishReply> {
    checkCommand(command)
    const { retentionMs } = settings
    const call = (epoch: string) => finishCall(command, { epoch, retentionMs })
    const durable = DURABLE.has(command.op)
    const result = await run(command.partition, 'finish', { call, durable })
    const reply = finishReplyOf(replyIn(result))
    if (!result.acknowledged) throw noAnswer('too few replicas have it')
    return reply
  }

  await settleStart(topology, clock)
  log.info('ledger.opened', { durability: settings.durability, replicas: settings.replicas })
  return {
    partitions: PARTITIONS,
    get salt() {
      if (salt === undefined) throw fenceError(fence, 0)
      return salt
    },
    admit,
    finish,
    async claim(request) {
      const call = (epoch: string) => claimCall(request, epoch)
      const raw = replyIn(await run(request.partition, 'claim', { call, durable: false }))
      const [code, nowMs, rids] = raw as [string, number, string[]]
      if (code === 'FENCED') throw fenceError(fence, request.partition)
      return { nowMs, reservations: await reads.findAll(request.partition, rids) }
    },
    find: ({ partition, rid }) => reads.find(partition, rid),
    list: (request) => reads.list(request),
    close: () => topology.close(),
  }
}

function openTopology(
  options: RedisLedgerOptions & {
    readonly fence: Fence
    readonly onPrepared: (node: RedisNode) => Promise<void>
  },
): Topology {
  const { scripts = scriptTexts(), learnTime = () => {}, settings } = options
  const defaults = { ...options, scripts, learnTime }
  return settings.topology === 'cluster'
    ? openCluster(settings, defaults)
    : openSingleMaster(settings, defaults)
}

/** Waits until the servers are fit, or are not there. Throws for those that must not be used. */
async function settleStart(topology: Topology, clock: Clock): Promise<void> {
  const untilMs = clock.nowMs() + START_MS
  while (clock.nowMs() < untilMs) {
    const nodes = topology.nodes()
    if (topology.complete() && nodes.every(({ ready }) => ready)) return
    const why = refusalIn(topology)
    if (why !== undefined) {
      await topology.close()
      throw new GatewayError('LedgerUnavailable', `Cannot use the ledger's server: ${why}`)
    }
    await new Promise((resolve) => {
      setTimeout(resolve, START_STEP_MS)
    })
  }
}

/** Why a server must not be used, or will not have us; `undefined` for one that is only away. */
function refusalIn(topology: Topology): string | undefined {
  const unfit = topology.nodes().find(({ problems, rejected }) => problems.length > 0 || rejected)
  if (unfit !== undefined) return unfit.trouble
  const unreached = topology.trouble()
  return unreached?.kind === 'rejected' ? unreached.message : undefined
}

function wrote(result: BatchResult): boolean {
  const [code] = result.kind === 'reply' ? (result.reply as [string]) : ['']
  return code === 'OK' || code === 'EXISTS'
}

function isFenced(result: BatchResult): boolean {
  return result.kind === 'reply' && (result.reply as [string])[0] === 'FENCED'
}

const WHY = {
  unknown: 'nobody has looked yet whether its data is all there',
  missing: 'its data is gone or was never there: run "signet ledger init"',
  lost: 'acknowledged reservations are gone: see "signet ledger init --accept-loss"',
  older: 'its data is older than what was seen: see "signet ledger init --accept-loss"',
} as const

function fenceError(fence: Fence, partition: number): GatewayError {
  const place = fence.of(partition)
  const why = place.state === 'closed' ? WHY[place.why] : 'what was lost is being put back'
  return new GatewayError('LedgerUnavailable', 'Cannot decide: the ledger is recovering', {
    facts: { why, partition },
  })
}
