import type { ServerResponse } from 'node:http'
import { inspect } from 'node:util'
import type { ErrorHandler } from 'hono'
import { GatewayError } from '../../src/errors.ts'
import type { AppContext } from '../../src/http/app-context.ts'
import type { createApp } from '../../src/http/create-app.ts'
import { CANARY } from './test-config.ts'

/** Where something came out of a gateway. */
export type Outlet =
  | 'answer'
  | 'audit'
  | 'command'
  | 'error'
  | 'log'
  | 'metrics'
  | 'process'
  | 'trace'

/** What the watch has seen and nobody has asked for yet: of all files, for they share one process. */
const leaks: string[] = []
/** Enough to see what is wrong. */
const MAX_LEAKS = 20
/** Without it nothing is watched: the programs beside the tests use the same gateways. */
let underTest = ''
const unread = new Set<Response>()

/**
 * The canary that every secret of a test gateway holds, as it is (which is also how URLs have it) and
 * in base64 or base64url, at each place among three bytes, and in hexadecimal.
 */
const CANARY_FORMS = [CANARY, ...[0, 1, 2].map(inBase64), Buffer.from(CANARY).toString('hex')]

/** Secrets that are made anew each time, by their form. */
const MADE_SECRETS: readonly (readonly [string, RegExp])[] = [
  ['an API key', /signet_[A-Za-z0-9]{1,64}_[A-Za-z0-9_-]{43}_[0-9A-Za-z]{6}(?![0-9A-Za-z])/],
  ['a token', /eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}/],
  ['a hash of a key', /(?<!\w)v[1-9]\d{0,8}:[\w-]{43}(?![\w-])/],
  ['a signature', /Signature["'\\\s:=\w%]{1,12}[0-9a-f]{64}(?![0-9a-f])/i],
]

/** Looks through what a gateway has let out. `allowed`: names of what may be in there. */
export function watch(outlet: Outlet, text: string, allowed: readonly string[] = []): void {
  if (underTest === '') return
  const found = [
    ...(CANARY_FORMS.some((form) => text.includes(form)) ? ['a secret of the settings'] : []),
    ...MADE_SECRETS.filter(([, pattern]) => pattern.test(text)).map(([name]) => name),
  ].filter((name) => !allowed.includes(name))
  if (found.length === 0 || leaks.length >= MAX_LEAKS) return
  leaks.push(`${outlet} shows ${found.join(', ')} in "${underTest}": ${text.slice(0, 2_000)}`)
}

/** What leaks from now on is told with this name. */
export function nowTesting(name: string): void {
  underTest = name
}

/** What has leaked since the last time; answers that nobody has read are looked through first. */
export async function takeLeaks(): Promise<string[]> {
  for (const response of unread) {
    if (!response.bodyUsed) await response.text()
  }
  unread.clear()
  return leaks.splice(0)
}

/** An application all of whose answers and errors are looked through; it is changed in place. */
export function watchAnswers<App extends ReturnType<typeof createApp>>(app: App): App {
  const { fetch } = app
  app.fetch = async (request, ...rest) => {
    const response = await fetch(request, ...rest)
    if (underTest !== '') watchAnswer(response, shownBy(request, response), rest[0])
    return response
  }
  // The frame's own handler is no public member; errors that it turns into answers are seen nowhere else.
  const answer: ErrorHandler<never> = Reflect.get(app, 'errorHandler')
  app.onError((error, http) => {
    if (error instanceof GatewayError) watch('error', told(error))
    return answer(error, http as never)
  })
  return app
}

function watchAnswer(response: Response, allowed: readonly string[], bindings: unknown): void {
  watch('answer', JSON.stringify([...response.headers]), allowed)
  if (response.body === null) return
  const { outgoing } = (bindings ?? {}) as { outgoing?: ServerResponse }
  if (outgoing !== undefined) {
    watchBytes(outgoing, allowed)
    return
  }
  watchBody(response, allowed)
}

/** A body however it is read: whole, by a reader of its stream, or from a copy. */
function watchBody(response: Response, allowed: readonly string[]): void {
  const { body } = response
  if (body === null) return
  const [arrayBuffer, clone] = [response.arrayBuffer.bind(response), response.clone.bind(response)]
  let stream: ReadableStream<Uint8Array> | undefined
  const whole = async () => {
    unread.delete(response)
    if (stream !== undefined) return new Response(stream).arrayBuffer()
    const bytes = await arrayBuffer()
    watch('answer', Buffer.from(bytes).toString(), allowed)
    return bytes
  }
  const text = async () => new TextDecoder().decode(await whole())
  const members = {
    arrayBuffer: whole,
    text,
    json: async () => JSON.parse(await text()),
    bytes: async () => new Uint8Array(await whole()),
    blob: async () => new Blob([await whole()]),
    clone() {
      const copy = clone()
      watchBody(copy, allowed)
      return copy
    },
  }
  // The server's own kind of Response has members that assignment would not replace.
  Object.defineProperties(response, {
    ...Object.fromEntries(Object.entries(members).map(([name, value]) => [name, { value }])),
    body: {
      get() {
        unread.delete(response)
        stream ??= watchedStream(body, allowed)
        return stream
      },
    },
  })
  unread.add(response)
}

/** A stream is looked through as far as it is read. */
function watchedStream(
  body: ReadableStream<Uint8Array>,
  allowed: readonly string[],
): ReadableStream<Uint8Array> {
  const chunks: Uint8Array[] = []
  const look = () => watch('answer', Buffer.concat(chunks).toString(), allowed)
  const reader = body.getReader()
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read()
      if (done) return controller.close()
      chunks.push(value)
      look()
      controller.enqueue(value)
    },
    cancel: (reason) => reader.cancel(reason),
  })
}

