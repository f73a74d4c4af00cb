import type { Clock } from '../../clock.ts'
import { readCapped } from '../../read-capped.ts'
import type { SnsPorts } from './event-ports.ts'

const TIMEOUT_MS = 5_000
const MAX_CERTIFICATE_BYTES = 16 * 1024
const MAX_CERTIFICATES = 64
const CERTIFICATE_LIFE_MS = 24 * 3_600 * 1000
/** What was not got is not asked for again so soon. */
const FAILURE_LIFE_MS = 60_000
/** Certificates that are not known yet: whoever knows a topic's name can make us ask for some. */
const MAX_FETCHES = 10
const FETCHES_PER_MS = 60_000

interface KnownCertificate {
  pem: Promise<string | undefined>
  untilMs: number
  /** SNS has once given a certificate by this URL: asking again is nothing that strangers bring about. */
  isGenuine: boolean
}

/**
 * The gateway's calls to SNS: no redirects, 5 s, answers of at most 16 KiB. Certificates are kept for a
 * day, failures for a minute, one fetch each however many wait for it. Ten URLs a minute are asked that
 * have never given a certificate, beyond which it throws.
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
      const isGenuine = own?.isGenuine === true
      if (!isGenuine) admit(nowMs)
      const pem = get(url).then(certificateOf)
      const asked: KnownCertificate = { pem, untilMs: nowMs + CERTIFICATE_LIFE_MS, isGenuine }
      known.delete(url)
      known.set(url, asked)
      const [oldest] = known.keys()
      if (known.size > MAX_CERTIFICATES && oldest !== undefined) known.delete(oldest)
      try {
        const found = await pem
        if (found === undefined) asked.untilMs = nowMs + FAILURE_LIFE_MS
        else asked.isGenuine = true
        return found
      } catch (error) {
        asked.untilMs = nowMs + FAILURE_LIFE_MS
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
