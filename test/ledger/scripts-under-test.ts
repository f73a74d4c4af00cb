import type { LedgerRecord } from '../../src/ledger/decision.ts'
import type {
  AdmitCommand,
  AdmitReply,
  ClaimRequest,
  FinishCommand,
  FinishReply,
  SubjectState,
} from '../../src/ledger/port.ts'
import { unpackRecord, unpackSubject } from '../../src/ledger/redis/codec.ts'
import { epochKey, indexKey, recordKey, subjectKey } from '../../src/ledger/redis/keys.ts'
import type { RedisCommand, RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { admitReplyOf, finishReplyOf } from '../../src/ledger/redis/replies.ts'
import {
  admitCall,
  claimCall,
  finishCall,
  type ScriptCall,
} from '../../src/ledger/redis/script-calls.ts'
import { type ScriptName, scriptTexts } from '../../src/ledger/redis/scripts/load-scripts.ts'
import { START_MS } from '../contract/ledger-commands.ts'

export type ScriptTexts = Readonly<Record<ScriptName, string>>

/** What a script came to: its reply, or the error that it ended with. */
export type Came<Reply> = Reply | { readonly error: string }

/** The scripts by themselves on a real server: no driver, a clock of the test's own, partition 0. */
export interface ScriptsUnderTest {
  readonly nowMs: number
  moveTo(nowMs: number): Promise<void>
  admit(command: AdmitCommand, epoch?: string): Promise<Came<AdmitReply>>
  finish(
    command: FinishCommand,
    more?: { epoch?: string; retentionMs?: number },
  ): Promise<Came<FinishReply>>
  /** Claimed rids, or the code of another reply. */
  claim(request?: Partial<ClaimRequest>, epoch?: string): Promise<readonly string[] | string>
  /** Any command; throws on an error. */
  run(name: string, ...args: (string | number | Uint8Array)[]): Promise<unknown>
  subject(id: string): Promise<SubjectState | undefined>
  record(rid: string): Promise<LedgerRecord | undefined>
  /** Milliseconds; -1: for good. -2: not there. */
  ttl(rid: string): Promise<number>
  /** When somebody looks next; `undefined`: not in the index. */
  due(rid: string): Promise<number | undefined>
  /** All that is stored, as text: equal if and only if nothing was changed. */
  stored(): Promise<string>
  /** Commands that changed something since the server started. */
  changes(): Promise<number>
}

export const EPOCH = '7:now'
const TIME = "redis.call('MGET', 'test:seconds', 'test:micros')"
const RETENTION_MS = 86_400_000

/** The texts of the scripts with the test's clock. */
export const TEXTS: ScriptTexts = scriptTexts(TIME)

/** Empties the server, unless `empty` is false: then another one is using it as well. */
export async function openScripts(
  link: RedisLink,
  texts: ScriptTexts,
  { empty = true }: { readonly empty?: boolean } = {},
): Promise<ScriptsUnderTest> {
  let nowMs = START_MS

  async function outcome(command: RedisCommand): Promise<{ reply: unknown } | { error: string }> {
    const [result] = await link.send([command])
    if (result?.kind === 'reply') return { reply: result.reply }
    if (result?.kind === 'error') return { error: result.message }
    throw new Error(`Cannot ask Redis: ${result?.message ?? 'no result'}`)
  }
  async function reply(command: RedisCommand): Promise<unknown> {
    const came = await outcome(command)
    if ('error' in came) throw new Error(`Cannot ask Redis: ${came.error}`)
    return came.reply
  }
  const run: ScriptsUnderTest['run'] = (name, ...args) => reply({ name, args })
  const bytesOf = async (key: string) =>
    (await reply({ name: 'GET', args: [key], binary: true })) as Uint8Array | null
  const evaluate = (name: ScriptName, { keys, args }: ScriptCall) =>
    outcome({ name: 'EVAL', args: [texts[name], keys.length, ...keys, ...args] })

  async function moveTo(toMs: number): Promise<void> {
    nowMs = toMs
    const [seconds, millis] = [Math.floor(nowMs / 1000), nowMs % 1000]
    await run('MSET', 'test:seconds', seconds, 'test:micros', millis * 1000)
  }

  if (empty) {
    await run('FLUSHALL')
    await run('SET', epochKey(0), EPOCH)
    await moveTo(nowMs)
  }
  return {
    get nowMs() {
      return nowMs
    },
    moveTo,
    run,
    async admit(command, epoch = EPOCH) {
      const came = await evaluate('reserve', admitCall(command, epoch))
      return 'error' in came ? came : admitReplyOf(came.reply)
    },
    async finish(command, { epoch = EPOCH, retentionMs = RETENTION_MS } = {}) {
      const call = finishCall(command, { epoch, retentionMs })
      const came = await evaluate('finish', call)
      return 'error' in came ? came : finishReplyOf(came.reply)
    },
    async claim(request, epoch = EPOCH) {
      const claim = { partition: 0, limit: 10, leaseMs: 30_000, ...request }
      const came = await evaluate('claim', claimCall(claim, epoch))
      if ('error' in came) return came.error
      const [code, , rids] = came.reply as [string, number, string[]]
      return code === 'OK' ? rids : code
    },
    async subject(id) {
      const bytes = await bytesOf(subjectKey(0, id))
      return bytes === null ? undefined : unpackSubject(bytes)
    },
    async record(rid) {
      const bytes = await bytesOf(recordKey(0, rid))
      return bytes === null ? undefined : unpackRecord(bytes)
    },
    ttl: async (rid) => Number(await run('PTTL', recordKey(0, rid))),
    async due(rid) {
      const score = await run('ZSCORE', indexKey(0), rid)
      return score === null ? undefined : Number(score)
    },
    stored: async () => String(await run('DEBUG', 'DIGEST')),
    async changes() {
      const info = String(await run('INFO', 'persistence'))
      return Number(/rdb_changes_since_last_save:(\d+)/.exec(info)?.[1])
    },
  }
}
