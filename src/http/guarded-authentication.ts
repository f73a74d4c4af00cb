import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import { createLocalLimiter, slowDown } from '../gateway/local-limiter.ts'
import { networkOf } from '../network.ts'
import type { AppContext } from './app-context.ts'
import { clientAddressOf } from './client-address.ts'
import { presentedCredentials } from './register-routes.ts'
import type { HttpContext } from './route.ts'

/** Failures of one network with one name: 20 at once, then one a second. */
const FAILURE_RATE = { requests: 1, windowSeconds: 1, burst: 20 }

/**
 * Authentication with a brake for who guesses: after too many failures a network gets `SlowDown` for
 * that key id, before anything is looked up. The owner of the key is not locked out: another network
 * counts for itself. Where the runtime does not know the peer there is no brake.
 */
export function guardedAuthentication(
  context: AppContext,
): (http: HttpContext) => Principal | Promise<Principal> {
  const brake = createFailureBrake(context)
  return function authenticate(http) {
    const presented = presentedCredentials(http)
    return brake(
      http,
      () => keyIdOf(presented.authorization),
      () => context.authenticate(presented),
    )
  }
}

/**
 * Runs what may throw `Unauthenticated`, unless a network has made that happen too often with the same
 * name. Names have no spaces.
 */
export type FailureBrake = <Result>(
  http: HttpContext,
  name: () => string,
  authenticate: () => Result,
) => Result

/**
 * A brake with a memory of its own. What it runs may be asynchronous, too. With `provenPass` a network that
 * has failed too often is not turned away before its proof was looked at: only what fails once more is.
 */
export function createFailureBrake(
  context: AppContext,
  { provenPass = false }: { readonly provenPass?: boolean } = {},
): FailureBrake {
  const limiter = createLocalLimiter(context.clock)
  // Until somebody fails there is nobody to be slowed down.
  let hasFailures = false
  return function brake(http, name, authenticate) {
    const address = clientAddressOf(context, http)
    if (address === undefined) return authenticate()
    // Neither of the two can hold a space.
    const subject = () => `${networkOf(address)} ${name()}`
    const waitMs = hasFailures ? limiter.waitFor(subject(), FAILURE_RATE) : 0
    if (waitMs > 0 && !provenPass) throw slowDown('failed-credentials', waitMs)
    const failed = (error: unknown): never => {
      const isFailure = error instanceof GatewayError && error.code === 'Unauthenticated'
      if (isFailure && waitMs > 0) throw slowDown('failed-credentials', waitMs)
      if (isFailure) limiter.take(subject(), FAILURE_RATE)
      hasFailures ||= isFailure
      throw error
    }
    try {
      const result = authenticate()
      return (result instanceof Promise ? result.catch(failed) : result) as typeof result
    } catch (error) {
      return failed(error)
    }
  }
}

function keyIdOf(authorization: string | null): string {
  return /^bearer signet_([A-Za-z0-9]{1,64})_/i.exec(authorization ?? '')?.[1] ?? ''
}
