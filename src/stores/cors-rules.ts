import { escapeXml } from './escape-xml.ts'
import { isElement, leafOf, parseXml, textOf, type XmlElement } from './xml.ts'

/** One rule of a bucket for pages of other origins (S3 API, CORSRule). */
export interface CorsRule {
  readonly id?: string
  /** At most one `*` in each; compared byte for byte. */
  readonly origins: readonly string[]
  readonly methods: readonly string[]
  /** Request headers, with at most one `*` in each; in any case. */
  readonly headers: readonly string[]
  /** Headers of answers that scripts may read. */
  readonly exposed: readonly string[]
  /** How long a browser may keep the answer to a preflight, in seconds. */
  readonly maxAgeSeconds?: number
}

/** A request that a page sends, as rules see it. */
export interface PageRequest {
  readonly origin: string
  readonly method: string
  /** Lower-case names, as a preflight has them. */
  readonly headers: readonly string[]
}

/** What rules say of a request. */
export type RulesVerdict =
  | { readonly allowed: true; readonly exposesEtag: boolean }
  | {
      readonly allowed: false
      readonly why: 'origin' | 'method' | 'headers'
      /** Only for `headers`: those that no fitting rule names. */
      readonly refusedHeaders: readonly string[]
    }

/** By which Signet knows its own rule among others. */
export const RULE_ID = 'signet'
/** Every method by which grants are used. */
export const PAGE_METHODS = ['PUT', 'POST', 'GET', 'HEAD'] as const
/** Every header that a grant may name, whatever was bound: `x-amz-*` are metadata, checksums and so on. */
const PAGE_HEADERS = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-md5',
  'if-match',
  'if-none-match',
  'x-amz-*',
]
/** What `complete` wants to hear of parts, and which version a PUT has made. */
const EXPOSED = ['ETag', 'x-amz-version-id']
const MAX_AGE_SECONDS = 3_600

/**
 * The rule by which pages of these origins can use every form of grant. `fixedHeaders`: names that are
 * signed on all uploads to the store, lower-case.
 */
export function signetRule(origins: readonly string[], fixedHeaders: Iterable<string>): CorsRule {
  const more = [...fixedHeaders].filter((name) => !PAGE_HEADERS.some((each) => fits(each, name)))
  return {
    id: RULE_ID,
    origins,
    methods: PAGE_METHODS,
    headers: [...PAGE_HEADERS, ...more],
    exposed: EXPOSED,
    maxAgeSeconds: MAX_AGE_SECONDS,
  }
}

/**
 * Signet's rule and all others, which stay as they are. It comes first: where several name an origin,
 * S3 takes the first that fits, and Ceph the first that names the origin, whatever it allows. A rule of
 * the same content without an id counts as Signet's, for some stores keep none.
 */
export function mergeRules(rules: readonly CorsRule[], own: CorsRule): readonly CorsRule[] {
  return [own, ...rules.filter((rule) => !isOwn(rule, own))]
}

/** Whether two lists of rules say the same, in the same order; Ceph sorts what is in a rule. */
export function sameRules(some: readonly CorsRule[], others: readonly CorsRule[]): boolean {
  return corsRulesXml(some.map(sortedRule)) === corsRulesXml(others.map(sortedRule))
}

function sortedRule({ origins, methods, headers, exposed, ...rule }: CorsRule): CorsRule {
  return {
    ...rule,
    origins: sorted(origins),
    methods: sorted(methods),
    headers: sorted(headers),
    exposed: sorted(exposed),
  }
}

function sorted(texts: readonly string[]): string[] {
  return [...texts].sort((a, b) => (a < b ? -1 : 1))
}

/** Rules of others that name one of these origins as well; by their id or number, from 1. */
export function rivalsOf(rules: readonly CorsRule[], own: CorsRule): string[] {
  return rules.flatMap((rule, index) => {
    const shares = own.origins.some((origin) => rule.origins.some((each) => fits(each, origin)))
    return shares && !isOwn(rule, own) ? [rule.id ?? `#${index + 1}`] : []
  })
}

/** What S3 makes of a page's request by these rules: the first that fits in every way decides. */
export function judgeByRules(rules: readonly CorsRule[], request: PageRequest): RulesVerdict {
  const { origin, method, headers } = request
  const ofOrigin = rules.filter(({ origins }) => origins.some((each) => fits(each, origin)))
  const ofMethod = ofOrigin.filter(({ methods }) => methods.includes(method))
  let missing: readonly string[] = headers
  for (const rule of ofMethod) {
    const refused = headers.filter((name) => !rule.headers.some((each) => fitsName(each, name)))
    if (refused.length === 0) {
      return { allowed: true, exposesEtag: rule.exposed.some((name) => fitsName(name, 'etag')) }
    }
    if (refused.length < missing.length) missing = refused
  }
  if (ofMethod.length > 0) return { allowed: false, why: 'headers', refusedHeaders: missing }
  const why = ofOrigin.length > 0 ? 'method' : 'origin'
  return { allowed: false, why, refusedHeaders: [] }
}

