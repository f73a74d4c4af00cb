import { GatewayError } from '../errors.ts'
import { partSize } from '../signing/multipart-plan.ts'
import type { GrantForm } from '../stores/choose-form.ts'
import {
  judgeByRules,
  type PageRequest,
  type RulesVerdict,
  signetRule,
} from '../stores/cors-rules.ts'
import { answerToPage, type PreflightAnswer, preflight } from '../stores/preflight.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'
import type { Finding } from './diagnosis.ts'
import { isMixedContent, lookUrl, type PageUse, pageRequest } from './page-requests.ts'
import type { UploadNote } from './reservation-note.ts'

/** What a page sends from where. */
interface Sending {
  readonly place: ObjectPlace
  readonly form: GrantForm
  /** As browsers write it. */
  readonly origin?: string | undefined
  /** Whether a PUT is signed to replace nothing, where the store sees to it. */
  readonly writeOnce: boolean
  /** What the page says that it sets, lower-case names. */
  readonly headers?: readonly string[] | undefined
}

const USES: Readonly<Record<GrantForm, PageUse>> = { put: 'put', post: 'form', multipart: 'part' }

/**
 * What a browser is told that wants to send this upload from a page, by a preflight that asks for
 * exactly its method and headers. Throws no `StoreUnavailable`.
 */
export async function lookAtPage(
  context: GatewayContext,
  note: UploadNote,
  sending: Sending,
): Promise<readonly Finding[]> {
  const { place, origin } = sending
  const said = [...unsignedOf(note, sending), sendExactly(note, sending)]
  if (origin === undefined) {
    const message = 'What a browser is told depends on the page: give its origin'
    return [{ code: 'origin-missing', level: 'hint', message, fix: '?origin=https://…' }, ...said]
  }
  const { store } = place.placement
  if (isMixedContent(origin, store.publicEndpoint)) {
    said.unshift({
      code: 'mixed-content',
      level: 'problem',
      message: 'Browsers let no page of an https: origin talk to a store at http:',
      fix: 'An operator gives the store an https: publicEndpoint',
    })
  }
  return [...(await askStore(context, note, { ...sending, origin })), ...said]
}

async function askStore(
  context: GatewayContext,
  note: UploadNote,
  sending: Sending & { readonly origin: string },
): Promise<readonly Finding[]> {
  const { place, form, origin, headers = headersOf(note, sending) } = sending
  const { placement } = place
  let asked: Awaited<ReturnType<typeof pageRequest>>
  try {
    asked = await pageRequest(context, place, USES[form])
  } catch (error) {
    if (!(error instanceof GatewayError) || error.code !== 'StoreUnavailable') throw error
    return [{ code: 'cors-unanswered', level: 'problem', message: error.message }]
  }
  const request: PageRequest = { origin, method: asked.method, headers }
  const { timeoutMs } = placement.store
  const answer = await preflight(context.send, asked.url, { ...request, timeoutMs })
  if (answer.why === 'unreachable') return [UNANSWERED]
  if (!answer.allowed) return [refusedOf(request, answer, await byRules(context, place, request))]
  const allowed: Finding = {
    code: 'cors-allowed',
    level: 'ok',
    message: `The store lets pages of ${origin} send this ${asked.method}`,
  }
  // Where there are no rules, answers may have a setting of their own; of an object that has not come
  // there is no answer to look at.
  const shown =
    placement.store.traits.corsApi === 'no'
      ? await answerToPage(context.send, await lookUrl(context, place), { origin, timeoutMs })
      : undefined
  if (shown?.shown === false) return [allowed, hiddenFrom(origin)]
  if (form !== 'multipart' || answer.exposesEtag) return [allowed]
  const verdict = await byRules(context, place, request)
  if (verdict?.allowed === true && verdict.exposesEtag) return [allowed]
  return [allowed, verdict === undefined ? { ...ETAG_HIDDEN, message: ETAG_UNKNOWN } : ETAG_HIDDEN]
}

function hiddenFrom(origin: string): Finding {
  return {
    code: 'answer-hidden',
    level: 'problem',
    message: `The store takes it from pages of ${origin} and hides its answer from them: they see a network error although it may have arrived`,
    fix: `An operator runs: signet stores cors STORE --origin ${origin}. To complete it needs no answer of the store`,
  }
}

const ETAG_HIDDEN: Finding = {
  code: 'etag-hidden',
  level: 'hint',
  message: 'The store lets no script read the ETag of a part',
  fix: 'Complete without a list of parts, or an operator exposes ETag in the CORS rule',
}
const ETAG_UNKNOWN =
  'Whether scripts can read the ETag of a part, the store tells on its answer alone'

