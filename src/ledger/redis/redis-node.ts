import { createCircuitBreaker } from '../../circuit-breaker.ts'
import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import { appendfsyncOf, infoOf, replyOf, timeOf, UnfitServer } from './ask-server.ts'
import { type BatchResult, createBatcher } from './batcher.ts'
import { problemsOfServer, REPLICA } from './check-server.ts'
import type { Fence, FencedServer } from './fence.ts'
import { createFenceLog } from './fence-log.ts'
import { isUnknownScript } from './not-executed.ts'
import {
  type ConnectLink,
  type LinkTarget,
  nameOf,
  type RedisCommand,
  type RedisLink,
  type RedisResult,
} from './redis-link.ts'
import type { ScriptCall } from './script-calls.ts'
import type { ScriptName } from './scripts/load-scripts.ts'
import { selfTest } from './self-test.ts'
import { serverFactsOf } from './server-facts.ts'
import type { RedisLedgerSettings } from './settings.ts'
import { createSideLink, SIDE_TIMEOUT_MS, type SideLink } from './side-link.ts'
import { type TestedServers, testedServer } from './tested-servers.ts'
import { createUsabilityLog } from './usability-log.ts'

export interface NodeOptions {
  readonly target: LinkTarget
  readonly connect: ConnectLink
  readonly settings: RedisLedgerSettings
  readonly scripts: Readonly<Record<ScriptName, string>>
  readonly fence: Fence
  /** Partitions that this server has now. */
  readonly partitions: () => readonly number[]
  /** Paces the trials of a server that does not answer. */
  readonly clock: Clock
  readonly log: Logger
  readonly schedule: (run: () => void) => void
  readonly learnTime: (nowMs: number) => void
  /** Called when a connection is lost. */
  readonly onLost?: () => void
  /** False: too few replicas do not refuse it, others run already. Default: only at its first look. */
  readonly starting?: () => boolean
  /** Called before anything is written to a server: throws when it is not known to be ours. */
  readonly assertOurs: (node: RedisNode) => Promise<void>
  /** Called at each look when the server can be used, before it counts as fit for good. */
  readonly onOpen: (partitions: readonly number[], nowMs: number) => Promise<void>
  /** What others of this process have found out of the servers. Default: nothing, and nobody is told. */
  readonly tested?: TestedServers
}

/** One master: a connection for what `WAIT` follows, and one for the rest. */
export interface RedisNode {
  /** True while decisions can be sent. */
  readonly ready: boolean
  /** True while plain commands can be sent, fit or not. */
  readonly connected: boolean
  /** Why it cannot be used, for people; empty while it can. */
  readonly trouble: string
  /** What makes the server unfit, by its settings; empty while it is fit or not looked at. */
  readonly problems: readonly string[]
  /** Somebody is there and will not have us: a wrong password, no TLS. */
  readonly rejected: boolean
  /** Runs a script. `durable`: on the connection of `WAIT`, answered after it. */
  run(script: ScriptName, call: ScriptCall, options: { durable: boolean }): Promise<BatchResult>
  /** Plain commands, without `WAIT`. */
  send(commands: readonly RedisCommand[]): Promise<readonly RedisResult[]>
  /** Plain commands of who reads much, out of the way of decisions. */
  readonly aside: SideLink
  /** Looks at the server and the canaries again; those who ask meanwhile share one look. */
  prepare(): Promise<void>
  /** Takes nothing more, and waits for what is under way, for as long as a command may take. */
  close(): Promise<void>
}

/** How often a server is looked at that can be used, and one that cannot, in milliseconds. */
const LOOK_MS = 5_000
const LOOK_SOON_MS = 250
/** Times that a command may take which a decision waits for its turn, at most. */
const MAX_TURNS = 3

