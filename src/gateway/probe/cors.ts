import { exposesEtag, preflight, preflightedHeaders } from '../../stores/preflight.ts'
import { finding, type Looked, together } from './look.ts'
import { FIVE } from './request.ts'
import type { ProbeRun } from './run.ts'

/** Preflights of one probe: pages of more origins are their operators' own affair. */
const MAX_ORIGINS = 10

/**
 * Step 25: whether a browser would send our uploads, for pages of each origin, and whether it could read
 * the ETag afterwards. A warning and no capability: what has no browser needs no rule.
 */
export async function probeCors(run: ProbeRun): Promise<Looked> {
  const origins = run.options.origins.slice(0, MAX_ORIGINS)
  if (origins.length === 0) return { findings: [] }
  const { timeoutMs, capabilities } = run.placement.store
  const key = run.newKey()
  const sent = {
    ...capabilities.fixedHeaders,
    'content-type': 'application/octet-stream',
    'x-amz-meta-signet': 'probe',
  }
  const headers = preflightedHeaders(Object.entries(sent))
  const url = await run.presign({ method: 'PUT', key, headers: sent })
  const send = (to: string, init: RequestInit) => run.sender.send(to, () => init)
  const seen: string[] = []
  const refused: string[] = []
  const hidden: string[] = []
  let unanswered = false
  for (const origin of origins) {
    const answer = await preflight(send, url, { origin, method: 'PUT', headers, timeoutMs })
    seen.push(`${origin}: ${answer.seen}`)
    if (answer.why === 'unreachable') unanswered = true
    else if (!answer.allowed) refused.push(origin)
    else if (!answer.exposesEtag && !(await answerExposesEtag(run, origin))) hidden.push(origin)
  }
  const value = refused.length > 0 ? 'no' : unanswered ? 'unknown' : 'yes'
  const exposed = refused.length + hidden.length > 0 ? 'no' : value
  return together(
    finding(25, 'cors', { value, seen: seen.join('; ') }),
    finding(25, 'corsExposesEtag', { value: exposed, seen: listed(hidden) }),
  )
}

/** Some stores say what may be read on the answer to the request alone. */
async function answerExposesEtag(run: ProbeRun, origin: string): Promise<boolean> {
  const key = run.newKey()
  const headers = { 'content-length': String(FIVE.length) }
  run.written.add(key)
  const response = await run.ask(
    { method: 'PUT', key, headers },
    {
      unsigned: { origin },
      omitted: ['content-length'],
      body: () => new TextEncoder().encode(FIVE),
    },
  )
  await response.body?.cancel()
  return exposesEtag(response.headers)
}

function listed(origins: readonly string[]): string {
  return origins.length === 0 ? 'as for cors' : `not to ${origins.join(', ')}`
}