/**
 * Reads a CORSConfiguration. Throws `TypeError` on anything else, an element that is not known
 * included: whoever writes the rules back would drop it.
 */
export function parseCorsRules(xml: string): readonly CorsRule[] {
  const configuration = parseXml(xml).CORSConfiguration
  if (configuration === '') return []
  if (!isElement(configuration)) throw odd('not a CORSConfiguration')
  assertKnown(configuration, ['CORSRule'])
  const rules: unknown = configuration.CORSRule ?? []
  return (Array.isArray(rules) ? rules : [rules]).map(readRule)
}

/** The body of PutBucketCors. */
export function corsRulesXml(rules: readonly CorsRule[]): string {
  const written = rules.map(({ id, origins, methods, headers, exposed, maxAgeSeconds }) => {
    const elements = [
      ...each('ID', id === undefined ? [] : [id]),
      ...each('AllowedOrigin', origins),
      ...each('AllowedMethod', methods),
      ...each('AllowedHeader', headers),
      ...each('ExposeHeader', exposed),
      ...each('MaxAgeSeconds', maxAgeSeconds === undefined ? [] : [String(maxAgeSeconds)]),
    ]
    return `<CORSRule>${elements.join('')}</CORSRule>`
  })
  return `<CORSConfiguration xmlns="${XMLNS}">${written.join('')}</CORSConfiguration>`
}

const XMLNS = 'http://s3.amazonaws.com/doc/2006-03-01/'
const OF_RULES = [
  'ID',
  'AllowedOrigin',
  'AllowedMethod',
  'AllowedHeader',
  'ExposeHeader',
  'MaxAgeSeconds',
]

function readRule(rule: unknown): CorsRule {
  if (!isElement(rule)) throw odd('odd CORSRule')
  assertKnown(rule, OF_RULES)
  const id = leafOf(rule, 'ID')
  const age = leafOf(rule, 'MaxAgeSeconds')
  if (age !== undefined && !/^[0-9]{1,10}$/.test(age)) throw odd('odd MaxAgeSeconds')
  return {
    ...(id !== undefined && id !== '' && { id }),
    origins: leaves(rule, 'AllowedOrigin'),
    methods: leaves(rule, 'AllowedMethod'),
    headers: leaves(rule, 'AllowedHeader'),
    exposed: leaves(rule, 'ExposeHeader'),
    ...(age !== undefined && { maxAgeSeconds: Number(age) }),
  }
}

function leaves(rule: XmlElement, name: string): string[] {
  const values: unknown = rule[name] ?? []
  return (Array.isArray(values) ? values : [values]).map((value: unknown) => {
    if (typeof value !== 'string') throw odd(`odd ${name}`)
    return textOf(value)
  })
}

function assertKnown(element: XmlElement, known: readonly string[]): void {
  // Blanks between elements; any other text would be lost, too.
  const text = element['#text']
  const isBlank = text === undefined || (typeof text === 'string' && text.trim() === '')
  const stranger = Object.keys(element).find((name) => name !== '#text' && !known.includes(name))
  if (!isBlank || stranger !== undefined) throw odd('an element is not known')
}

function odd(why: string): TypeError {
  return new TypeError(`Cannot read the CORS rules: ${why}`)
}

function each(name: string, values: readonly string[]): string[] {
  return values.map((value) => `<${name}>${escapeXml(value)}</${name}>`)
}

/** The content of Signet's rule is the same whatever its origins are. */
function isOwn(rule: CorsRule, own: CorsRule): boolean {
  if (rule.id !== undefined) return rule.id === own.id
  const { id: _, ...content } = own
  return sameRules([{ ...rule, origins: [] }], [{ ...content, origins: [] }])
}

/** `*` stands for any text, once (S3 User Guide, elements of a CORS configuration). */
function fits(pattern: string, text: string): boolean {
  const at = pattern.indexOf('*')
  if (at < 0) return pattern === text
  const [head, tail] = [pattern.slice(0, at), pattern.slice(at + 1)]
  return text.length >= head.length + tail.length && text.startsWith(head) && text.endsWith(tail)
}

function fitsName(pattern: string, name: string): boolean {
  return fits(pattern.toLowerCase(), name.toLowerCase())
}
