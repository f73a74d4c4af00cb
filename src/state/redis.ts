import { checkDocument, checkName, checkPage, checkVersion, kindOf } from './check-document.ts'
import type { StateDocument, StateStore } from './port.ts'
import { CHANGE_LUA, LIST_LUA } from './state-lua.ts'

/** The server that has the documents. */
export interface StateServer {
  /** Runs a command once, and answers its reply. Throws `LedgerUnavailable` for all else. */
  run(name: string, args: readonly (string | number)[]): Promise<unknown>
  close(): Promise<void>
}

/**
 * The state store on Redis 7 or newer: a hash and a sorted set of names for each kind, all in the slot
 * of one `tag`, changed by one script at once. Letters of the keys are not the ledger's. Never retries:
 * after `LedgerUnavailable` a change may have been made or not.
 */
export function openRedisState(server: StateServer, { tag }: { readonly tag: string }): StateStore {
  const keysOf = (kind: string) => stateKeys(tag, kind)
  const change = async (name: string, ...args: readonly (string | number)[]) =>
    Number(await server.run('EVAL', [CHANGE_LUA, 2, ...keysOf(kindOf(name)), name, ...args]))
  return {
    async get(name) {
      checkName(name)
      const [documents] = keysOf(kindOf(name))
      const stored = await server.run('HGET', [documents, name])
      return typeof stored === 'string' ? documentOf(name, stored) : undefined
    },
    async put(document) {
      checkDocument(document)
      const { name, value, ifVersion } = document
      const version = await change(name, ifVersion ?? '', value)
      return version === 0 ? undefined : version
    },
    async remove(name, ifVersion) {
      checkName(name)
      checkVersion(ifVersion)
      return (await change(name, ifVersion ?? '')) === 1
    },
    async list(request) {
      checkPage(request)
      const { kind, after, limit } = request
      const from = after === undefined ? '-' : `(${after}`
      const reply = await server.run('EVAL', [LIST_LUA, 2, ...keysOf(kind), from, limit])
      const [names, stored] = reply as [string[], string[]]
      return names.map((name, index) => documentOf(name, stored[index] ?? ''))
    },
    close: () => server.close(),
  }
}

/** Documents of a kind, and their names. */
function stateKeys(tag: string, kind: string) {
  return [`d:{${tag}}:${kind}`, `n:{${tag}}:${kind}`] as const
}

/** What the state store sends or its scripts call, where nobody has anything; it leaves no trace. */
export function stateSelfTest(
  tag: string,
): readonly { readonly name: string; readonly args: readonly (string | number)[] }[] {
  const [documents, names] = stateKeys(tag, 'self-test')
  return [
    { name: 'EVAL', args: ['return 0', 2, documents, names] },
    { name: 'HGET', args: [documents, 'nobody'] },
    { name: 'HMGET', args: [documents, 'nobody'] },
    { name: 'ZRANGEBYLEX', args: [names, '-', '+', 'LIMIT', 0, 1] },
    { name: 'ZADD', args: [names, 'XX', 0, 'nobody'] },
    { name: 'ZREM', args: [names, 'nobody'] },
    { name: 'HSET', args: [documents, 'nobody', ''] },
    { name: 'HDEL', args: [documents, 'nobody'] },
  ]
}

function documentOf(name: string, stored: string): StateDocument {
  const colon = stored.indexOf(':')
  return { name, version: Number(stored.slice(0, colon)), value: stored.slice(colon + 1) }
}
