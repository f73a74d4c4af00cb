import { loadPeer } from './peers.ts'

/** One kind of request, sent over and over. */
export interface Target {
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

interface Result {
  readonly '2xx': number
  readonly non2xx: number
  readonly errors: number
  readonly timeouts: number
  /** In seconds. */
  readonly duration: number
}

type Autocannon = (
  options: Target & {
    connections: number
    duration?: number
    amount?: number
    timeout: number
    sampleInt: number
  },
) => PromiseLike<Result>

const CONNECTIONS = 32
const TIMEOUT_SECONDS = 10
// A run ends with the next sample: short ones keep it close to the time that was asked for.
const SAMPLE_MS = 50

/** Sends the request once. Throws unless the answer is 2xx; the answer's body. */
export async function sendOnce({ url, ...init }: Target): Promise<string> {
  const signal = AbortSignal.timeout(TIMEOUT_SECONDS * 1000)
  const response = await fetch(url, { ...init, signal })
  const text = await response.text()
  if (!response.ok) throw new Error(`Cannot use "${url}": ${response.status} ${text}`)
  return text
}

/**
 * Keeps 32 requests under way over as many connections; answers per second. Throws if a single
 * request failed, timed out or was not answered with 2xx: a refusal is cheaper than a grant.
 */
export async function load(target: Target, durationSeconds: number): Promise<number> {
  const { ok, seconds } = await fired(target, { duration: durationSeconds })
  return ok / seconds
}

/** The same until so many requests were answered. */
export async function send(target: Target, requests: number): Promise<void> {
  await fired(target, { amount: requests })
}

async function fired(
  target: Target,
  much: { readonly duration: number } | { readonly amount: number },
): Promise<{ ok: number; seconds: number }> {
  const result = await loadPeer<Autocannon>('autocannon')({
    ...target,
    ...much,
    connections: CONNECTIONS,
    timeout: TIMEOUT_SECONDS,
    sampleInt: SAMPLE_MS,
  })
  const { non2xx, errors, timeouts, duration } = result
  if (non2xx + errors + timeouts > 0 || result['2xx'] === 0) {
    const counts = `${non2xx} not 2xx, ${errors} errors, ${timeouts} timeouts`
    throw new Error(`Cannot measure "${target.url}": ${counts}`)
  }
  return { ok: result['2xx'], seconds: duration }
}
