import { isElement, leafOf, parseXml, type XmlElement } from '../../../src/stores/xml.ts'
import { noSuch } from './bucket-calls.ts'
import type { Answer, Call } from './call.ts'
import { xml } from './read-object.ts'
import { notImplemented, S3Error } from './s3-error.ts'

/** One rule of a bucket; `*` stands for anything. */
interface Rule {
  readonly origins: readonly string[]
  readonly methods: readonly string[]
  readonly headers: readonly string[]
  readonly exposed: readonly string[]
  readonly maxAge: string | undefined
}

/** GET, PUT and DELETE ?cors. */
export async function corsSettings(call: Call): Promise<Answer> {
  call.demand('manage')
  if (call.lies('corsApiRefused')) throw notImplemented('CORS')
  const { bucket } = call
  if (call.received.method === 'GET') {
    if (bucket.cors === undefined) throw noSuch('CORSConfiguration')
    return xml(bucket.cors)
  }
  if (call.received.method === 'DELETE') {
    bucket.cors = undefined
    return { status: 204 }
  }
  const text = (await call.received.body()).toString()
  if (rulesOf(text).length === 0) throw new S3Error(400, 'MalformedXML', 'No rule')
  bucket.cors = text
  return { status: 200 }
}

/** OPTIONS: whether a page may send what it wants to (S3 API, OPTIONS Object). Signed by nobody. */
export function preflight(call: Call): Answer {
  const origin = call.header('origin')
  const method = call.header('access-control-request-method')
  if (origin === undefined || method === undefined) {
    throw new S3Error(400, 'BadRequest', 'Insufficient information')
  }
  const wanted = (call.header('access-control-request-headers') ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '')
  const rule = matching(call, origin, method)
  const allows = wanted.every((name) => rule?.headers.some((one) => fits(one, name)) === true)
  const refused = call.lies('corsRefused') || (wanted.length > 0 && call.lies('corsHeaders'))
  if (rule === undefined || !allows || refused) {
    throw new S3Error(403, 'AccessForbidden', 'CORSResponse: This CORS request is not allowed')
  }
  return {
    status: 200,
    headers: {
      ...answerHeaders(call, rule, origin),
      'access-control-allow-methods': rule.methods.join(', '),
      ...(wanted.length > 0 && { 'access-control-allow-headers': wanted.join(', ') }),
      ...(rule.maxAge !== undefined && { 'access-control-max-age': rule.maxAge }),
    },
  }
}

/** What a page needs to read the answer to a request of its own; nothing where no rule fits. */
export function corsHeaders(call: Call): Record<string, string> {
  const origin = call.header('origin')
  if (origin === undefined || !call.world.buckets.has(call.received.bucketName)) return {}
  const rule = matching(call, origin, call.received.method)
  return rule === undefined ? {} : answerHeaders(call, rule, origin)
}

function answerHeaders(call: Call, rule: Rule, origin: string): Record<string, string> {
  const anybody = rule.origins.includes('*')
  const exposed = call.lies('corsUnexposed') ? [] : rule.exposed
  return {
    'access-control-allow-origin': anybody ? '*' : origin,
    ...(exposed.length > 0 && { 'access-control-expose-headers': exposed.join(', ') }),
    vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
  }
}

function matching(call: Call, origin: string, method: string): Rule | undefined {
  if (call.lies('corsMethods') && method !== 'GET') return undefined
  return rulesOf(call.bucket.cors ?? '').find(
    ({ origins, methods }) => origins.some((one) => fits(one, origin)) && methods.includes(method),
  )
}

function fits(pattern: string, value: string): boolean {
  const [before = '', after] = pattern.toLowerCase().split('*')
  if (after === undefined) return value.toLowerCase() === before
  return value.toLowerCase().startsWith(before) && value.toLowerCase().endsWith(after)
}

function rulesOf(text: string): readonly Rule[] {
  const root = text === '' ? undefined : parseXml(text).CORSConfiguration
  if (!isElement(root)) return []
  return listOf(root.CORSRule)
    .filter(isElement)
    .map((rule) => ({
      origins: textsOf(rule, 'AllowedOrigin'),
      methods: textsOf(rule, 'AllowedMethod'),
      headers: textsOf(rule, 'AllowedHeader'),
      exposed: textsOf(rule, 'ExposeHeader'),
      maxAge: leafOf(rule, 'MaxAgeSeconds'),
    }))
}

function textsOf(rule: XmlElement, name: string): readonly string[] {
  return listOf(rule[name]).map(String)
}

function listOf(value: unknown): readonly unknown[] {
  if (value === undefined) return []
  return Array.isArray(value) ? value : [value]
}
