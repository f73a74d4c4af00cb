import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import { createCircuitBreaker } from '../circuit-breaker.ts'
import { type BatchResult, createBatcher } from './batcher.ts'
import { problemsOfServer } from './check-server.ts'
import type { Fence, FencedServer } from './fence.ts'
import type { ConnectLink, LinkTarget, RedisCommand, RedisLink, RedisResult } from './redis-link.ts'
import type { ScriptCall } from './script-calls.ts'
import type { ScriptName } from './scripts/load-scripts.ts'
import { type ServerFacts, serverFactsOf } from './server-facts.ts'
import type { RedisLedgerSettings } from './settings.ts'

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
  /** Called when the server is fit and its canaries have been looked at. Throws to try again. */
  readonly onPrepared: (node: RedisNode) => Promise<void>
  /** Called at each look when the server can be used, before it counts as fit for good. */
  readonly onOpen: (partitions: readonly number[], nowMs: number) => Promise<void>
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
  readonly facts: ServerFacts | undefined
  /** Runs a script. `durable`: on the connection of `WAIT`, answered after it. */
  run(script: ScriptName, call: ScriptCall, options: { durable: boolean }): Promise<BatchResult>
  /** Plain commands, without `WAIT`. */
  send(commands: readonly RedisCommand[]): Promise<readonly RedisResult[]>
  /** Looks at the server and the canaries again; those who ask meanwhile share one look. */
  prepare(): Promise<void>
  reconnect(): void
  close(): Promise<void>
}

/** How often a server is looked at that can be used, and one that cannot, in milliseconds. */
const LOOK_MS = 5_000
const LOOK_SOON_MS = 250

/** Connects to one master, checks it, loads the scripts, and keeps looking. Never throws. */
export function openRedisNode(options: NodeOptions): RedisNode {
  const { target, connect, settings, scripts, fence, log, schedule } = options
  const shas = new Map<ScriptName, string>()
  let facts: ServerFacts | undefined
  let problems: readonly string[] = []
  let trouble = 'not connected yet'
  let prepared = false
  let started = false
  let closed = false
  let preparing: Promise<void> | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  const events = {
    onReady: () => void prepare(),
    onLost: () => {
      prepared = false
      trouble = durable?.trouble?.message ?? plain?.trouble?.message ?? 'the connection was lost'
      options.onLost?.()
    },
  }
  let durable: RedisLink | undefined
  let plain: RedisLink | undefined
  durable = connect(target, events)
  plain = connect(target, events)
  const links = [durable, plain] as const
  const durably = createBatcher({
    link: links[0],
    replicas: settings.durability === 'strict' ? settings.replicas : 0,
    waitMs: settings.waitTimeoutMs,
    schedule,
  })
  const plainly = createBatcher({ link: links[1], replicas: 0, waitMs: 0, schedule })
  const breaker = createCircuitBreaker({ clock: options.clock })

  function prepare(): Promise<void> {
    if (closed || links.some(({ ready }) => !ready)) return Promise.resolve()
    preparing ??= look().finally(() => {
      preparing = undefined
    })
    return preparing
  }

  async function look(): Promise<void> {
    clearTimeout(timer)
    try {
      await prepareServer()
      breaker.succeeded()
      prepared = true
      trouble = ''
    } catch (error) {
      prepared = false
      const message = error instanceof Error ? error.message : String(error)
      if (message !== trouble)
        log.error('ledger.unusable', { server: nameOf(target), why: message })
      trouble = message
    }
    if (closed) return
    timer = setTimeout(() => void prepare(), prepared && allOpen() ? LOOK_MS : LOOK_SOON_MS)
  }

  function allOpen(): boolean {
    return options.partitions().every((partition) => fence.of(partition).state === 'open')
  }

  async function prepareServer(): Promise<void> {
    const infos = await Promise.all(
      links.map(async (link) => serverFactsOf(await one(link, { name: 'INFO', args: [] }))),
    )
    const [first, second] = infos
    if (first === undefined || first.runId !== second?.runId) {
      throw new Error('its two connections reach different servers')
    }
    if (first.role !== 'master') {
      for (const link of links) link.reconnect()
      throw new Error('the server is a replica')
    }
    problems = problemsOfServer(
      { ...first, appendfsync: await appendfsyncOf(links[1]) },
      settings,
      { starting: !started },
    )
    if (problems.length > 0) throw new Error(problems.join('; '))
    if (facts?.runId !== first.runId) await loadScripts()
    facts = first
    const nowMs = await timeOf(links[1])
    options.learnTime(nowMs)
    await fence.recover(fenced(first.replicationId), options.partitions(), nowMs)
    await options.onPrepared(node)
    started = true
    prepared = true
    await options.onOpen(options.partitions(), nowMs)
  }

  async function loadScripts(): Promise<void> {
    const names = Object.keys(scripts) as ScriptName[]
    const loads = names.map((name) => ({ name: 'SCRIPT', args: ['LOAD', scripts[name]] }))
    const results = await links[1].send(loads)
    for (const [index, name] of names.entries()) shas.set(name, textOf(results[index]))
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
      send: (commands) => links[1].send(commands),
      moveCommand: (key, from, to) => ({
        name: 'EVALSHA',
        args: [shas.get('fence') ?? '', 1, key, from, to],
      }),
    }
  }

  const node: RedisNode = {
    get ready() {
      return prepared
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
    get facts() {
      return facts
    },
    async run(script, { keys, args }, { durable: waits }) {
      const sha = shas.get(script)
      if (!prepared || sha === undefined) {
        return { kind: 'unsent', message: trouble || 'not ready', acknowledged: false }
      }
      if (!breaker.allow()) {
        return { kind: 'unsent', message: 'the server has not answered', acknowledged: false }
      }
      const batcher = waits ? durably : plainly
      const command = { name: 'EVALSHA', args: [sha, keys.length, ...keys, ...args] }
      const result = await batcher.run(command)
      told(result)
      if (!isUnknownScript(result)) return result
      await loadScripts()
      return batcher.run(command)
    },
    send: (commands) => links[1].send(commands),
    prepare,
    reconnect() {
      prepared = false
      for (const link of links) link.reconnect()
    },
    async close() {
      closed = true
      clearTimeout(timer)
      await preparing
      await Promise.all(links.map((link) => link.close()))
    },
  }
  return node
}