const UNANSWERED: Finding = {
  code: 'cors-unanswered',
  level: 'problem',
  message:
    "The store's public endpoint does not answer the gateway; a browser may not reach it either",
}

/** What the bucket's rules say; undefined where they cannot be read. */
async function byRules(
  { storeClient }: GatewayContext,
  { placement }: ObjectPlace,
  request: PageRequest,
): Promise<RulesVerdict | undefined> {
  if (placement.store.traits.corsApi === 'no') return undefined
  try {
    const rules = await storeClient.corsRules(placement)
    return rules === undefined ? undefined : judgeByRules(rules, request)
  } catch (error) {
    if (error instanceof GatewayError) return undefined
    throw error
  }
}

function refusedOf(
  { origin, method }: PageRequest,
  { seen, why, refusedHeaders }: PreflightAnswer,
  verdict: RulesVerdict | undefined,
): Finding {
  const refusal = verdict?.allowed === false ? verdict : { why, refusedHeaders }
  return {
    code: 'cors-refused',
    level: 'problem',
    message: `A browser would not send it: ${reasonOf(refusal, { origin, method })} (preflight: ${seen})`,
    fix: `An operator runs: signet stores cors STORE --origin ${origin} --apply`,
  }
}

function reasonOf(
  { why, refusedHeaders }: { why?: string | undefined; refusedHeaders: readonly string[] },
  { origin, method }: { origin: string; method: string },
): string {
  if (why === 'origin') return `the store lets in no page of ${origin}`
  if (why === 'method') return `the store lets ${origin} send no ${method}`
  if (why === 'headers') return `the store does not let in the headers ${refusedHeaders.join(', ')}`
  return 'the store refuses its preflight'
}

/** Headers that every upload of this kind has; what an upload binds besides is not recorded. */
function headersOf(note: UploadNote, { place, form, writeOnce }: Sending): readonly string[] {
  const { capabilities } = place.placement.store
  if (form === 'post') return []
  if (form === 'multipart') {
    if (note.multipart?.checksums !== true) return []
    return [
      capabilities.checksumSha256 === 'yes' ? 'x-amz-checksum-sha256' : 'x-amz-content-sha256',
    ]
  }
  const names = ['content-type', 'x-amz-meta-signet', ...Object.keys(capabilities.fixedHeaders)]
  if (note.overwrite === true) names.push('if-match')
  else if (writeOnce && capabilities.writeOnce === 'if-none-match') names.push('if-none-match')
  return names.sort((a, b) => (a < b ? -1 : 1))
}

/** Headers of the page that no grant of this form names. */
function unsignedOf(note: UploadNote, sending: Sending): Finding[] {
  const { place, form, origin = '', headers = [] } = sending
  const { fixedHeaders } = place.placement.store.capabilities
  const rule = { ...signetRule([origin], Object.keys(fixedHeaders)), origins: [origin] }
  const signed = form === 'put' ? rule.headers : headersOf(note, sending)
  const verdict = judgeByRules([{ ...rule, headers: signed }], { origin, method: 'PUT', headers })
  if (verdict.allowed) return []
  const names = verdict.refusedHeaders.join(', ')
  return [
    {
      code: 'header-unsigned',
      level: 'problem',
      message: `No grant names ${names}: a store may refuse what is not signed, or let no page send it`,
      fix: 'Send exactly the headers of the grant, and no credential of your own',
    },
  ]
}

function sendExactly(note: UploadNote, sending: Sending): Finding {
  const { form } = sending
  const { sizeBytes, atMost, contentType, multipart } = note
  const end =
    'Anything else is refused, and to a page a refusal looks like a missing rule, for it mostly has no CORS headers'
  if (form === 'post') {
    const size = atMost === true ? `at most ${sizeBytes}` : `exactly ${sizeBytes}`
    const message = `The form wants every field of the grant and behind them the file, of ${size} bytes. ${end}`
    return { code: 'send-exactly', level: 'hint', message }
  }
  if (multipart !== undefined) {
    const last = partSize(multipart, sizeBytes, multipart.partCount)
    const message = `Each part has exactly ${multipart.partSizeBytes} bytes, and the last one ${last}. ${end}`
    return { code: 'send-exactly', level: 'hint', message }
  }
  const names = headersOf(note, sending).join(', ')
  return {
    code: 'send-exactly',
    level: 'hint',
    message: `The PUT wants exactly ${sizeBytes} bytes, content-type "${contentType}" and every header of the grant (${names}, and what was asked for besides). ${end}`,
  }
}
