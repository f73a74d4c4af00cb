import { isPermissionMissing, permissionProblem, UnfitServer } from './ask-server.ts'
import { META_KEY } from './keys.ts'
import { parseMeta } from './meta.ts'
import { isMoved } from './not-executed.ts'
import type { RedisNode } from './redis-node.ts'
import type { Topology } from './topology.ts'

/** Whose ledger this is: a gateway stays with the installation that it has met first. */
export interface Installation {
  /** Salt of subject ids; `undefined` until the master of partition 0 has been reached. */
  readonly salt: string | undefined
  /**
   * Comes before anything is written to a server, so that a wrong address does not harm the ledger
   * that is found there. Throws for another installation's, and until ours is known.
   */
  assertOurs(node: RedisNode): Promise<void>
}

const FOREIGN = 'the server holds the ledger of another installation'

/** Learns the salt from the master of partition 0, which alone tells. */
export function createInstallation(topology: () => Topology): Installation {
  let salt: string | undefined
  let foreign = false
  return {
    get salt() {
      return salt
    },
    async assertOurs(node) {
      if (topology().nodeOf(0) !== node) {
        if (foreign) throw new Error(FOREIGN)
        if (salt === undefined) throw new Error('the master of partition 0 is not reached yet')
        return
      }
      const [result] = await node.send([{ name: 'GET', args: [META_KEY] }])
      if (result?.kind === 'error' && isPermissionMissing(result.message)) {
        throw new UnfitServer([permissionProblem(`GET ${META_KEY}: ${result.message}`)])
      }
      // Its slot is on its way: the server that gets it is asked.
      if (result !== undefined && isMoved(result)) return
      const meta = parseMeta(result)
      foreign = meta !== undefined && salt !== undefined && salt !== meta.salt
      if (foreign) throw new Error(FOREIGN)
      salt = meta?.salt ?? salt
    },
  }
}
