import { createBoundedSet } from '../bounded-set.ts'
import { GatewayError } from '../errors.ts'
import { createLocalLimiter, slowDown } from '../gateway/local-limiter.ts'
import { networkOf } from '../network.ts'
import type { AppContext } from './app-context.ts'
import { clientAddressOf } from './client-address.ts'
import type { HttpContext } from './route.ts'

/** Failures of one network with one name: 20 at once, then one a second. */
const FAILURE_RATE = { requests: 1, windowSeconds: 1, burst: 20 }
/** Failures of one network with any names, which whoever guesses may choose: 200 at once, then 10 a second. */
const NETWORK_RATE = { requests: 10, windowSeconds: 1, burst: 200 }
/** Attempts that are remembered for having failed. */
const MAX_REMEMBERED = 10_000

/** Something that may fail for want of a credential. */
export interface Attempt {
  readonly http: HttpContext
  /** What it is counted for beside the network: a key id, an issuer, a store. Without spaces. */
  readonly name: () => string
  /**
   * Tells credentials apart without holding them. The same one again is no new guess: a client that does not
   * notice that its own has ended is slowed down for itself, and not all behind its address.
   */
  readonly digest?: () => string
}

/** Runs what may throw `Unauthenticated`, or throws `SlowDown`. It may be asynchronous, too. */
export type FailureBrake = <Result>(attempt: Attempt, authenticate: () => Result) => Result

/**
 * A brake for who guesses, with a memory of its own: after too many failures of one network with one name,
 * `SlowDown` instead of the next; after ten times as many, with any name. Every attempt is looked at, and only what fails is told to wait: so nobody
 * is locked out of what is theirs by others who guess, be it behind the same address. Another network
 * counts for itself. Costs nothing until something fails. Where the runtime does not know the peer there is
 * no brake.
 */
export function createFailureBrake(context: AppContext): FailureBrake {
  const names = createLocalLimiter(context.clock)
  const networks = createLocalLimiter(context.clock)
  const repeated = createLocalLimiter(context.clock)
  const failedBefore = createBoundedSet(MAX_REMEMBERED)

  /** What an attempt is counted for: its name, and itself, in its network. */
  function subjectsOf({ http, name, digest }: Attempt) {
    const address = clientAddressOf(context, http)
    if (address === undefined) return undefined
    const network = networkOf(address)
    return { network, named: `${network} ${name()}`, own: digest && `${network} ${digest()}` }
  }

  type Subjects = NonNullable<ReturnType<typeof subjectsOf>>

  function waitFor({ network, named, own }: Subjects): number {
    return Math.max(
      own === undefined ? 0 : repeated.waitFor(own, FAILURE_RATE),
      names.waitFor(named, FAILURE_RATE),
      networks.waitFor(network, NETWORK_RATE),
    )
  }

  function count({ network, named, own }: Subjects): void {
    if (own !== undefined) repeated.take(own, FAILURE_RATE)
    if (own === undefined || !failedBefore.has(own)) {
      names.take(named, FAILURE_RATE)
      networks.take(network, NETWORK_RATE)
    }
    if (own !== undefined) failedBefore.add(own)
  }

  function failed(attempt: Attempt, error: unknown): never {
    const isFailure = error instanceof GatewayError && error.code === 'Unauthenticated'
    const subjects = isFailure ? subjectsOf(attempt) : undefined
    if (subjects === undefined) throw error
    const waitMs = waitFor(subjects)
    if (waitMs > 0) throw slowDown('failed-credentials', waitMs)
    count(subjects)
    throw error
  }

  return function brake(attempt, authenticate) {
    try {
      const result = authenticate()
      if (!(result instanceof Promise)) return result
      return result.catch((error) => failed(attempt, error)) as typeof result
    } catch (error) {
      return failed(attempt, error)
    }
  }
}
