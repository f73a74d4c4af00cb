import { checkDocument, checkName, checkPage, checkVersion, kindOf } from './check-document.ts'
import type { StateDocument, StateStore } from './port.ts'

/** The state store of one process, for tests and trying out: it ends with the process. */
export function openMemoryState(): StateStore {
  const documents = new Map<string, StateDocument>()
  return {
    async get(name) {
      checkName(name)
      return documents.get(name)
    },
    async put(document) {
      checkDocument(document)
      const { name, value, ifVersion } = document
      const found = documents.get(name)?.version ?? 0
      if (ifVersion !== undefined && ifVersion !== found) return undefined
      documents.set(name, { name, value, version: found + 1 })
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
      return [...documents.values()]
        .filter(({ name }) => kindOf(name) === kind && name > after)
        .sort((one, other) => (one.name < other.name ? -1 : 1))
        .slice(0, limit)
    },
    async close() {},
  }
}
