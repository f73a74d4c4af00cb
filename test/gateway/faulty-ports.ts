import { GatewayError } from '../../src/errors.ts'
import type { AppContext } from '../../src/http/app-context.ts'
import type { Ledger } from '../../src/ledger/port.ts'
import type { StoreClient } from '../../src/stores/store-client.ts'

/** What becomes of a call: it does not happen, or it happens and nobody hears of it. */
export type Fault = 'refused' | 'lost'

/** Which calls fail: the one at `at` (from 0), or that one and all later ones, as in a crash. */
export interface FaultPlan {
  readonly at: number
  readonly fault: Fault
  readonly once: boolean
  /** Only calls whose names begin so. Default: all. */
  readonly of?: string
}

/** Every call that a gateway makes outside of itself, in order, and which of them fail. */
export class PortFaults {
  /** Names of the calls since `plan`: ledger operations as they are, calls to the store, `audit`. */
  readonly calls: string[] = []
  readonly #pauses = new Map<string, { reached: () => void; gone: Promise<void> }>()
  #plan: FaultPlan | undefined

  /** From now on calls are counted, and fail by the plan; without one none fails. */
  plan(plan?: FaultPlan): void {
    this.calls.length = 0
    this.#plan = plan
  }

  /** Holds the next call of this name back until `go`; `reached` when it is there. */
  pauseAt(name: string): { readonly reached: Promise<void>; go(): void } {
    const [reached, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    this.#pauses.set(name, { reached: reached.resolve, gone: gone.promise })
    return { reached: reached.promise, go: gone.resolve }
  }

  /** Makes a call, or what the plan makes of it. */
  async around<T>(name: string, call: () => Promise<T>): Promise<T> {
    const at = this.calls.push(name) - 1
    const pause = this.#pauses.get(name)
    this.#pauses.delete(name)
    pause?.reached()
    await pause?.gone
    const fault = this.#faultAt(at, name)
    if (fault === 'refused') throw this.#error(name)
    const answer = await call()
    if (fault === 'lost') throw this.#error(name)
    return answer
  }

  #faultAt(at: number, name: string): Fault | undefined {
    const plan = this.#plan
    if (plan === undefined || at < plan.at || !name.startsWith(plan.of ?? '')) return undefined
    if (at === plan.at) return plan.fault
    return plan.once ? undefined : 'refused'
  }

  #error(name: string): Error {
    if (name === 'audit' || name === 'sign') return new Error(`${name} is away`)
    const code = name.startsWith('store.') ? 'StoreUnavailable' : 'LedgerUnavailable'
    return new GatewayError(code, `Cannot ${name}: this test does not let it`)
  }
}

/** A store client whose calls go through `faults`, as `store.<method>`. */
export function faultyStore(client: StoreClient, faults: PortFaults): StoreClient {
  return throughFaults(client, (name) => `store.${name}`, faults)
}

/** A ledger whose decisions go through `faults`, by the command's letter; looks-up as `find`. */
export function faultyLedger<L extends Ledger>(ledger: L, faults: PortFaults): L {
  const { admit, finish, find } = ledger
  return {
    ...ledger,
    admit: (command) => faults.around(command.op, () => admit(command)),
    finish: (command) => faults.around(command.op, () => finish(command)),
    find: (ref) => faults.around('find', () => find(ref)),
  }
}

/** Replaces the audit log and the signer of a context by ones that go through `faults`. */
export function makeFaulty(context: AppContext, faults: PortFaults): void {
  const { audit, presigner } = context
  Object.assign(context, {
    audit: { ...audit, append: (event) => faults.around('audit', () => audit.append(event)) },
    presigner: {
      ...presigner,
      presign: (request) => faults.around('sign', async () => presigner.presign(request)),
    },
  } satisfies Partial<AppContext>)
}

function throughFaults<T extends object>(
  port: T,
  nameOf: (method: string) => string,
  faults: PortFaults,
): T {
  return new Proxy(port, {
    get(_, method: string) {
      const call = port[method as keyof T] as (...asked: unknown[]) => Promise<unknown>
      return (...asked: unknown[]) => faults.around(nameOf(method), () => call(...asked))
    },
  })
}
