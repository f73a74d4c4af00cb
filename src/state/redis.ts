import {
  checkChanges,
  checkDocument,
  checkName,
  checkPage,
  checkVersion,
  kindOf,
} from './check-document.ts'
import type { StateDocument, StateStore } from './port.ts'
import { CHANGE_LUA, CHANGES_LUA, LIST_LUA } from './state-lua.ts'

/** The server that has the documents. */
export interface StateServer {
  /** Runs a command once, and answers its reply. Throws `LedgerUnavailable` for all else. */
  run(name: string, args: readonly (string | number)[]): Promise<unknown>
  /** The same for what changes something, answered once as many replicas have it as are asked for. */
  change(name: string, args: readonly (string | number)[]): Promise<unknown>
  close(): Promise<void>
}

/**
 * The state store on Redis 7 or newer: a hash and two sorted sets of names for each kind, all in the
 * slot of one `tag`, changed by one script at once. Letters of the keys are not the ledger's. Never retries:
 * after `LedgerUnavailable` a change may have been made or not.
 */
export function openRedisState(server: StateServer, { tag }: { readonly tag: string }): StateStore {
  const keysOf = (kind: string) => stateKeys(tag, kind)
  const change = async (name: string, ...args: readonly (string | number)[]) =>
    Number(await server.change('EVAL', [CHANGE_LUA, 3, ...keysOf(kindOf(name)), name, ...args]))
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
      const reply = await server.run('EVAL', [LIST_LUA, 3, ...keysOf(kind), from, limit])
      const [names, stored] = reply as [string[], string[]]
      return names.map((name, index) => documentOf(name, stored[index] ?? ''))
    },
    async changes(request) {
      checkChanges(request)
      const { kind, after, limit } = request
      const reply = await server.run('EVAL', [CHANGES_LUA, 3, ...keysOf(kind), after, limit])
      const [last, names, positions, stored] = reply as [string, string[], string[], string[]]
      const changes = names.map((name, index) => ({
        ...documentOf(name, stored[index] ?? ''),
        position: Number(positions[index]),
      }))
      return { changes, last: Number(last) }
    },
    async confirm() {
      // Replicas take writes in their order, and `WAIT` proves nothing where there was none.
      await change('confirmed', '', '')
    },
    close: () => server.close(),
  }
}

/** Documents of a kind, their names, and the positions of their last writes. */
function stateKeys(tag: string, kind: string) {
  return [`d:{${tag}}:${kind}`, `n:{${tag}}:${kind}`, `w:{${tag}}:${kind}`] as const
}

/** What the state store sends or its scripts call, where nobody has anything; it leaves no trace. */
export function stateSelfTest(
  tag: string,
): readonly { readonly name: string; readonly args: readonly (string | number)[] }[] {
  const [documents, names, positions] = stateKeys(tag, 'self-test')
  return [
    { name: 'EVAL', args: ['return 0', 3, documents, names, positions] },
    { name: 'HGET', args: [documents, 'nobody'] },
    { name: 'HMGET', args: [documents, 'nobody'] },
    { name: 'ZRANGEBYLEX', args: [names, '-', '+', 'LIMIT', 0, 1] },
    { name: 'ZSCORE', args: [positions, 'nobody'] },
    { name: 'ZRANGEBYSCORE', args: [positions, '-inf', '-inf'] },
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
