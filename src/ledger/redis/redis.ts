import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import type { AdmitCommand, AdmitReply, Ledger, ReservationRef } from '../port.ts'
import { createAuditRedis } from './audit-redis.ts'
import type { BatchResult } from './batcher.ts'
import { openCluster } from './cluster.ts'
import { createDiagnosis } from './diagnose.ts'
import { createFence, type Fence } from './fence.ts'
import { createFinish } from './finish.ts'
import { createInstallation } from './installation.ts'
import type { Journal } from './journal.ts'
import { createJournalKeeper } from './keep-journal.ts'
import { openMembers } from './members.ts'
import { openReads } from './reads.ts'
import type { ConnectLink } from './redis-link.ts'
import { noAnswer, type RedisNode } from './redis-node.ts'
import { admitReplyOf } from './replies.ts'
import { createReserve } from './reserve.ts'
import { createRestater } from './restate.ts'
import { createRunFenced, fenceError } from './run-fenced.ts'
import { admitCall, claimCall } from './script-calls.ts'
import { type ScriptName, scriptTexts } from './scripts/load-scripts.ts'
import type { RedisLedgerSettings } from './settings.ts'
import { PARTITIONS } from './tags.ts'
import type { TestedServers } from './tested-servers.ts'
import { openSingleMaster, type Topology } from './topology.ts'

export interface RedisLedgerOptions {
  readonly settings: RedisLedgerSettings
  readonly connect: ConnectLink
  /** Measures how long something takes; decides nothing. A monotonic one: it must not be set. */
  readonly clock: Clock
  /** Runs a function after the current turn of the event loop. */
  readonly schedule: (run: () => void) => void
  readonly log: Logger
  /** Needed by durability `async`, and only by it; closed with the ledger. */
  readonly journal?: Journal | undefined
  /** Counts what must not happen. Default: nobody does. */
  readonly alarm?: (facts: { readonly op: string; readonly code: string }) => void
  /** Takes the servers' clock at each look. */
  readonly learnTime?: (nowMs: number) => void
  /** How long opening waits for a server that is not there, in milliseconds. Default 1,500. */
  readonly startMs?: number
  /** What other ledgers of this process have found out of their servers, where there are many. */
  readonly tested?: TestedServers
  /** Texts of the scripts. Default: those with Redis' own clock. */
  readonly scripts?: Readonly<Record<ScriptName, string>>
}

const START_MS = 1_500
const START_STEP_MS = 20

/**
 * The ledger on Redis 7 or newer: one script run and one round trip a decision, exact across gateways.
 * Opens as well while the server is away: then every call throws `LedgerUnavailable` until it is back.
 * Throws `LedgerUnavailable` at once for a server that will not have us or must not be used.
 */
export async function openRedisLedger(options: RedisLedgerOptions): Promise<Ledger> {
  const { settings, clock, log, journal } = options
  const fence = createFence(settings.durability, isRestated)
  const installation = createInstallation(() => topology)
  let offsetMs = 0

  function learnTime(nowMs: number): void {
    offsetMs = nowMs - clock.nowMs()
    options.learnTime?.(nowMs)
  }

  const ledgerNowMs = () => Math.floor(clock.nowMs() + offsetMs)

  function isRestated(partition: number, epoch: string): boolean {
    return journal?.hasOutdated(partition, { epoch, nowMs: ledgerNowMs() }) !== true
  }

  const onOpen = async (partitions: readonly number[]) => restater?.looked(partitions)
  const hooks = { learnTime, assertOurs: installation.assertOurs, onOpen }
  const topology = openTopology({ ...options, ...hooks, fence })
  const diagnosis = createDiagnosis({ log, clock, alarm: options.alarm ?? (() => {}) })
  const reads = openReads({ topology, fence, diagnosis, clock })
  const members = openMembers({ topology, fence, diagnosis, self: crypto.randomUUID() })
  const run = createRunFenced({
    topology,
    fence,
    diagnosis,
    patienceMs: settings.commandTimeoutMs,
  })
  const find = ({ partition, rid }: ReservationRef) => reads.find(partition, rid)
  const keeper = journal && createJournalKeeper({ journal, find })
  const { retentionMs } = settings
  const { finish, putBack, voidBehind } = createFinish({ run, diagnosis, keeper, retentionMs })
  const restater =
    journal && createRestater({ journal, fence, log, nowMs: ledgerNowMs, finish: putBack })
  const reserve = createReserve({
    run,
    fence,
    clock,
    keeper,
    patienceMs: settings.commandTimeoutMs,
    voidBehind,
  })

  async function admit(command: AdmitCommand): Promise<AdmitReply> {
    diagnosis.check(command)
    if (command.op === 'R') return reserve(command)
    const { partition } = command
    const call = (epoch: string) => admitCall(command, epoch)
    const result = await run({ partition, script: 'reserve', call, durable: false })
    return admitReplyOf(replyIn(result))
  }

  async function close(): Promise<void> {
    await members.leave()
    await restater?.close()
    await topology.close()
    await journal?.close()
  }

  await settleStart(topology, clock, options.startMs).catch(async (error) => {
    await close()
    throw error
  })
  log.info('ledger.opened', { durability: settings.durability, replicas: settings.replicas })
  return {
    partitions: PARTITIONS,
    get salt() {
      const { salt } = installation
      if (salt === undefined) throw fenceError(fence, 0)
      return salt
    },
    admit,
    finish: (command) => finish(command),
    async claim(request) {
      const { partition } = request
      const call = (epoch: string) => claimCall(request, epoch)
      const raw = replyIn(await run({ partition, script: 'claim', call, durable: false }))
      const [code, nowMs, rids] = raw as [string, number, string[]]
      if (code === 'FENCED') throw fenceError(fence, partition)
      return { nowMs, reservations: await reads.claimed(partition, rids) }
    },
    share: () => members.share(clock.nowMs() + offsetMs),
    find,
    list: (request) => reads.list(request),
    recent: (request) => reads.recent(request),
    audit: createAuditRedis({ topology, fence, run, clock }),
    close,
  }
}

function replyIn(result: BatchResult): unknown {
  if (result.kind === 'reply') return result.reply
  throw noAnswer(result.message)
}

function openTopology(
  options: RedisLedgerOptions & {
    readonly fence: Fence
    readonly learnTime: (nowMs: number) => void
    readonly assertOurs: (node: RedisNode) => Promise<void>
    readonly onOpen: (partitions: readonly number[], nowMs: number) => Promise<void>
  },
): Topology {
  const { scripts = scriptTexts(), settings } = options
  const defaults = { ...options, scripts }
  return settings.topology === 'cluster'
    ? openCluster(settings, defaults)
    : openSingleMaster(settings, defaults)
}

/** Waits until the servers are fit, or are not there. Throws for those that must not be used. */
async function settleStart(topology: Topology, clock: Clock, startMs = START_MS): Promise<void> {
  const untilMs = clock.nowMs() + startMs
  while (clock.nowMs() < untilMs) {
    const nodes = topology.nodes()
    if (topology.complete() && nodes.every(({ ready }) => ready)) return
    const why = refusalIn(topology)
    if (why !== undefined) {
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
