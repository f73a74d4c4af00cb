import { expect } from 'vitest'
import type { AdmitCommand, FinishCommand, SubjectState } from '../../src/ledger/port.ts'
import { unpackRecord, unpackSubject } from '../../src/ledger/redis/codec.ts'
import { epochKey, indexKey, recordKey, subjectKey } from '../../src/ledger/redis/keys.ts'
import type { RedisCommand, RedisLink, RedisResult } from '../../src/ledger/redis/redis-link.ts'
import { admitReplyOf, finishReplyOf } from '../../src/ledger/redis/replies.ts'
import {
  admitCall,
  claimCall,
  finishCall,
  type ScriptCall,
} from '../../src/ledger/redis/script-calls.ts'
import { type ScriptName, scriptTexts } from '../../src/ledger/redis/scripts/load-scripts.ts'
import { isAdmit, ridsOf } from './decider.ts'
import {
  CLAIM,
  claimText,
  type LogEvent,
  type Outcome,
  type Player,
  replyText,
  stateText,
} from './history.ts'
import type { KnownRecord } from './model-encoding.ts'

const TIME = "redis.call('MGET', 'test:seconds', 'test:micros')"
const EPOCH = '7:current'
const OLD_EPOCH = '6:before'
const RETENTION_MS = 86_400_000
const NO_TTL = -1
const TTLS = `local ttls = {}
for i, key in ipairs(KEYS) do ttls[i] = redis.call('PTTL', key) end
return ttls`

/** Reads the results of its own commands, in their order. */
type Reader = (results: readonly RedisResult[]) => Outcome

/** The Lua scripts on a real server that is all theirs: one pipeline a log, one round trip. */
export async function redisPlayer(link: RedisLink): Promise<Player> {
  const texts = scriptTexts(TIME)
  const names = Object.keys(texts) as ScriptName[]
  const loaded = await link.send(
    [...names.map((name) => texts[name]), TTLS].map((text) => ({
      name: 'SCRIPT',
      args: ['LOAD', text],
    })),
  )
  const shas = loaded.map((result) => String(replyIn(result)))
  const shaOf = (name: ScriptName) => shas[names.indexOf(name)] ?? ''
  const ttlsSha = shas.at(-1) ?? ''

  const evalSha = (sha: string, { keys, args }: ScriptCall): RedisCommand => ({
    name: 'EVALSHA',
    args: [sha, keys.length, ...keys, ...args],
  })

  return {
    name: 'Lua',
    steady: false,
    async play(log) {
      const commands: RedisCommand[] = [
        { name: 'FLUSHALL', args: ['SYNC'] },
        { name: 'SET', args: [epochKey(0), EPOCH] },
      ]
      const readers: { from: number; to: number; read: Reader }[] = []
      const known = { rids: new Set<string>(), subjects: new Set<string>() }
      const send = (more: readonly RedisCommand[], read: Reader) => {
        readers.push({ from: commands.length, to: commands.length + more.length, read })
        commands.push(...more)
      }
      let atMs = Number.NaN
      for (const event of log) {
        if (event.nowMs !== atMs) commands.push(timeCommand(event.nowMs))
        atMs = event.nowMs
        if ('command' in event) {
          for (const subject of event.command.subjects) known.subjects.add(subject)
          for (const rid of ridsOf(event.command)) known.rids.add(rid)
        }
        sendEvent(event, { send, evalSha, shaOf, ttlsSha, known })
      }
      const results = await link.send([...commands, { name: 'KEYS', args: ['*'] }])
      const outcomes = readers.map(({ from, to, read }) => read(results.slice(from, to)))
      expectOnlyOurKeys(replyIn(results.at(-1)) as string[], known)
      return outcomes
    },
  }
}

interface Known {
  readonly rids: ReadonlySet<string>
  readonly subjects: ReadonlySet<string>
}
interface Sending {
  readonly send: (commands: readonly RedisCommand[], read: Reader) => void
  readonly evalSha: (sha: string, call: ScriptCall) => RedisCommand
  readonly shaOf: (name: ScriptName) => string
  readonly ttlsSha: string
  readonly known: Known
}