/** A body that a server sends, as it sends it: the bytes on the wire stay the same. */
function watchBytes(outgoing: ServerResponse, allowed: readonly string[]): void {
  const chunks: Buffer[] = []
  const noted = (chunk: unknown) => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk))
  }
  const write = outgoing.write.bind(outgoing) as (...sent: unknown[]) => boolean
  const end = outgoing.end.bind(outgoing) as (...sent: unknown[]) => ServerResponse
  outgoing.write = (...sent: unknown[]) => {
    noted(sent[0])
    return write(...sent)
  }
  outgoing.end = (...sent: unknown[]) => {
    noted(sent[0])
    watch('answer', Buffer.concat(chunks).toString(), allowed)
    return end(...sent)
  }
}

/** An error in all that it says, and its causes; without stacks, which cost more than all the rest. */
function told(error: unknown): string {
  if (!(error instanceof Error)) return inspect(error)
  const { details, ...members } = { details: {}, ...error }
  const { cause: _, ...said } = { cause: undefined, ...details }
  const cause = error.cause === undefined ? '' : told(error.cause)
  return `${error.message} ${inspect(members)} ${inspect(said, { depth: 4 })} ${cause}`
}

/** What an answer is for: a grant is shown by the call that signed it, a key by the one that made it. */
function shownBy({ method, url }: Request, { status }: Response): readonly string[] {
  if (status >= 400) return []
  const { pathname, searchParams } = new URL(url)
  if (searchParams.get('dryRun') === 'true') return []
  const signs =
    method === 'POST'
      ? /^\/v1\/(?:uploads|uploads\/batch|uploads\/[^/]+\/parts|downloads)$/.test(pathname)
      : method === 'GET' && status === 307 && pathname.startsWith('/v1/objects/')
  if (signs) return ['a signature']
  const makesKey = method === 'POST' && /\/keys(?:\/[^/]+\/rotate)?$/.test(pathname)
  return makesKey ? ['an API key'] : []
}

/** Names and attributes of spans. */
export function watchSpans(context: AppContext): void {
  const { telemetry } = context
  Object.assign(context, {
    telemetry: {
      ...telemetry,
      span: (name, attributes, work) => {
        watch('trace', `${name} ${JSON.stringify(attributes)}`)
        return telemetry.span(name, attributes, work)
      },
    } satisfies AppContext['telemetry'],
  })
}

/** All metrics of a gateway, when it closes. */
export function watchMetrics({ readMetrics }: AppContext, closing: AsyncDisposableStack): void {
  if (readMetrics !== undefined) closing.defer(async () => watch('metrics', await readMetrics()))
}

function inBase64(offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), Buffer.from(CANARY)])
  const whole = Math.floor((text.length * 8) / 6)
  return text.toString('base64').slice(Math.ceil((offset * 8) / 6), whole)
}
