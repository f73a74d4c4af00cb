import { META_KEY } from './keys.ts'
import type { RedisResult } from './redis-link.ts'

/** What a ledger is as a whole. */
export interface LedgerMeta {
  readonly schema: 1
  /** Installation salt: subject ids are made with it. */
  readonly salt: string
  /** False while an initialisation is under way, which may be repeated then. */
  readonly complete: boolean
}

/** Reads `META_KEY`; `undefined` when it is not there. Throws for a value that is none of ours. */
export function parseMeta(result: RedisResult | undefined): LedgerMeta | undefined {
  if (result?.kind === 'error' && result.message.startsWith('WRONGTYPE')) {
    throw new Error(`the key "${META_KEY}" is of another type: it is not the ledger's own`)
  }
  if (result?.kind !== 'reply')
    throw new Error(`cannot read the key "${META_KEY}": ${result?.message ?? 'no answer'}`)
  if (result.reply === null) return undefined
  const value = parsed(String(result.reply))
  const meta = value as Partial<LedgerMeta> | null
  if (meta?.schema !== 1 || typeof meta.salt !== 'string' || meta.salt === '') {
    throw new Error(`the key "${META_KEY}" holds something that this version did not write`)
  }
  return { schema: 1, salt: meta.salt, complete: meta.complete === true }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
