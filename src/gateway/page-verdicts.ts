import { GatewayError } from '../errors.ts'
import { ObjectKey } from '../object-key.ts'
import { type CorsRule, judgeByRules } from '../stores/cors-rules.ts'
import {
  answerToPage,
  type PreflightRefusal,
  preflight,
  type ShownAnswer,
} from '../stores/preflight.ts'
import { PROBE_PREFIX } from '../stores/reserved-keys.ts'
import type { Placement } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import {
  lookUrl,
  type PageUse,
  type PageUseRequest,
  pageRequest,
  pageUsesOf,
} from './page-requests.ts'
import { someAtATime } from './some-at-a-time.ts'

/** What a browser makes of one thing that a page does. */
export interface PageVerdict {
  /** `*` stands for one that nobody has. */
  readonly origin: string
  readonly use: PageUse
  readonly allowed: boolean
  /** `answer`: it would be sent, and the page could not read what comes back. */
  readonly why?: PreflightRefusal | 'answer'
  readonly refusedHeaders: readonly string[]
  /** Whether scripts can read the ETag; some stores tell on the answer itself alone. */
  readonly exposesEtag: 'yes' | 'no' | 'unknown'
  /** The store's answer in a few words. */
  readonly seen: string
}

/** What is asked of a store's bucket. */
interface Asked {
  /** `*` is one of them for pages of every origin. */
  readonly origins: readonly string[]
  /** The bucket's rules, where they are known. */
  readonly rules: readonly CorsRule[] | undefined
}

const AT_ONCE = 8
/** Stands for every origin; reserved, so that no rule names it by chance (RFC 2606). */
const NOBODY = 'https://signet.invalid'
/** Nothing is ever written there. */
const KEY = ObjectKey.parse(`${PROBE_PREFIX}cors`)

/**
 * Asks a store what a browser would ask, for everything that pages of some origins do with grants. Where
 * there are no rules to go by, an answer about some object of the bucket tells whether pages can read
 * answers. Throws `StoreUnavailable` where nothing can be signed.
 */
export async function askPages(
  context: GatewayContext,
  placement: Placement,
  { origins, rules }: Asked,
): Promise<PageVerdict[]> {
  const { timeoutMs } = placement.store
  const uses = await someAtATime(pageUsesOf(placement), AT_ONCE, async (use) => ({
    use,
    wanted: await pageRequest(context, { placement, key: KEY }, use),
  }))
  const there = rules === undefined ? await someObject(context, placement) : undefined
  const url = there === undefined ? undefined : await lookUrl(context, there)
  const answers = await someAtATime(origins, AT_ONCE, async (origin) => {
    if (url === undefined) return { origin, answer: undefined }
    const page = { origin: pageOf(origin), timeoutMs }
    return { origin, answer: await answerToPage(context.send, url, page) }
  })
  const asked = answers.flatMap((of) => uses.map((each) => ({ ...of, ...each })))
  const [first, ...others] = asked
  if (first === undefined) return []
  const told = await askPage(context, first, { rules, timeoutMs })
  // A hundred timeouts would tell no more than one.
  if (told.why === 'unreachable') return asked.map(({ origin, use }) => ({ ...told, origin, use }))
  const rest = await someAtATime(others, AT_ONCE, (each) =>
    askPage(context, each, { rules, timeoutMs }),
  )
  return [told, ...rest]
}

/** Any object of a bucket, if there is one to be seen. */
async function someObject(
  { storeClient }: GatewayContext,
  placement: Placement,
): Promise<ObjectPlace | undefined> {
  try {
    const { objects } = await storeClient.list(placement, { prefix: '', limit: 1 })
    const [first] = objects
    return first === undefined ? undefined : { placement, key: ObjectKey.parse(first.key) }
  } catch (error) {
    if (error instanceof GatewayError) return undefined
    throw error
  }
}

async function askPage(
  { send }: GatewayContext,
  {
    origin,
    use,
    wanted: { method, headers, url },
    answer,
  }: { origin: string; use: PageUse; wanted: PageUseRequest; answer: ShownAnswer | undefined },
  { rules, timeoutMs }: { rules: readonly CorsRule[] | undefined; timeoutMs: number },
): Promise<PageVerdict> {
  const page = { origin: pageOf(origin), method, headers }
  const byRules = rules === undefined ? undefined : judgeByRules(rules, page)
  const told = await preflight(send, url, { ...page, timeoutMs })
  const byRule = byRules?.allowed === true ? byRules.exposesEtag : undefined
  const exposesEtag = etagOf(
    answer?.shown === true ? answer.exposesEtag : told.exposesEtag || byRule,
  )
  if (told.allowed && answer?.shown === false) {
    const { seen } = answer
    return { origin, use, allowed: false, why: 'answer', refusedHeaders: [], exposesEtag, seen }
  }
  const { allowed, why, refusedHeaders, seen } = told
  return {
    origin,
    use,
    allowed,
    // A refusal says little (403); the rules say what is missing.
    ...(why !== undefined && {
      why: why === 'status' && byRules?.allowed === false ? byRules.why : why,
    }),
    refusedHeaders: byRules?.allowed === false ? byRules.refusedHeaders : refusedHeaders,
    exposesEtag,
    seen,
  }
}

function pageOf(origin: string): string {
  return origin === '*' ? NOBODY : origin
}

function etagOf(exposes: boolean | undefined): PageVerdict['exposesEtag'] {
  if (exposes === undefined) return 'unknown'
  return exposes ? 'yes' : 'no'
}
