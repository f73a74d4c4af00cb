import { toTimestamp } from '../clock.ts'
import { parseOrigin } from '../config/address.ts'
import { type FieldProblem, GatewayError } from '../errors.ts'
import { corsAdvice } from '../stores/cors-advice.ts'
import { type CorsRule, mergeRules, rivalsOf, sameRules, signetRule } from '../stores/cors-rules.ts'
import type { Placement } from '../stores/store.ts'
import type { AskedBy } from './audit-events.ts'
import type { GatewayContext } from './context.ts'
import { isMixedContent } from './page-requests.ts'
import { askPages, type PageVerdict } from './page-verdicts.ts'

/** Which pages are to use grants of which buckets. */
export interface CorsRequest {
  readonly store: string
  /** Up to 20; together with `anyOrigin` at least one. */
  readonly origins: readonly string[]
  /** Pages of every origin. */
  readonly anyOrigin: boolean
  /** Gateway bucket. Default: every bucket of the store. */
  readonly bucket?: string | undefined
  /** Puts the rules, where there is an API for it. */
  readonly apply: boolean
  readonly askedBy?: AskedBy
}

/** One bucket of a store, by the store's own name. */
export interface BucketCors {
  readonly bucket: string
  /** Whether rules can be read and put by S3's requests; `unknown` where the store did not answer. */
  readonly api: 'yes' | 'no' | 'unknown'
  /** The bucket's rules before; absent without an API. */
  readonly rules?: readonly CorsRule[]
  /** What they are to be. */
  readonly wanted?: readonly CorsRule[]
  /** `wanted` differs from `rules`. */
  readonly differs: boolean
  /** They were put by this request. */
  readonly applied: boolean
  /** What a browser is told: after rules were put, else as it is. */
  readonly pages: readonly PageVerdict[]
  /** Nothing is refused. */
  readonly allowed: boolean
  /** For the operator: what to set where there is no API, and what else to know. */
  readonly notes: readonly string[]
  /** Why rules could not be read or put. */
  readonly problem?: string
}

export interface StoreCors {
  readonly store: string
  readonly buckets: readonly BucketCors[]
  /** Nothing is refused in any of them. */
  readonly allowed: boolean
}

export const MAX_ORIGINS = 20
/** Of one request: each takes a hundred preflights at most. */
const MAX_BUCKETS = 20

/**
 * Tells what pages of these origins are refused by a store, and which rules would let them in; puts those
 * on demand, and asks again. Other rules stay. An event is recorded before anything is put. Throws
 * `NoSuchStore`, `InvalidRequest`, and `Overloaded` when the change cannot be recorded; a store that does not answer is
 * part of the result, unless nothing can be signed for it (`StoreUnavailable`).
 */
export async function corsOf(context: GatewayContext, request: CorsRequest): Promise<StoreCors> {
  const origins = originsOf(request)
  const buckets: BucketCors[] = []
  for (const placement of placementsOf(context, request)) {
    buckets.push(await corsOfBucket(context, placement, { ...request, origins }))
  }
  return { store: request.store, buckets, allowed: buckets.every(({ allowed }) => allowed) }
}

async function corsOfBucket(
  context: GatewayContext,
  placement: Placement,
  request: CorsRequest,
): Promise<BucketCors> {
  const { store, bucket } = placement
  const own = signetRule(request.origins, Object.keys(store.capabilities.fixedHeaders))
  const before = await rulesOf(context, placement)
  const { rules } = before
  const wanted = rules === undefined ? undefined : mergeRules(rules, own)
  const differs = rules !== undefined && wanted !== undefined && !sameRules(rules, wanted)
  const put =
    request.apply && differs ? await putRules(context, placement, { wanted, request }) : {}
  const applied = put.applied === true
  const pages = await askPages(context, placement, {
    origins: request.origins,
    rules: applied ? wanted : rules,
  })
  const api = put.applied === false ? 'no' : before.api
  const problem = before.problem ?? put.problem
  return {
    bucket,
    api,
    ...(api === 'yes' && rules !== undefined && { rules }),
    ...(api === 'yes' && wanted !== undefined && { wanted }),
    differs: api === 'yes' && differs,
    applied,
    pages,
    allowed: pages.every(({ allowed }) => allowed),
    notes: notesOf(placement, { own, api, rules }),
    ...(problem !== undefined && { problem }),
  }
}

