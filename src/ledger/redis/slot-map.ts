import { isPermissionMissing, permissionProblem } from './ask-server.ts'
import { NO_CLUSTER } from './check-server.ts'
import type { RedisAddress, RedisLink, RedisResult } from './redis-link.ts'
import { PARTITIONS, slotOf } from './tags.ts'

/** Which master has which partitions, as one node of a cluster sees it. */
export interface SlotMap {
  /** Grows with every failover and slot move that the node has heard of. */
  readonly epoch: number
  /** By partition; `undefined` where no master is known. */
  readonly masters: readonly (RedisAddress | undefined)[]
}

/** What the nodes say of the slots. */
export interface SlotMapReading {
  /** `undefined` when nobody tells. */
  readonly map: SlotMap | undefined
  /** Why those that answer do not tell, by the setting, for an operator to heal. */
  readonly problems: readonly string[]
}

/** An address as one text. */
export function addressText({ host, port }: RedisAddress): string {
  return `${host}:${port}`
}

/**
 * Asks the nodes that answer, and believes the one that has heard most (redis.io, CLUSTER SLOTS and
 * CLUSTER INFO). `hosts` stand in where a node does not tell its own.
 */
export async function readSlotMap(
  links: readonly { readonly link: Pick<RedisLink, 'ready' | 'send'>; readonly host: string }[],
): Promise<SlotMapReading> {
  const ready = links.filter(({ link }) => link.ready)
  const problems: string[] = []
  const maps = await Promise.all(
    ready.map(async ({ link, host }) => {
      const [info, slots] = await link.send([
        { name: 'CLUSTER', args: ['INFO'] },
        { name: 'CLUSTER', args: ['SLOTS'] },
      ])
      const problem = problemIn(info) ?? problemIn(slots)
      if (problem !== undefined) problems.push(problem)
      return slotMapOf(info, slots, host)
    }),
  )
  const map = maps
    .filter((each) => each !== undefined)
    .reduce<SlotMap | undefined>(
      (best, each) => (best === undefined || each.epoch > best.epoch ? each : best),
      undefined,
    )
  return { map, problems }
}

function problemIn(result: RedisResult | undefined): string | undefined {
  if (result?.kind !== 'error') return undefined
  if (/cluster support disabled/i.test(result.message)) return NO_CLUSTER
  return isPermissionMissing(result.message) ? permissionProblem(result.message) : undefined
}

function slotMapOf(
  info: RedisResult | undefined,
  slots: RedisResult | undefined,
  host: string,
): SlotMap | undefined {
  if (info?.kind !== 'reply' || slots?.kind !== 'reply') return undefined
  const epoch = Number(/^cluster_current_epoch:(\d+)/m.exec(String(info.reply))?.[1] ?? '-1')
  const masters = new Array<RedisAddress | undefined>(PARTITIONS).fill(undefined)
  for (const [first, last, [own, port]] of slots.reply as [number, number, [string, number]][]) {
    const master = { host: own || host, port: Number(port) }
    for (let partition = 0; partition < PARTITIONS; partition += 1) {
      if (slotOf(partition) >= first && slotOf(partition) <= last) masters[partition] = master
    }
  }
  return { epoch, masters }
}
