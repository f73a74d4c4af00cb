import {
  checkChanges,
  checkDocument,
  checkName,
  checkPage,
  checkVersion,
  kindOf,
} from './check-document.ts'
import type { StateChange, StateDocument, StateStore } from './port.ts'

/** The state store of one process, for tests and trying out: it ends with the process. */
export function openMemoryState(): StateStore {
  // In the order of the last writes.
  const documents = new Map<string, StateChange>()
  const lastByKind = new Map<string, number>()
  const ofKind = (kind: string) =>
    [...documents.values()].filter(({ name }) => kindOf(name) === kind)
  return {
    async get(name) {
      checkName(name)
      const found = documents.get(name)
      return found && documentOf(found)
    },
    async put(document) {
      checkDocument(document)
      const { name, value, ifVersion } = document
      const found = documents.get(name)?.version ?? 0
      if (ifVersion !== undefined && ifVersion !== found) return undefined
      const position = (lastByKind.get(kindOf(name)) ?? 0) + 1
      lastByKind.set(kindOf(name), position)
      documents.delete(name)
      documents.set(name, { name, value, version: found + 1, position })
      return found + 1
    },
    async remove(name, ifVersion) {
      checkName(name)
      checkVersion(ifVersion)
      if (ifVersion !== undefined && documents.get(name)?.version !== ifVersion) return false
      return documents.delete(name)
    },
    async list(request) {
      checkPage(request)
      const { kind, after = '', limit } = request
      return ofKind(kind)
        .filter(({ name }) => name > after)
        .sort((one, other) => (one.name < other.name ? -1 : 1))
        .slice(0, limit)
        .map(documentOf)
    },
    async changes(request) {
      checkChanges(request)
      const { kind, after, limit } = request
      const last = lastByKind.get(kind) ?? 0
      if (last <= after) return { changes: [], last }
      const changes = ofKind(kind).filter(({ position }) => position > after)
      return { changes: changes.slice(0, limit), last }
    },
    async confirm() {},
    async close() {},
  }
}

function documentOf({ name, version, value }: StateChange): StateDocument {
  return { name, version, value }
}
