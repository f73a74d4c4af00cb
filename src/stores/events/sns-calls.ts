import type { Clock } from '../../clock.ts'
import { readCapped } from '../read-capped.ts'
import type { SnsPorts } from './event-ports.ts'

const TIMEOUT_MS = 5_000
const MAX_CERTIFICATE_BYTES = 16 * 1024
const MAX_CERTIFICATES = 64
const CERTIFICATE_LIFE_MS = 24 * 3_600 * 1000
/** Certificates that are not known yet: whoever knows a topic's name can make us ask for some. */
const MAX_FETCHES = 10
const FETCHES_PER_MS = 60_000

interface KnownCertificate {
  readonly pem: Promise<string | undefined>
  readonly untilMs: number
}

/**
 * The gateway's calls to SNS: no redirects, 5 s, answers of at most 16 KiB. Certificates are kept for a
 * day, one fetch each however many wait for it; ten a minute are fetched, beyond which it throws.
 */
export function createSnsCalls(options: {
  readonly fetch: typeof globalThis.fetch
  readonly clock: Clock
}): Pick<SnsPorts, 'fetchCertificate' | 'confirmSubscription'> {
  const { fetch, clock } = options
  const known = new Map<string, KnownCertificate>()
  let fetchedAtMs: number[] = []

  async function get(url: string): Promise<Response> {
    return await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) })
  }

  function admit(nowMs: number): void {
    fetchedAtMs = fetchedAtMs.filter((atMs) => atMs > nowMs - FETCHES_PER_MS)
    if (fetchedAtMs.length >= MAX_FETCHES) {
      throw new RangeError('Cannot fetch the certificate: too many were fetched just now')
    }
    fetchedAtMs.push(nowMs)
  }

  return {
    async fetchCertificate(url) {
      const nowMs = clock.nowMs()
      const own = known.get(url)
      if (own !== undefined && own.untilMs > nowMs) return await own.pem
      admit(nowMs)
      const pem = get(url).then(certificateOf)
      known.delete(url)
      known.set(url, { pem, untilMs: nowMs + CERTIFICATE_LIFE_MS })
      const [oldest] = known.keys()
      if (known.size > MAX_CERTIFICATES && oldest !== undefined) known.delete(oldest)
      try {
        const found = await pem
        if (found === undefined) known.delete(url)
        return found
      } catch (error) {
        known.delete(url)
        throw error
      }
    },
    async confirmSubscription(url) {
      const response = await get(url)
      await response.body?.cancel()
      if (!response.ok) {
        throw new RangeError(`Cannot confirm the subscription: status ${response.status}`)
      }
    },
  }
}

async function certificateOf(response: Response): Promise<string | undefined> {
  if (response.status === 200) {
    try {
      return await readCapped(response, MAX_CERTIFICATE_BYTES)
    } catch (error) {
      // Longer than any certificate, or no text.
      if (error instanceof RangeError || error instanceof TypeError) return undefined
      throw error
    }
  }
  await response.body?.cancel()
  if (response.status >= 500) {
    throw new RangeError(`Cannot fetch the certificate: status ${response.status}`)
  }
  return undefined
}
