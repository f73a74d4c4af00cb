import type { Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import { createLocalLimiter, slowDown } from '../gateway/local-limiter.ts'
import type { AppContext } from './app-context.ts'
import { presentedCredentials } from './register-routes.ts'
import type { HttpContext } from './route.ts'

/** Failures of one network with one key id: 20 at once, then one a second. */
const FAILURE_RATE = { requests: 1, windowSeconds: 1, burst: 20 }

/**
 * Authentication with a brake for who guesses: after too many failures a network gets `SlowDown` for
 * that key id, before anything is looked up. The owner of the key is not locked out: another network
 * counts for itself. Where the runtime does not know the peer there is no brake.
 */
export function guardedAuthentication(context: AppContext): (http: HttpContext) => Principal {
  const limiter = createLocalLimiter(context.clock)
  // Until somebody fails there is nobody to be slowed down.
  let hasFailures = false
  return function authenticate(http) {
    const presented = presentedCredentials(http)
    const address = context.remoteAddressOf?.(http.env)
    if (address === undefined) return context.authenticate(presented)
    // Neither of the two can hold a space.
    const subject = () => `${networkOf(address)} ${keyIdOf(presented.authorization)}`
    const waitMs = hasFailures ? limiter.waitFor(subject(), FAILURE_RATE) : 0
    if (waitMs > 0) throw slowDown('failed-credentials', waitMs)
    try {
      return context.authenticate(presented)
    } catch (error) {
      const failed = error instanceof GatewayError && error.code === 'Unauthenticated'
      if (failed) limiter.take(subject(), FAILURE_RATE)
      hasFailures ||= failed
      throw error
    }
  }
}

/** An IPv4 address, mapped ones too; of IPv6 the /64, which one subscriber owns whole (RFC 6177). */
export function networkOf(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [head = '', tail = ''] = (address.split('%', 1)[0] ?? '').toLowerCase().split('::')
  const groups = head.split(':').filter((group) => group !== '')
  const after = tail.split(':').filter((group) => group !== '')
  const zeros = address.includes('::') ? Math.max(0, 8 - groups.length - after.length) : 0
  const all = [...groups, ...new Array<string>(zeros).fill('0'), ...after]
  const network = all.slice(0, 4).map((group) => group.replace(/^0+(?=.)/, ''))
  return `${network.join(':')}::/64`
}

function keyIdOf(authorization: string | null): string {
  return /^bearer signet_([A-Za-z0-9]{1,64})_/i.exec(authorization ?? '')?.[1] ?? ''
}
