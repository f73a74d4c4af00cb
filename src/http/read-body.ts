import type * as z from 'zod/mini'
import { type FieldProblem, GatewayError } from '../errors.ts'
import { IN_ENGLISH } from '../issue-words.ts'

const MAX_FIELD_PROBLEMS = 20
const MAX_DEPTH = 64
const decoder = new TextDecoder('utf-8', { fatal: true })

/**
 * Reads a body as JSON, at most `maxBytes` of it. Throws `UnsupportedMediaType` for an encoded body
 * or another type, `RequestTooLarge` above the cap (before the rest is read), `InvalidRequest` for
 * what is no JSON. An empty body is `undefined`.
 */
export async function readJson(request: Request, maxBytes: number): Promise<unknown> {
  const text = await readText(request, maxBytes)
  if (text === '') return undefined
  const type = request.headers.get('content-type') ?? ''
  if (!/^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i.test(type)) {
    throw new GatewayError(
      'UnsupportedMediaType',
      'Cannot read the body: its content type must be "application/json"',
    )
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new GatewayError('InvalidRequest', 'Cannot read the body: it is not JSON', { cause })
  }
  if (hasProtoMember(value, 0)) {
    throw new GatewayError('InvalidRequest', 'Cannot read the body: a member has no legal name')
  }
  return value
}

/** Validates against a schema. Throws `InvalidRequest` that names every bad member. */
export function validate(schema: z.ZodMiniType, value: unknown, what: string): unknown {
  const result = schema.safeParse(value, IN_ENGLISH)
  if (result.success) return result.data
  // One problem a member: what follows from the first one helps nobody.
  const problems = new Map<string, FieldProblem>()
  for (const problem of result.error.issues.flatMap(fieldProblems)) {
    if (!problems.has(problem.path)) problems.set(problem.path, problem)
  }
  const fields = [...problems.values()].slice(0, MAX_FIELD_PROBLEMS)
  const names = fields.map(({ path }) => path || 'body').slice(0, 5)
  throw new GatewayError('InvalidRequest', `Cannot accept the ${what}: see ${names.join(', ')}`, {
    fields,
  })
}

function fieldProblems(issue: z.core.$ZodIssue): FieldProblem[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: pathOf([...issue.path, key]),
      message: 'is not a known member',
    }))
  }
  return [{ path: pathOf(issue.path), message: issue.message }]
}

function pathOf(path: readonly PropertyKey[]): string {
  return path.map((part) => String(part).slice(0, 64)).join('.')
}

/**
 * Reads a body as it is, at most `maxBytes` of it, whatever its type. Throws `UnsupportedMediaType` for an
 * encoded one, `RequestTooLarge` above the cap, before the rest is read.
 */
export async function readRaw(request: Request, maxBytes: number): Promise<Uint8Array> {
  if (request.headers.has('content-encoding')) {
    throw new GatewayError('UnsupportedMediaType', 'Cannot read the body: it is encoded')
  }
  const declared = request.headers.get('content-length')
  if (declared !== null && Number(declared) > maxBytes) throw tooLarge(maxBytes)
  // A server holds a body to its declared length (RFC 9112 section 6.2): it can be read at once.
  const atOnce = declared !== null && !request.headers.has('transfer-encoding')
  const bytes = await readBytes(request, maxBytes, atOnce)
  if (bytes.length > maxBytes) throw tooLarge(maxBytes)
  return bytes
}

async function readText(request: Request, maxBytes: number): Promise<string> {
  const bytes = await readRaw(request, maxBytes)
  try {
    return decoder.decode(bytes)
  } catch (cause) {
    throw new GatewayError('InvalidRequest', 'Cannot read the body: it is not UTF-8', { cause })
  }
}

async function readBytes(request: Request, maxBytes: number, atOnce: boolean): Promise<Uint8Array> {
  if (request.bodyUsed) throw new GatewayError('InternalError', 'Cannot read the body twice')
  try {
    return atOnce
      ? new Uint8Array(await request.arrayBuffer())
      : await readStream(request.body, maxBytes)
  } catch (cause) {
    if (cause instanceof GatewayError) throw cause
    // The client went away, or was too slow: nothing of ours is wrong.
    throw new GatewayError('InvalidRequest', 'Cannot read the body: it ends too early', { cause })
  }
}

async function readStream(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body ?? []) {
    length += chunk.length
    if (length > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return joined(chunks, length)
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const [only] = chunks
  if (chunks.length === 1 && only !== undefined) return only
  const all = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    all.set(chunk, at)
    at += chunk.length
  }
  return all
}

function tooLarge(maxBytes: number): GatewayError {
  return new GatewayError(
    'RequestTooLarge',
    `Cannot read the body: it is larger than ${maxBytes} bytes`,
  )
}

/** JSON.parse makes an own member of `__proto__`, which schemas pass over in silence. */
function hasProtoMember(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (depth > MAX_DEPTH) return true
  if (Object.hasOwn(value, '__proto__')) return true
  return Object.values(value).some((member) => hasProtoMember(member, depth + 1))
}
