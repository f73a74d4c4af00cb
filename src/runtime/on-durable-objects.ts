import type { Config } from '../config/config.ts'
import { GatewayError } from '../errors.ts'
import { openDurableObjectsLedger } from '../ledger/durable-objects.ts'
import { callObject } from '../object-call.ts'
import { openDurableObjectState } from '../state/durable-objects.ts'
import { keepGateway } from './keep-gateway.ts'
import { keptAlive } from './request-scope.ts'
import {
  HOME_OBJECT,
  type LedgerStub,
  partitionObject,
  type WorkerBindings,
} from './worker-bindings.ts'
import { openWorkerGateway, type WorkerState } from './worker-gateway.ts'

/** The gateway of this isolate, on the Durable Objects that it is bound to. Throws `ConfigError`. */
export const gatewayOnObjects = keepGateway((env) => openWorkerGateway(env, stateOnObjects))

/** The object of a name, which is another stub each time: it belongs to the request that asks. */
export function objectNamed(env: WorkerBindings, name: string): LedgerStub {
  const { LEDGER: namespace } = env
  if (namespace === undefined) {
    throw new GatewayError('InternalError', 'Cannot find the ledger: nothing is bound to "LEDGER"')
  }
  const stub = namespace.getByName(name)
  return new Proxy(stub, {
    get: (_, method: keyof LedgerStub) => {
      const call = Reflect.get(stub, method) as (...values: unknown[]) => Promise<unknown>
      return (...values: unknown[]) => keptAlive(call(...values))
    },
  })
}

function stateOnObjects({ state }: Pick<Config, 'state'>, env: WorkerBindings): WorkerState {
  if (state.kind !== 'durable-objects') {
    throw new GatewayError(
      'InternalError',
      `Cannot start: "state" must be durable-objects: and is ${state.kind}:`,
    )
  }
  const home = () => objectNamed(env, HOME_OBJECT)
  let salt: string | undefined
  return {
    openLedger: async () =>
      openDurableObjectsLedger({
        objectOf: (partition) => objectNamed(env, partitionObject(partition)),
        salt: () => known(salt),
      }),
    openState: async () => openDurableObjectState(home),
    async prepare() {
      // Whoever needs it says that it is not known.
      salt ??= await callObject(() => home().salt(), {
        what: 'open the ledger',
        again: true,
      }).catch(() => undefined)
    },
  }
}

function known(salt: string | undefined): string {
  if (salt !== undefined) return salt
  throw new GatewayError('LedgerUnavailable', 'Cannot use the ledger: its objects do not answer')
}