/** What a bucket's rules are, or why nobody knows. */
interface KnownRules {
  readonly api: BucketCors['api']
  readonly rules?: readonly CorsRule[]
  readonly problem?: string
}

async function rulesOf(context: GatewayContext, placement: Placement): Promise<KnownRules> {
  // Some answer that there are none, and then take none.
  if (placement.store.traits.corsApi === 'no') return { api: 'no' }
  try {
    const rules = await context.storeClient.corsRules(placement)
    return rules === undefined ? { api: 'no' } : { api: 'yes', rules }
  } catch (error) {
    return { api: 'unknown', problem: problemOf(error) }
  }
}

/** `applied: false`: the store has no such request after all. */
async function putRules(
  context: GatewayContext,
  placement: Placement,
  { wanted = [], request }: { wanted: readonly CorsRule[] | undefined; request: CorsRequest },
): Promise<{ applied?: boolean; problem?: string }> {
  const { store, bucket } = placement
  await context.audit.append({
    event: 'store.cors_changed',
    at: toTimestamp(context.clock.nowMs()),
    ...request.askedBy,
    store: store.name,
    storeBucket: bucket,
    origins: request.origins,
  })
  try {
    return { applied: await context.storeClient.putCorsRules(placement, wanted) }
  } catch (error) {
    return { problem: problemOf(error) }
  }
}

function notesOf(
  { store, bucket }: Placement,
  { own, api, rules = [] }: { own: CorsRule; api: string; rules: readonly CorsRule[] | undefined },
): string[] {
  const notes = api === 'no' ? [...corsAdvice(store.provider, { bucket, rule: own })] : []
  const rivals = rivalsOf(rules, own).map((name) => `"${name}"`)
  if (rivals.length > 0) {
    notes.push(
      `Rules that name these origins as well: ${rivals.join(', ')}. Signet's comes before them, so for these origins it decides.`,
    )
  }
  if (own.origins.some((origin) => isMixedContent(origin, store.publicEndpoint))) {
    notes.push(`Browsers let no page of an https: origin talk to ${store.publicEndpoint}.`)
  }
  return notes
}

/** As browsers write them, each once. Throws `InvalidRequest`. */
function originsOf({ origins, anyOrigin }: CorsRequest): string[] {
  const parsed = origins.map((text, index) => {
    const origin = parseOrigin(text)
    if (typeof origin !== 'string') return origin.text
    throw invalid({ path: `origins.${index}`, message: origin })
  })
  const all = [...new Set([...parsed, ...(anyOrigin ? ['*'] : [])])]
  if (all.length === 0) throw invalid({ path: 'origins', message: 'must name one at least' })
  return all
}

/** One for each bucket of the store itself. Throws `NoSuchStore`, `InvalidRequest`. */
function placementsOf(
  { config }: GatewayContext,
  { store, bucket }: Pick<CorsRequest, 'store' | 'bucket'>,
): Placement[] {
  if (!config.stores.has(store)) {
    throw new GatewayError('NoSuchStore', 'Cannot look at the CORS rules: no store has this name')
  }
  const found = new Map<string, Placement>()
  for (const { name, placements } of config.buckets.values()) {
    if (bucket !== undefined && name !== bucket) continue
    for (const placement of placements) {
      if (placement.store.name === store) found.set(placement.bucket, placement)
    }
  }
  if (found.size === 0) throw invalid({ path: 'bucket', message: 'has nothing in this store' })
  if (found.size > MAX_BUCKETS) {
    throw invalid({ path: 'bucket', message: `is needed: the store has ${found.size} of them` })
  }
  return [...found.values()]
}

function invalid(field: FieldProblem): GatewayError {
  return new GatewayError(
    'InvalidRequest',
    `Cannot look at the CORS rules: "${field.path}" ${field.message}`,
    { fields: [field] },
  )
}

/** For operators: status and code of the store's answer. Throws what is no answer of a store. */
function problemOf(error: unknown): string {
  if (!(error instanceof GatewayError) || error.code !== 'StoreUnavailable') throw error
  const { status, code, reason } = error.details.facts ?? {}
  const said = [status, code, reason].filter((part) => part !== undefined).join(' ')
  return `${error.message}${said === '' ? '' : ` (${said})`}`
}
