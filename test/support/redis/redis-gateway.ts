import type { AppContext } from '../../../src/http/app-context.ts'
import {
  callOver,
  type GatewayProcess,
  type PreparedGateway,
  prepareGateway,
  type Reopened,
  reopenGateway,
  startGateway,
} from '../gateway-process.ts'
import { openTemporaryDirectory } from '../stores/temporary-directory.ts'
import type { TestGatewayOptions } from '../test-gateway.ts'
import { until } from '../until.ts'
import { type FaultProxy, openFaultProxy } from './fault-proxy.ts'
import { initialiseLedger } from './initialise.ts'
import { openRedisServer, type RedisServer, type RedisServerOptions } from './redis-server.ts'

/** A Redis that keeps everything on disk, a proxy before it, and a configuration that names the proxy. */
export interface RedisSetUp extends AsyncDisposable {
  readonly server: RedisServer
  readonly proxy: FaultProxy
  readonly prepared: PreparedGateway
  /** Opens one more gateway in this process, without a sweeper; closed with the set-up. */
  open(overrides?: Partial<AppContext>): Promise<Reopened>
}

export interface RedisSetUpOptions {
  readonly redis?: RedisServerOptions
  readonly gateway?: TestGatewayOptions
  /** Members of `ledger` in the configuration. */
  readonly ledger?: Readonly<Record<string, unknown>>
  /** Number of the database. Default 0. */
  readonly database?: number
  /** Makes the canaries. Default true. */
  readonly initialise?: boolean
}

/** Starts a Redis with an empty ledger. */
export async function openRedisSetUp(options: RedisSetUpOptions = {}): Promise<RedisSetUp> {
  const { redis, gateway, ledger, database = 0, initialise = true } = options
  await using closing = new AsyncDisposableStack()
  const directory = await openTemporaryDirectory()
  closing.defer(directory.close)
  const server = closing.use(await openRedisServer({ appendOnly: 'always', ...redis }))
  const proxy = closing.use(await openFaultProxy({ targetPort: server.port }))
  const state = `${server.url.replace(`:${server.port}`, `:${proxy.port}`)}/${database}`
  const where = { state, ...(ledger !== undefined && { ledger }) }
  const prepared = await prepareGateway(directory.path, gateway, where)
  if (initialise) await initialiseLedger(prepared)
  proxy.resetCounts()
  const kept = closing.move()
  return {
    server,
    proxy,
    prepared,
    async open(overrides) {
      return kept.use(await reopenGateway(prepared, overrides))
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  }
}

/** A gateway's uploads and downloads, as calls that can be counted. */
export function callsOf({ call }: Pick<Reopened, 'call'>) {
  let created = 0
  return {
    /** Asks for a new object of one byte. */
    async upload(idempotencyKey?: string, sizeBytes = 1): Promise<Response> {
      created += 1
      const key = `acme/alice/file-${idempotencyKey ?? created}`
      const body = { bucket: 'media', key, sizeBytes, contentType: 'text/plain' }
      const headers = idempotencyKey === undefined ? {} : { 'idempotency-key': idempotencyKey }
      return call('POST', '/v1/uploads', body, headers)
    },
    download: () => call('POST', '/v1/downloads', { bucket: 'media', key: 'acme/alice/cat.jpg' }),
  }
}

/** Starts a gateway as a process of its own, sweeper included. */
export async function startOn({ prepared }: Pick<RedisSetUp, 'prepared'>) {
  const gateway: GatewayProcess = await startGateway(prepared)
  const { upload, download } = callsOf({ call: callOver(gateway.url, prepared) })
  return { gateway, upload, download }
}

/**
 * Sends at a fixed pace, answered or not, so that clients that wait do not hide a stall. `stop` waits
 * for all that were sent and says how many.
 */
export function openLoad(perSecond: number, send: () => Promise<unknown>) {
  const sent: Promise<unknown>[] = []
  const startMs = performance.now()
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) / 1_000) * perSecond
    while (sent.length < due) sent.push(send())
  }, 10)
  return {
    async stop(): Promise<number> {
      clearInterval(timer)
      await Promise.all(sent)
      return sent.length
    },
    // A test that fails before it stops the load must not leave it to those that come after.
    async [Symbol.asyncDispose](): Promise<void> {
      clearInterval(timer)
      await Promise.allSettled(sent)
    },
  }
}

/** What a client has got: statuses by number of answers, and the ids of granted uploads. */
export class Answers {
  readonly statuses = new Map<number, number>()
  readonly granted: string[] = []
  /** Answers that no client may get, or that lack what they must have. */
  readonly wrong: string[] = []
  longestMs = 0

  /** Waits for an answer and takes it down. */
  async take(sent: Promise<Response>): Promise<number> {
    const startMs = performance.now()
    const response = await sent
    const text = await response.text()
    this.longestMs = Math.max(this.longestMs, performance.now() - startMs)
    const { status } = response
    this.statuses.set(status, (this.statuses.get(status) ?? 0) + 1)
    if (status === 201) this.granted.push((JSON.parse(text) as { id: string }).id)
    else if (/X-Amz-Signature/i.test(text) && status !== 200) this.wrong.push(text)
    const mustWait = status === 429 || status === 503
    if (mustWait && !/^[1-9]\d*$/.test(response.headers.get('retry-after') ?? '')) {
      this.wrong.push(`${status} without Retry-After: ${text}`)
    }
    if (![200, 201, 429, 503].includes(status)) this.wrong.push(`${status}: ${text}`)
    return status
  }

  count(status: number): number {
    return this.statuses.get(status) ?? 0
  }
}

/** Waits until uploads are granted again; the grant is taken down. */
export async function untilGranted(
  answers: Answers,
  upload: () => Promise<Response>,
  timeoutMs = 10_000,
): Promise<void> {
  await until('uploads are granted', async () => (await answers.take(upload())) === 201, timeoutMs)
}
