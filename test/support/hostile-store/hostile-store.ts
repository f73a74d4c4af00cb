import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { answerCall } from './answer-call.ts'
import type { Answer, HostileCredential, Received, World } from './call.ts'
import type { Lie } from './lies.ts'
import { MemoryBucket } from './memory-bucket.ts'

/**
 * Answers a request in the store's stead, or lets it through; `'hang'` never answers, `'cut'` ends the
 * connection.
 */
export type Intercept = (request: Received) => Answer | 'hang' | 'cut' | undefined

/** How a store differs from one that keeps all its promises. */
export interface HostileOptions {
  /** Default: none. */
  readonly lies?: readonly Lie[]
  /** Default `us-east-1`. */
  readonly region?: string
  /** Whether the buckets keep versions. Default false. */
  readonly versioned?: boolean
  /** What `Server` says; `null`: nothing. Default `HostileStore`. */
  readonly server?: string | null
  /** By how much the store's `Date` is ahead of its clock, in milliseconds. Default 0. */
  readonly dateAheadMs?: number
  /** The store's clock. Default: the machine's. */
  readonly clock?: { nowMs(): number }
  readonly intercept?: Intercept
}

/** A store of S3's kind in this process, reached by HTTP. */
export interface HostileStore extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly endpoint: string
  readonly credentials: typeof CREDENTIALS
  /** The bucket `media-prod`, that tests use, and the bucket `other`. */
  readonly bucket: MemoryBucket
  readonly otherBucket: MemoryBucket
  /** Method and target of every request since it became what it is, without the signature. */
  readonly requests: readonly string[]
  /** Forgets everything, and differs so from now on. */
  become(options: HostileOptions): void
}

/** One key pair for everything, and one for each purpose. */
export const CREDENTIALS = {
  main: {
    accessKeyId: 'AKIAHOSTILEMAIN00000',
    secretAccessKey: 'hostile-secret-of-main-0123456789abcdef',
  },
  write: {
    accessKeyId: 'AKIAHOSTILEWRITE0000',
    secretAccessKey: 'hostile-secret-of-write-0123456789abcde',
  },
  read: {
    accessKeyId: 'AKIAHOSTILEREAD00000',
    secretAccessKey: 'hostile-secret-of-read-0123456789abcdef',
  },
} as const

/** Origin that the buckets let in by CORS. */
export const ALLOWED_ORIGIN = 'https://app.example'

const CORS = `<CORSConfiguration><CORSRule><AllowedOrigin>${ALLOWED_ORIGIN}</AllowedOrigin>${[
  'PUT',
  'POST',
  'GET',
  'HEAD',
]
  .map((method) => `<AllowedMethod>${method}</AllowedMethod>`)
  .join(
    '',
  )}<AllowedHeader>*</AllowedHeader><ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>3600</MaxAgeSeconds></CORSRule></CORSConfiguration>`

const MAY: readonly HostileCredential[] = [
  { ...CREDENTIALS.main, may: ['manage'] },
  { ...CREDENTIALS.write, may: ['write', 'delete'] },
  { ...CREDENTIALS.read, may: ['read'] },
]

/** What a store is at one time. */
interface Self {
  readonly world: World
  readonly options: HostileOptions
  readonly bucket: MemoryBucket
  readonly otherBucket: MemoryBucket
  readonly requests: string[]
}

/** Starts a store on a free port of loopback. It is empty, and forgets all when it is closed. */
export async function startHostileStore(options: HostileOptions = {}): Promise<HostileStore> {
  let self = selfOf(options)
  const server = createServer((request, response) => {
    const { world, requests, options: now } = self
    const received = receivedOf(request)
    requests.push(`${received.method} ${received.target.replace(/X-Amz-[^&]*&?/g, '')}`)
    const answered = now.intercept?.(received)
    if (answered === 'hang') return
    if (answered === 'cut') {
      response.destroy()
      return
    }
    Promise.resolve(answered ?? answerCall(world, received))
      .then((answer) => send({ world, options: now, received, response }, answer))
      .catch(() => response.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    credentials: CREDENTIALS,
    get bucket() {
      return self.bucket
    },
    get otherBucket() {
      return self.otherBucket
    },
    get requests() {
      return self.requests
    },
    become(next) {
      self = selfOf(next)
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  }
}

function selfOf(options: HostileOptions): Self {
  const { lies = [], region = 'us-east-1', versioned = false } = options
  const bucket = new MemoryBucket({ versioned, cors: CORS })
  const otherBucket = new MemoryBucket({ versioned })
  const world: World = {
    lies: new Set(lies),
    buckets: new Map([
      ['media-prod', bucket],
      ['other', otherBucket],
    ]),
    credentials: MAY,
    region,
    nowMs: () => options.clock?.nowMs() ?? Date.now(),
    racing: new Map(),
  }
  return { world, options, bucket, otherBucket, requests: [] }
}

function receivedOf(request: IncomingMessage): Received {
  const { method = '', url: target = '' } = request
  const [path = '', search = ''] = split(target, '?')
  const [bucketName = '', key = ''] = split(path.slice(1), '/')
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers)) {
    // Node reads bytes as Latin-1; S3 takes them for UTF-8.
    headers[name] = Buffer.from(String(value), 'latin1').toString()
  }
  const pairs = search === '' ? [] : search.split('&').map((pair) => split(pair, '='))
  let body: Promise<Buffer> | undefined
  return {
    method,
    target,
    bucketName: decodeURIComponent(bucketName),
    key: decodeURIComponent(key),
    pairs: pairs.map(([name, value]) => [decodeURIComponent(name), decodeURIComponent(value)]),
    headers,
    body: () => (body ??= buffer(request)),
  }
}

function send(
  exchange: Pick<Self, 'world' | 'options'> & { received: Received; response: ServerResponse },
  { status, headers = {}, body = '' }: Answer,
): void {
  const { world, options, received, response } = exchange
  const { server = 'HostileStore', dateAheadMs = 0 } = options
  response.sendDate = false
  response.statusCode = status
  if (!world.lies.has('dateMissing')) {
    response.setHeader('date', new Date(world.nowMs() + dateAheadMs).toUTCString())
  }
  if (server !== null) response.setHeader('server', server)
  response.setHeader('x-amz-request-id', 'hostile')
  for (const [name, value] of Object.entries(headers)) {
    response.setHeader(name, Buffer.from(value).toString('latin1'))
  }
  if (status !== 204 && status !== 304) {
    response.setHeader('content-length', Buffer.byteLength(body))
  }
  response.end(received.method === 'HEAD' ? undefined : body)
}

function split(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
