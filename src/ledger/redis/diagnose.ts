import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import type { Logger } from '../../log.ts'
import { checkCommand } from '../check-command.ts'
import type { AdmitCommand, FinishCommand } from '../port.ts'
import { UnreadableValue, unpackRecord, unpackUsableSubject } from './codec.ts'
import { recordKey, subjectKey } from './keys.ts'
import type { RedisNode } from './redis-node.ts'

/** What is wrong with a stored key: for the operator, who alone may touch it. */
export interface BadKey {
  readonly key: string
  /** Continues a sentence that begins with the key; nothing of the value is in it. */
  readonly why: string
}

/** Finds and reports keys that are not what this ledger writes. They are never written over. */
export interface Diagnosis {
  /** One log line, for the same key at most one a minute; returns the error for who asked. */
  report(bad: BadKey): GatewayError
  /** Why a script that ran came to nothing: looks at its keys. Throws nothing. */
  explain(node: Pick<RedisNode, 'send'>, keys: readonly string[], message: string): Promise<BadKey>
  /** As `checkCommand`; the `RangeError` names the key that the command is about, and is logged. */
  check(command: AdmitCommand | FinishCommand): void
}

const SAME_KEY_MS = 60_000
const MAX_REMEMBERED = 256
/** What each of our keys is, by the letter that its name begins with. */
const TYPES: Readonly<Record<string, string>> = { x: 'zset', g: 'zset' }
const UNPACK: Readonly<Record<string, (bytes: Uint8Array) => unknown>> = {
  q: unpackUsableSubject,
  v: unpackRecord,
}

export interface DiagnosisOptions {
  readonly log: Logger
  readonly clock: Clock
  /** Counts what must not happen. */
  readonly alarm: (facts: { readonly op: string; readonly code: string }) => void
}

export function createDiagnosis({ log, clock, alarm }: DiagnosisOptions): Diagnosis {
  const reportedAtMs = new Map<string, number>()

  function logOnce(event: string, { key, why }: BadKey): void {
    const nowMs = clock.nowMs()
    if (Math.abs(nowMs - (reportedAtMs.get(key) ?? Number.NEGATIVE_INFINITY)) < SAME_KEY_MS) return
    if (reportedAtMs.size >= MAX_REMEMBERED) reportedAtMs.clear()
    reportedAtMs.set(key, nowMs)
    log.error(event, { key, why })
  }

  return {
    report(bad) {
      alarm({ op: 'read', code: 'UNREADABLE' })
      logOnce('ledger.unreadable', bad)
      return new GatewayError('LedgerUnavailable', 'Cannot read the ledger: a key is not its own', {
        facts: { ...bad },
      })
    },
    async explain(node, keys, message) {
      for (const key of keys) {
        const why = await whyUnreadable(node, key)
        if (why !== undefined) return { key, why }
      }
      // All keys are ours: it was what the script was given. Its record, or the index of a claim.
      return { key: keys[2] ?? keys[0] ?? '', why: `was not written: ${message}` }
    },
    check(command) {
      try {
        checkCommand(command)
      } catch (cause) {
        if (!(cause instanceof RangeError)) throw cause
        const { partition, subjects } = command
        const [owner = ''] = subjects
        const key =
          'rid' in command ? recordKey(partition, command.rid) : subjectKey(partition, owner)
        logOnce('ledger.bad_command', { key, why: cause.message })
        throw new RangeError(`${cause.message} for the key "${key}"`, { cause })
      }
    },
  }
}

/** What makes a key none of ours; `undefined` for one that is, is not there, or cannot be read now. */
export async function whyUnreadable(
  node: Pick<RedisNode, 'send'>,
  key: string,
): Promise<string | undefined> {
  const letter = key.slice(0, 1)
  const expected = TYPES[letter] ?? 'string'
  const [type] = await node.send([{ name: 'TYPE', args: [key] }])
  if (type?.kind !== 'reply' || type.reply === 'none') return undefined
  if (type.reply !== expected) return `is a ${type.reply}, where a ${expected} belongs`
  const unpack = UNPACK[letter]
  if (unpack === undefined) return undefined
  const [value] = await node.send([{ name: 'GET', args: [key], binary: true }])
  if (value?.kind !== 'reply' || !(value.reply instanceof Uint8Array)) return undefined
  try {
    unpack(value.reply)
    return undefined
  } catch (error) {
    if (error instanceof UnreadableValue) return error.message
    throw error
  }
}
