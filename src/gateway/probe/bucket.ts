import { serverName } from '../../stores/server-name.ts'
import { isOfStore, isRefused, isTaken, textOfAnswer, textOfError } from './answer.ts'
import { finding, type Looked, together, trait, verdict } from './look.ts'
import { FIVE } from './request.ts'
import type { ProbeRun } from './run.ts'

/** What a store says of itself on any answer. */
export interface Greeting {
  readonly server?: string
  /** The store's clock less ours, in whole seconds. */
  readonly clockOffsetSeconds?: number
}

/** A name that no store has as its own. */
const OTHER_REGION = 'signet-probe-1'

/**
 * Step 1, the first request: a HEAD of the bucket, for what stands on its answer. Whether it is allowed
 * is no matter. Throws `StoreUnavailable` when there is no answer at all.
 */
export async function greet(run: ProbeRun): Promise<Looked & { readonly greeting: Greeting }> {
  const { clock } = run.context
  const { manage } = run.placement.store.credentials
  const sentAtMs = clock.nowMs()
  let response: Response
  try {
    response = await run.ask({ method: 'HEAD', credential: manage })
  } catch (error) {
    if (!isOfStore(error) || error.details.facts?.status === undefined) throw error
    const unknown = { value: 'unknown', seen: `HEAD bucket: ${textOfError(error)}` }
    return { ...finding(1, 'bucket', unknown), greeting: {} }
  }
  const atMs = (sentAtMs + clock.nowMs()) / 2
  const seen = `HEAD bucket: ${response.status}`
  const bucket = finding(1, 'bucket', { value: response.ok ? 'yes' : 'no', seen })
  const dateMs = Date.parse(response.headers.get('date') ?? '')
  const server = serverName(response.headers)
  const known = server === undefined ? [] : [finding(1, 'server', { value: server, seen })]
  if (Number.isNaN(dateMs)) {
    return { ...together(bucket, ...known), greeting: server === undefined ? {} : { server } }
  }
  // `Date` has whole seconds, rounded down.
  const clockOffsetSeconds = Math.round((dateMs + 500 - atMs) / 1000) || 0
  const offset = finding(1, 'clockOffsetSeconds', { value: clockOffsetSeconds, seen })
  return {
    ...together(bucket, ...known, offset),
    greeting: { ...(server !== undefined && { server }), clockOffsetSeconds },
  }
}

/** Step 1: whether a signature for another region is refused, and the region that the refusal names. */
export async function probeRegion(run: ProbeRun): Promise<Looked> {
  const key = run.newKey()
  run.written.add(key)
  const { status, text } = await run.read(
    {
      method: 'PUT',
      key,
      region: OTHER_REGION,
      headers: { 'content-length': String(FIVE.length), 'content-type': 'text/plain' },
    },
    { body: () => FIVE, omitted: ['content-length'] },
  )
  const code = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(text)?.[1] ?? 'none'
  const seen = `${OTHER_REGION}: ${textOfAnswer({ status, code })}`
  const checked = trait(1, 'regionChecked', verdict(isRefused({ status }), seen))
  const named = /<Region>([A-Za-z0-9-]{1,64})<\/Region>/.exec(text)?.[1]
  if (named === undefined || isTaken({ status })) return checked
  return together(checked, finding(1, 'region', { value: named, seen }))
}