/** Connects to one master, checks it, loads the scripts, and keeps looking. Never throws. */
export function openRedisNode(options: NodeOptions): RedisNode {
  const { target, connect, settings, scripts, fence, log, clock, schedule } = options
  const server = nameOf(target)
  const usability = createUsabilityLog(log, clock, server)
  const fenceLog = createFenceLog(log, server)
  const known = testedServer(options.tested ?? new Map(), server)
  const { shas } = known
  let problems: readonly string[] = []
  let trouble = 'not connected yet'
  let prepared = false
  let started = false
  let closed = false
  let preparing: Promise<void> | undefined
  /** Connections lost so far: a look that began before a loss proves nothing. */
  let losses = 0
  let askedAgain = false
  let timer: ReturnType<typeof setTimeout> | undefined

  const events = {
    onReady: () => {
      askedAgain = preparing !== undefined
      void prepare()
    },
    onLost: () => {
      losses += 1
      prepared = false
      trouble = durable?.trouble?.message ?? plain?.trouble?.message ?? 'the connection was lost'
      usability.unusable(trouble)
      options.onLost?.()
    },
    onTrouble: ({ message }: { readonly message: string }) => {
      trouble = message
      usability.unusable(message)
    },
  }
  let durable: RedisLink | undefined
  let plain: RedisLink | undefined
  durable = connect(target, events)
  plain = connect(target, events)
  const links = [durable, plain] as const
  const aside = createSideLink((own) => connect(target, own, { timeoutMs: SIDE_TIMEOUT_MS }))
  const queueing = { schedule, clock, maxQueuedMs: MAX_TURNS * settings.commandTimeoutMs }
  const durably = createBatcher({
    link: links[0],
    replicas: settings.durability === 'strict' ? settings.replicas : 0,
    waitMs: settings.waitTimeoutMs,
    ...queueing,
  })
  const plainly = createBatcher({ link: links[1], replicas: 0, waitMs: 0, ...queueing })
  const breaker = createCircuitBreaker({ clock })

  function prepare(): Promise<void> {
    if (closed || links.some(({ ready }) => !ready)) return Promise.resolve()
    preparing ??= look().finally(() => {
      preparing = undefined
      if (!askedAgain) return
      askedAgain = false
      void prepare()
    })
    return preparing
  }

  async function look(): Promise<void> {
    clearTimeout(timer)
    const lossesBefore = losses
    try {
      await prepareServer(() => {
        if (losses !== lossesBefore) throw new Error('the connection was lost meanwhile')
      })
      breaker.succeeded()
      prepared = true
      problems = []
      trouble = ''
      usability.usable()
    } catch (error) {
      prepared = false
      known.run = undefined
      problems = error instanceof UnfitServer ? error.problems : []
      trouble = error instanceof Error ? error.message : String(error)
      usability.unusable(trouble)
    }
    if (closed) return
    timer = setTimeout(() => void prepare(), prepared && allOpen() ? LOOK_MS : LOOK_SOON_MS)
  }

  function allOpen(): boolean {
    return options.partitions().every((partition) => fence.of(partition).state === 'open')
  }

  async function prepareServer(assertConnected: () => void): Promise<void> {
    const infos = await Promise.all(links.map(async (link) => serverFactsOf(await infoOf(link))))
    const [first, second] = infos
    if (first === undefined || first.runId !== second?.runId) {
      // One of them has missed a failover, and nothing else may end it: an old master is patient.
      for (const link of [...links, aside]) link.reconnect()
      throw new Error('its two connections reach different servers')
    }
    if (first.role !== 'master') {
      for (const link of [...links, aside]) link.reconnect()
      if (settings.topology === 'single' && !started) throw new UnfitServer([REPLICA])
      throw new Error('the server is a replica')
    }
    const appendfsync = await appendfsyncOf(links[1])
    const starting = !started && options.starting?.() !== false
    const unfit = problemsOfServer({ ...first, appendfsync }, settings, { starting })
    if (unfit.length > 0) throw new UnfitServer(unfit)
    await options.assertOurs(node)
    if (known.run !== first.runId) await prepareScripts()
    known.run = first.runId
    const nowMs = await timeOf(links[1])
    options.learnTime(nowMs)
    const partitions = options.partitions()
    await fence.recover(fenced(first.replicationId), partitions, nowMs)
    fenceLog.looked(partitions.map(fence.of))
    assertConnected()
    started = true
    prepared = true
    await options.onOpen(options.partitions(), nowMs)
    assertConnected()
  }

  async function prepareScripts(): Promise<void> {
    await loadScripts()
    await selfTest(
      {
        send: (commands) => links[1].send(commands),
        probeCommand: (keys, args) => scriptCommand('probe', { keys, args }),
      },
      { partitions: options.partitions(), settings },
    )
  }

  async function loadScripts(): Promise<void> {
    const names = Object.keys(scripts) as ScriptName[]
    const loads = names.map((name) => ({ name: 'SCRIPT', args: ['LOAD', scripts[name]] }))
    const results = await links[1].send(loads)
    for (const [index, name] of names.entries()) shas.set(name, String(replyOf(results[index])))
  }

  function scriptCommand(script: ScriptName, { keys, args }: ScriptCall): RedisCommand {
    const sha = shas.get(script) ?? ''
    return { name: 'EVALSHA', args: [sha, keys.length, ...keys, ...args] }
  }

  /** Silence opens the breaker, and has the server looked at at once: a look costs no caller's time. */
  function told({ kind }: RedisResult): void {
    if (kind === 'unanswered') {
      breaker.failed()
      void prepare()
    } else if (kind !== 'unsent') breaker.succeeded()
  }

  function fenced(replicationId: string): FencedServer {
    return {
      replicationId,
      has: (partition) => options.partitions().includes(partition),
      send: (commands) => links[1].send(commands),
      moveCommand: (key, from, to) => scriptCommand('fence', { keys: [key], args: [from, to] }),
    }
  }

  const node: RedisNode = {
    get ready() {
      return prepared && !closed
    },
    get connected() {
      return links[1].ready
    },
    get trouble() {
      const rejection = links.find((link) => link.trouble?.kind === 'rejected')?.trouble
      return rejection?.message ?? trouble
    },
    get problems() {
      return problems
    },
    get rejected() {
      return links.some((link) => link.trouble?.kind === 'rejected')
    },
    async run(script, call, { durable: waits }) {
      if (!node.ready) return unsent(trouble || 'not ready')
      if (!breaker.allow()) return unsent('the server has not answered')
      const batcher = waits ? durably : plainly
      const result = await batcher.run(scriptCommand(script, call))
      told(result)
      if (!isUnknownScript(result)) return result
      try {
        await loadScripts()
      } catch (error) {
        return unsent(String(error))
      }
      return batcher.run(scriptCommand(script, call))
    },
    send: (commands) => links[1].send(commands),
    aside,
    prepare,
    async close() {
      closed = true
      trouble = 'the connection is closed'
      clearTimeout(timer)
      await Promise.all([durably.drained(), plainly.drained(), preparing])
      await Promise.all([...links, aside].map((link) => link.close()))
    },
  }
  return node
}

function unsent(message: string): BatchResult {
  return { kind: 'unsent', message, acknowledged: false }
}

/** The error for a server that gave no answer. */
export function noAnswer(why: string): GatewayError {
  return new GatewayError('LedgerUnavailable', 'Cannot decide: the ledger does not answer', {
    facts: { why },
  })
}