function isUnknownScript(result: RedisResult): boolean {
  return result.kind === 'error' && result.message.startsWith('NOSCRIPT')
}

async function one(link: RedisLink, command: RedisCommand): Promise<string> {
  const [result] = await link.send([command])
  return textOf(result)
}

function textOf(result: RedisResult | undefined): string {
  if (result?.kind === 'reply') return String(result.reply)
  throw new Error(permissionHint(result?.message ?? 'no answer'))
}

/** Says which setting a refused command hangs on. */
function permissionHint(message: string): string {
  return message.startsWith('NOPERM') ? `its ACL user lacks a permission: ${message}` : message
}

async function timeOf(link: RedisLink): Promise<number> {
  const [result] = await link.send([{ name: 'TIME', args: [] }])
  if (result?.kind !== 'reply') throw new Error(permissionHint(result?.message ?? 'no answer'))
  const [seconds, micros] = result.reply as [string, string]
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}

/** Managed servers block `CONFIG`: then nobody can tell. */
async function appendfsyncOf(link: RedisLink): Promise<string | undefined> {
  const [result] = await link.send([{ name: 'CONFIG', args: ['GET', 'appendfsync'] }])
  const [, value] = result?.kind === 'reply' ? (result.reply as string[]) : []
  return value
}

/** A server as people know it. */
export function nameOf(target: LinkTarget): string {
  return target.kind === 'server' ? `${target.host}:${target.port}` : `sentinel ${target.name}`
}

/** The error for a server that gave no answer. */
export function noAnswer(why: string): GatewayError {
  return new GatewayError('LedgerUnavailable', 'Cannot decide: the ledger does not answer', {
    facts: { why },
  })
}
