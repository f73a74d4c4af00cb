import { stateSelfTest } from '../../state/redis.ts'
import { isPermissionMissing, permissionProblem, UnfitServer } from './ask-server.ts'
import { epochKey, indexKey, MEMBERS_KEY, META_KEY, recordKey, subjectKey } from './keys.ts'
import { isMoved } from './not-executed.ts'
import type { RedisCommand, RedisResult } from './redis-link.ts'
import type { RedisLedgerSettings } from './settings.ts'
import { PARTITION_TAGS } from './tags.ts'

/** A server as the self-test needs it. */
export interface TestedServer {
  send(commands: readonly RedisCommand[]): Promise<readonly RedisResult[]>
  /** `EVALSHA` of the probe. */
  probeCommand(keys: readonly string[], args: readonly string[]): RedisCommand
}

export interface SelfTestOptions {
  /** Those that the server has now; with partition 0 goes what the ledger is as a whole. */
  readonly partitions: readonly number[]
  readonly settings: Pick<RedisLedgerSettings, 'durability' | 'alsoTested'>
}

// No upload id and no subject is named so.
const NOBODY = 'self-test'
/**
 * What concerns the ledger as a whole, and the documents beside it. A member that is taken out at once
 * has no share.
 */
const HOME: readonly RedisCommand[] = [
  { name: 'GET', args: [META_KEY] },
  { name: 'ZREM', args: [MEMBERS_KEY, NOBODY] },
  { name: 'ZREMRANGEBYSCORE', args: [MEMBERS_KEY, '-inf', '-inf'] },
  { name: 'ZRANGE', args: [MEMBERS_KEY, 0, 0] },
  ...stateSelfTest(PARTITION_TAGS[0] ?? ''),
]

/**
 * Runs every command of the ledger once, where nobody has anything, and leaves no trace: one round
 * trip. Throws `UnfitServer` with all that the server's ACL forbids, `Error` for everything else.
 */
export async function selfTest(
  server: TestedServer,
  { partitions, settings }: SelfTestOptions,
): Promise<void> {
  const { durability, alsoTested = [] } = settings
  // Batches are followed by `WAIT` then.
  const waits = durability === 'strict'
  for (const partition of partitions) {
    const beside = partitions.includes(0) ? [...HOME, ...alsoTested] : []
    if (await testIn(server, { partition, beside, waits })) return
  }
}

/** Answers false when the partition's slot is on its way, so that no script runs in it. */
async function testIn(
  { send, probeCommand }: TestedServer,
  {
    partition,
    beside,
    waits,
  }: { partition: number; beside: readonly RedisCommand[]; waits: boolean },
): Promise<boolean> {
  const record = recordKey(partition, NOBODY)
  const index = indexKey(partition)
  const keys = [index, epochKey(partition), record, subjectKey(partition, NOBODY)]
  const commands: RedisCommand[] = [
    probeCommand(keys, [NOBODY]),
    { name: 'EXISTS', args: [record] },
    { name: 'MGET', args: [record] },
    { name: 'TYPE', args: [record] },
    { name: 'PTTL', args: [record] },
    { name: 'ZSCAN', args: [index, '0', 'COUNT', 1] },
    { name: 'SCAN', args: ['0', 'COUNT', 1] },
    { name: 'ZSCORE', args: [index, NOBODY] },
    { name: 'WATCH', args: [record] },
    { name: 'MULTI', args: [] },
    { name: 'EXEC', args: [] },
    ...beside,
    ...(waits ? [{ name: 'WAIT', args: [0, 1] }] : []),
  ]
  const results = await send(commands)
  const refused: string[] = []
  for (const [place, result] of results.entries()) {
    const { name = '' } = commands[place] ?? {}
    // Permissions are looked at before slots, so one that is sent elsewhere is allowed.
    if (result.kind === 'reply' || isMoved(result)) continue
    // Types are looked at after permissions: a key of another program is told of when it is used.
    if (result.message.startsWith('WRONGTYPE')) continue
    // So is memory: a full server takes no writes, which is looked at elsewhere.
    if (result.message.startsWith('OOM')) continue
    // What a refused MULTI leaves behind.
    if (result.message.includes('EXEC without MULTI')) continue
    if (!isPermissionMissing(result.message)) throw new Error(`${name}: ${result.message}`)
    refused.push(`${name}: ${result.message}`)
  }
  const [probed] = results
  if (probed !== undefined && isMoved(probed) && refused.length === 0) return false
  const pairs = probed?.kind === 'reply' ? (probed.reply as string[]) : []
  for (let at = 0; at < pairs.length; at += 2) {
    const told = `${pairs[at]} in a script: ${pairs[at + 1]}`
    if (!isPermissionMissing(pairs[at + 1] ?? '')) throw new Error(told)
    refused.push(told)
  }
  if (refused.length > 0) throw new UnfitServer([permissionProblem(refused.join(', '))])
  return true
}
