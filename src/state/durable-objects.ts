import { callObject, type Remote } from '../object-call.ts'
import type { StateStore } from './port.ts'

/** The state store of an object, as it is called from elsewhere. */
export interface RemoteState {
  readonly getDocument: Remote<StateStore['get']>
  readonly putDocument: Remote<StateStore['put']>
  readonly removeDocument: Remote<StateStore['remove']>
  readonly listDocuments: Remote<StateStore['list']>
  readonly listChanges: Remote<StateStore['changes']>
}

const WHAT = 'use the shared state'

/**
 * The state store in a Durable Object that all gateways ask. `home` is called for each call anew: a stub
 * belongs to the request that made it. Reads are sent once more where the object could not be asked,
 * changes never: after `LedgerUnavailable` one may have been made or not.
 */
export function openDurableObjectState(home: () => RemoteState): StateStore {
  const read = { what: WHAT, again: true }
  const change = { what: WHAT, again: false }
  return {
    get: (name) => callObject(() => home().getDocument(name), read),
    put: (document) => callObject(() => home().putDocument(document), change),
    remove: (name, ifVersion) => callObject(() => home().removeDocument(name, ifVersion), change),
    list: (request) => callObject(() => home().listDocuments(request), read),
    changes: (request) => callObject(() => home().listChanges(request), read),
    // The object answers when what it tells of is durable.
    async confirm() {},
    async close() {},
  }
}
