import { GatewayError } from '../../errors.ts'
import { epochText, parseEpoch } from './epoch.ts'
import { epochKey, META_KEY } from './keys.ts'
import { type LedgerMeta, parseMeta } from './meta.ts'
import type { RedisArgument, RedisCommand, RedisResult } from './redis-link.ts'
import { FENCE_LUA } from './scripts/fence-lua.ts'
import { serverFactsOf } from './server-facts.ts'
import { PARTITIONS } from './tags.ts'

/** A master and its partitions, as initialising needs it. */
export interface InitTarget {
  readonly partitions: readonly number[]
  send(commands: readonly RedisCommand[]): Promise<readonly RedisResult[]>
}

export interface InitOptions {
  /** Salt of a new ledger; one that has a salt keeps it. */
  readonly salt: string
  /** The salt replaces that of the ledger as well, when a loss is accepted. Default false. */
  readonly replaceSalt?: boolean
  /** Opens a ledger again of which data is known to be lost, or that comes from a backup. */
  readonly acceptLoss: boolean
}

/** What an initialisation found and did. */
export interface InitResult {
  /** True for a ledger that was not there before. */
  readonly created: boolean
  readonly generation: number
  /** The ledger's salt. No secret: a ledger that is lost needs it again. */
  readonly salt: string
}

/**
 * Makes the canaries without which nothing is granted. Refuses a server that has a ledger already,
 * unless a loss is to be accepted: then every partition gets a new generation, and the salt stays
 * unless it is to be replaced.
 * Throws `LedgerUnavailable`. One that was interrupted may be repeated.
 */
export async function initLedger(
  targets: readonly InitTarget[],
  { salt, replaceSalt = false, acceptLoss }: InitOptions,
): Promise<InitResult> {
  const home = targets.find(({ partitions }) => partitions.includes(0))
  const named = new Set(targets.flatMap(({ partitions }) => partitions))
  if (home === undefined || named.size < PARTITIONS) {
    throw new GatewayError('LedgerUnavailable', 'Cannot initialise: not every slot has a master')
  }
  const meta = parseMeta((await home.send([{ name: 'GET', args: [META_KEY] }]))[0])
  if (meta?.complete === true && !acceptLoss && (await canaries(targets)) > 0) {
    throw new GatewayError(
      'LedgerUnavailable',
      'Cannot initialise: there is a ledger already; --accept-loss opens it again after a loss',
    )
  }
  const isOther = meta !== undefined && meta.salt !== salt
  if (isOther && replaceSalt && !acceptLoss) {
    throw new GatewayError(
      'LedgerUnavailable',
      'Cannot initialise: there is another salt already; --accept-loss replaces it',
    )
  }
  const kept = replaceSalt ? salt : (meta?.salt ?? salt)
  await writeMeta(home, { schema: 1, salt: kept, complete: false })
  let generation = 0
  for (const target of targets) generation = Math.max(generation, await openAll(target))
  await writeMeta(home, { schema: 1, salt: kept, complete: true })
  return { created: meta === undefined, generation, salt: kept }
}

async function canaries(targets: readonly InitTarget[]): Promise<number> {
  let count = 0
  for (const target of targets) {
    const texts = await epochsOf(target)
    count += texts.filter((text) => parseEpoch(text) !== undefined).length
  }
  return count
}

async function epochsOf({ partitions, send }: InitTarget): Promise<string[]> {
  const gets = partitions.map((partition) => ({ name: 'GET', args: [epochKey(partition)] }))
  return (await send(gets)).map((result) => String(replyOf(result) ?? ''))
}

/** Moves every canary of a master to a generation that is newer than any before. */
async function openAll(target: InitTarget): Promise<number> {
  const { partitions, send } = target
  const facts = serverFactsOf(String(replyOf((await send([{ name: 'INFO', args: [] }]))[0])))
  const [seconds] = replyOf((await send([{ name: 'TIME', args: [] }]))[0]) as [string]
  const texts = await epochsOf(target)
  const generations = texts.map((text) => parseEpoch(text)?.generation ?? 0)
  const generation = Math.max(Number(seconds), ...generations.map((known) => known + 1))
  const { replicationId } = facts
  const to = epochText({ phase: 'open', generation, replicationId, openAtMs: 0 })
  const moves = partitions.map((partition, index): RedisCommand => {
    const args: RedisArgument[] = [FENCE_LUA, 1, epochKey(partition), texts[index] ?? '', to]
    return { name: 'EVAL', args }
  })
  for (const moved of await send(moves)) {
    const [text] = replyOf(moved) as [string]
    if (text !== to) {
      throw new GatewayError('LedgerUnavailable', 'Cannot initialise: somebody else is at it')
    }
  }
  return generation
}

async function writeMeta(home: InitTarget, meta: LedgerMeta): Promise<void> {
  replyOf((await home.send([{ name: 'SET', args: [META_KEY, JSON.stringify(meta)] }]))[0])
}

function replyOf(result: RedisResult | undefined): unknown {
  if (result?.kind === 'reply') return result.reply
  throw new GatewayError(
    'LedgerUnavailable',
    `Cannot initialise: ${result?.message ?? 'there is no answer'}`,
  )
}
