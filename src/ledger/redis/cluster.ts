import type { Fence } from './fence.ts'
import { isMoved } from './not-executed.ts'
import type { ConnectLink, RedisLink, RedisTrouble } from './redis-link.ts'
import { openRedisNode, type RedisNode } from './redis-node.ts'
import type { RedisLedgerSettings } from './settings.ts'
import { addressText, readSlotMap, type SlotMap } from './slot-map.ts'
import { PARTITIONS } from './tags.ts'
import type { NodeDefaults, Topology } from './topology.ts'
import { createUsabilityLog } from './usability-log.ts'

/** How often the map is read while every partition has a master, and while one has none. */
const LOOK_MS = 5_000
const LOOK_SOON_MS = 250

/**
 * A cluster: one plain client a master, and a slot map of our own. A client that follows redirections
 * by itself would send commands twice (`ledger.md` section 9).
 */
export function openCluster(
  settings: RedisLedgerSettings,
  defaults: NodeDefaults & { readonly fence: Fence },
): Topology {
  const { fence, log, clock } = defaults
  const nodes = new Map<string, RedisNode>()
  const owners = new Array<string | undefined>(PARTITIONS).fill(undefined)
  let timer: ReturnType<typeof setTimeout> | undefined
  let looking: Promise<void> | undefined
  let closed = false
  /** All masters have been fit at once. */
  let opened = false
  let hurried = false
  let lookedAtMs = 0
  const connect: ConnectLink = (...how) => watched(defaults.connect(...how), hurry)
  /** What those that answer say instead of a map; empty as soon as one has told it. */
  let problems: readonly string[] = []
  /** Masters that have left, until nothing of them is open any more. */
  const leaving = new Set<Promise<void>>()
  const usability = createUsabilityLog(log, clock, 'cluster')
  const seeds = settings.nodes.map((address) => ({
    host: address.host,
    link: connect(
      { kind: 'server', ...address },
      {
        onReady: look,
        onLost: () => {},
        onTrouble: ({ message }) => {
          // Once the masters are known, they tell themselves.
          if (!isKnown()) usability.unusable(`${addressText(address)}: ${message}`)
        },
      },
    ),
  }))

  /** Whether every partition has a fit master; once that was so, this gateway has started. */
  function noteHealth(): boolean {
    const healthy = owners.every((owner) => owner !== undefined && nodes.get(owner)?.ready)
    opened ||= healthy
    return healthy
  }

  function isKnown(): boolean {
    return owners.some((owner) => owner !== undefined)
  }

  function look(): void {
    if (closed) return
    looking ??= readOnce().finally(() => {
      looking = undefined
    })
  }

  /** A server sends us elsewhere: looks soon, however often that is said. */
  function hurry(): void {
    if (closed || hurried) return
    hurried = true
    if (looking !== undefined) return
    clearTimeout(timer)
    const waitMs = lookedAtMs + LOOK_SOON_MS - clock.nowMs()
    timer = setTimeout(look, Math.max(0, Math.min(waitMs, LOOK_SOON_MS)))
  }

  async function readOnce(): Promise<void> {
    clearTimeout(timer)
    hurried = false
    lookedAtMs = clock.nowMs()
    try {
      const read = await readSlotMap(seedsAndNodes())
      problems = read.map === undefined ? read.problems : []
      if (!isKnown()) for (const problem of problems) usability.unusable(problem)
      if (read.map !== undefined) adopt(read.map)
      if (isKnown()) usability.usable()
    } catch (error) {
      log.warn('ledger.cluster_unread', { error })
    }
    if (closed) return
    timer = setTimeout(look, noteHealth() && !hurried ? LOOK_MS : LOOK_SOON_MS)
  }

  function seedsAndNodes() {
    const own = [...nodes].map(([address, node]) => ({
      host: address.slice(0, address.lastIndexOf(':')),
      link: { ready: node.connected, send: node.send },
    }))
    return [...seeds, ...own]
  }

  function adopt({ masters }: SlotMap): void {
    const moved = new Set<string>()
    for (const [partition, master] of masters.entries()) {
      if (master === undefined) continue
      const address = addressText(master)
      if (owners[partition] === address) continue
      fence.close([partition])
      owners[partition] = address
      moved.add(address)
    }
    for (const address of moved) {
      const known = nodes.get(address)
      if (known === undefined) nodes.set(address, openMaster(address))
      else void known.prepare()
    }
    const wanted = new Set(owners)
    for (const [address, node] of nodes) {
      if (wanted.has(address)) continue
      nodes.delete(address)
      // Not awaited: its look may hang as long as a command, and the map must not.
      const left = node.close().finally(() => leaving.delete(left))
      leaving.add(left)
    }
  }

  /** Why none of the seeds helps: while one may, there is none. */
  function trouble(): RedisTrouble | undefined {
    const answered = seeds.filter(({ link }) => link.ready).length
    if (answered > 0 && problems.length < answered) return undefined
    const troubles = seeds.flatMap(({ link }) =>
      link.trouble && !link.ready ? [link.trouble] : [],
    )
    if (answered + troubles.length < seeds.length) return undefined
    if (problems.length > 0) return { kind: 'rejected', message: problems.join('; ') }
    return troubles.find(({ kind }) => kind === 'rejected') ?? troubles[0]
  }

  function openMaster(address: string): RedisNode {
    const colon = address.lastIndexOf(':')
    return openRedisNode({
      ...defaults,
      connect,
      starting: () => !opened,
      target: {
        kind: 'server',
        host: address.slice(0, colon),
        port: Number(address.slice(colon + 1)),
      },
      partitions: () =>
        owners.flatMap((owner, partition) => (owner === address ? [partition] : [])),
      onLost: look,
      async onOpen(...looked) {
        // At once: by the next look at the map, one of them may have gone.
        noteHealth()
        await defaults.onOpen(...looked)
      },
    })
  }

  return {
    nodeOf(partition) {
      const owner = owners[partition]
      return owner === undefined ? undefined : nodes.get(owner)
    },
    nodes: () => [...nodes.values()],
    complete: () => owners.every((owner) => owner !== undefined),
    trouble,
    async close() {
      closed = true
      clearTimeout(timer)
      await looking
      await Promise.all([...leaving, ...[...nodes.values()].map((node) => node.close())])
      await Promise.all(seeds.map(({ link }) => link.close()))
    },
  }
}

/** The same link, whose answers are looked through for those that name another server. */
function watched(link: RedisLink, onMoved: () => void): RedisLink {
  return {
    get ready() {
      return link.ready
    },
    get trouble() {
      return link.trouble
    },
    async send(commands) {
      const results = await link.send(commands)
      if (results.some(isMoved)) onMoved()
      return results
    },
    reconnect: () => link.reconnect(),
    close: () => link.close(),
  }
}
