import type { DurableObjectNamespace } from 'cloudflare:workers'
import type { RemoteLedger } from '../ledger/durable-objects.ts'
import type { Remote } from '../object-call.ts'
import type { RemoteState } from '../state/durable-objects.ts'

/** An object as a worker sees it. */
export interface LedgerStub extends RemoteLedger, RemoteState {
  readonly salt: Remote<() => Promise<string>>
}

/** What a worker is given. All texts among them may stand in the configuration as `${NAME}`. */
export interface WorkerBindings {
  /** The configuration itself, YAML or JSON. */
  readonly SIGNET_CONFIG?: unknown
  /** Objects of the class `LedgerObject`; there for `state: durable-objects:`. */
  readonly LEDGER?: DurableObjectNamespace<LedgerStub>
  /**
   * Name of the header in which whatever stands before the worker tells a client's address, and which no
   * client can set: `cf-connecting-ip` on Cloudflare. Default: nobody's address is known.
   */
  readonly SIGNET_ADDRESS_HEADER?: string
  readonly [name: string]: unknown
}

/** The object that all gateways ask for what they share: documents, and the salt. */
export const HOME_OBJECT = 'home'

/** The object of a partition. */
export function partitionObject(partition: number): string {
  return `partition-${partition}`
}