function sendEvent(event: LogEvent, { send, evalSha, shaOf, ttlsSha, known }: Sending): void {
  switch (event.what) {
    case 'command':
    case 'fenced': {
      const { command, what } = event
      const epoch = what === 'fenced' ? OLD_EPOCH : EPOCH
      const run = evalSha(shaOf(isAdmit(command) ? 'reserve' : 'finish'), callOf(command, epoch))
      const parse = isAdmit(command) ? admitReplyOf : finishReplyOf
      send([run], ([result]) => {
        const reply = parse(replyIn(result))
        if (what === 'command') return replyText(reply)
        const { nowMs } = event
        expect(reply).toEqual({ code: 'FENCED', nowMs, epoch: EPOCH })
        return undefined
      })
      break
    }
    case 'claim':
      send([evalSha(shaOf('claim'), claimCall(CLAIM, EPOCH))], ([result]) => {
        const [, , rids] = replyIn(result) as [string, number, string[]]
        return claimText(rids)
      })
      break
    case 'loss':
      send([{ name: 'DEL', args: [subjectKey(0, event.subject)] }], () => undefined)
      break
    default:
      send(...lookCommands(known, (keys) => evalSha(ttlsSha, { keys, args: [] })))
  }
}

function callOf(command: AdmitCommand | FinishCommand, epoch: string): ScriptCall {
  return isAdmit(command)
    ? admitCall(command, epoch)
    : finishCall(command, { epoch, retentionMs: RETENTION_MS })
}

function timeCommand(nowMs: number): RedisCommand {
  const [seconds, millis] = [Math.floor(nowMs / 1000), nowMs % 1000]
  return { name: 'MSET', args: ['test:seconds', seconds, 'test:micros', millis * 1000] }
}

/** Everything that may be stored by now, decoded as the driver decodes it. */
function lookCommands(
  { rids, subjects }: Known,
  ttlsOf: (keys: readonly string[]) => RedisCommand,
): [RedisCommand[], Reader] {
  // The values are read later, when more may be known: what is known now is what counts.
  const [names, records] = [[...subjects], [...rids]]
  const recordKeys = records.map((rid) => recordKey(0, rid))
  const subjectKeys = names.map((subject) => subjectKey(0, subject))
  const commands = [
    { name: 'MGET', args: [indexKey(0), ...subjectKeys], binary: true },
    { name: 'MGET', args: [indexKey(0), ...recordKeys], binary: true },
    { name: 'ZRANGE', args: [indexKey(0), 0, -1, 'WITHSCORES'] },
    ttlsOf(recordKeys),
  ]
  return [
    commands,
    (results) => {
      // The index is no string: it only keeps MGET from being without a key.
      const [[, ...states], [, ...values], index, ttls] = results.map(replyIn) as [
        (Uint8Array | null)[],
        (Uint8Array | null)[],
        [string, number][],
        number[],
      ]
      const due = new Map(index.map(([rid, score]) => [rid, Number(score)]))
      const state = new Map<string, SubjectState>()
      for (const [at, name] of names.entries()) {
        const bytes = states[at]
        if (bytes != null) state.set(name, unpackSubject(bytes))
      }
      const kept = records.flatMap((rid, at): KnownRecord[] => {
        const bytes = values[at]
        return bytes == null ? [] : [{ ...unpackRecord(bytes), rid, due: due.get(rid) ?? null }]
      })
      expectTtls(kept, new Map(records.map((rid, at) => [rid, ttls[at] ?? 0])))
      return stateText(state, kept)
    },
  ]
}

/** What is pending or condemned stays until it ends; what has ended goes by itself. */
function expectTtls(kept: readonly KnownRecord[], ttls: ReadonlyMap<string, number>): void {
  for (const { rid, due } of kept) {
    const ttl = ttls.get(rid) ?? 0
    if ((due !== null) !== (ttl === NO_TTL)) expect([rid, { due }, { ttl }]).toEqual([])
    if (ttl > RETENTION_MS) expect(ttl).toBeLessThanOrEqual(RETENTION_MS)
  }
}

/** Nothing is written but records, subjects, the index and the canary. */
function expectOnlyOurKeys(keys: readonly string[], { rids, subjects }: Known): void {
  const ours = new Set(['test:seconds', 'test:micros', indexKey(0), epochKey(0)])
  for (const rid of rids) ours.add(recordKey(0, rid))
  for (const subject of subjects) ours.add(subjectKey(0, subject))
  expect(keys.filter((key) => !ours.has(key))).toEqual([])
}

function replyIn(result: RedisResult | undefined): unknown {
  if (result?.kind === 'reply') return result.reply
  throw new Error(`Cannot play on Redis: ${result?.message ?? 'no result'}`)
}
