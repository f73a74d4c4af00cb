import type { Audit } from '../../src/audit/port.ts'
import type { AppContext } from '../../src/http/app-context.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'

/** Called at the awaits of a gateway, by their names; what is awaited goes on when it resolves. */
export type AtAwait = (...names: readonly string[]) => Promise<void>

export interface WatchedPortsOptions {
  readonly at: AtAwait
  /** How far the store's clock is ahead, in milliseconds. */
  readonly storeShiftMs: number
}

/** Ports that say where a request has come to. */
export function watchedPorts(
  ports: Pick<AppContext, 'ledger' | 'audit' | 'storeClient'>,
  { at, storeShiftMs }: WatchedPortsOptions,
): Pick<AppContext, 'ledger' | 'audit' | 'storeClient'> {
  return {
    ledger: watchedLedger(ports.ledger, at),
    audit: watchedAudit(ports.audit, at),
    storeClient: watchedClient(ports.storeClient, at, storeShiftMs),
  }
}

// Their members may be getters that have no answer yet, so nothing is copied.
function watchedLedger(ledger: Ledger, at: AtAwait): Ledger {
  const watched: Partial<Ledger> = {
    async admit(command) {
      if (command.op === 'R') await at('before reserve')
      const reply = await ledger.admit(command)
      if (command.op === 'R') await at('after reserve')
      return reply
    },
    async finish(command) {
      const reply = await ledger.finish(command)
      await at(`after finish ${command.op}`)
      return reply
    },
    async claim(request) {
      const claimed = await ledger.claim(request)
      if (claimed.reservations.length > 0) await at('after claim')
      return claimed
    },
  }
  return Object.assign(Object.create(ledger), watched)
}

function watchedAudit(audit: Audit, at: AtAwait): Audit {
  return {
    ...audit,
    async append(event) {
      if (event.event === 'upload.granted') await at('before audit')
      await audit.append(event)
      if (event.event === 'upload.granted') await at('before answer')
    },
  }
}

function watchedClient(client: StoreClient, at: AtAwait, shiftMs: number): StoreClient {
  return {
    ...client,
    async head(place, versionId) {
      const head = await client.head(place, versionId)
      await at('after HEAD')
      return { ...head, storeNowMs: (head.storeNowMs ?? Date.now()) + shiftMs }
    },
  }
}
