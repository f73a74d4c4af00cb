import type { Child } from '../../support/gateway-process.ts'
import type { StoreUnderTest } from '../../support/stores/stores-under-test.ts'
import { TEST_ADMIN_TOKEN } from '../../support/test-config.ts'
import { until } from '../../support/until.ts'
import type { SuiteSettings } from './settings.ts'

/** What a runtime's file starts: a gateway of the suite's settings, in a process of its own. */
export interface RunningGateway {
  readonly url: string
  readonly adminUrl: string
  /** All that it has written so far: its log, and what else it prints. */
  written(): string
  /** Its process, where SIGTERM has it stop in order. */
  readonly process?: Pick<Child, 'ended' | 'kill'>
}

/** A grant of an upload by PUT, as the API's answer has it. */
export interface Granted {
  readonly id: string
  readonly key: string
  readonly status: string
  readonly request: { readonly url: string; readonly headers: Record<string, string> }
  readonly guarantees: Readonly<Record<string, unknown>>
}

/** One limit as `GET /v1/usage` has it. */
export interface Level {
  readonly used: number
  readonly pending: number
}

/** How a call differs from alice's. */
export interface CallOptions {
  readonly who?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A running gateway as the suite asks it: over HTTP alone, and its store beside it. */
export interface GatewayUnderTest extends RunningGateway {
  readonly store: StoreUnderTest
  /** The store's own bucket. */
  readonly storeBucket: string
  readonly keys: ReadonlyMap<string, string>
  /** The public API, as alice of acme unless told otherwise. */
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<Response>
  /** The admin API, with the admin token. */
  admin(method: string, path: string, body?: unknown): Promise<Response>
  /** POST /v1/uploads of 1,000 bytes; throws unless it is 201. */
  create(name: string, body?: object, options?: CallOptions): Promise<Granted>
  /** An upload that is created, sent and completed. */
  uploaded(name: string, body?: object, options?: CallOptions): Promise<Granted>
  complete(id: string, body?: object, options?: CallOptions): Promise<Response>
  /** What is used and pending of a limit, by its policy. */
  level(policy: string, who?: string): Promise<Level>
  status(id: string, who?: string): Promise<string>
  untilStatus(id: string, status: string, who?: string): Promise<void>
}

/** What the calls need of a gateway. */
export interface Reached extends RunningGateway, Pick<SuiteSettings, 'keys'> {
  readonly store: StoreUnderTest
  readonly storeBucket: string
}

/** How long the sweeper may take for what is due: its first look, and a busy machine. */
const SWEEP_TIMEOUT_MS = 30_000

/** The calls of the suite for a gateway that runs. */
export function underTest(reached: Reached): GatewayUnderTest {
  const { url, adminUrl, keys } = reached
  const call: GatewayUnderTest['call'] = (method, path, body, { who, headers } = {}) =>
    fetch(`${url}${path}`, {
      method,
      redirect: 'manual',
      headers: { ...bearer(keys.get(who ?? 'acme/alice')), ...jsonType(body), ...headers },
      ...bodyOf(body),
    })
  const create: GatewayUnderTest['create'] = async (name, body, options = {}) => {
    const wanted = uploadBody(`${options.who ?? 'acme/alice'}/${name}`, body)
    const response = await call('POST', '/v1/uploads', wanted, options)
    if (response.status !== 201) throw new Error(`${response.status}: ${await response.text()}`)
    return (await response.json()) as Granted
  }
  const complete: GatewayUnderTest['complete'] = (id, body = {}, options = {}) =>
    call('POST', `/v1/uploads/${id}/complete`, body, options)
  const status: GatewayUnderTest['status'] = async (id, who = 'acme/alice') => {
    const answer = await call('GET', `/v1/uploads/${id}`, undefined, { who })
    return ((await answer.json()) as { status: string }).status
  }
  return {
    ...reached,
    call,
    admin: (method, path, body) =>
      fetch(`${adminUrl}/admin/v1/${path}`, {
        method,
        headers: { ...bearer(TEST_ADMIN_TOKEN), ...jsonType(body) },
        ...bodyOf(body),
      }),
    create,
    async uploaded(name, body, options = {}) {
      const upload = await create(name, body, options)
      const sent = await put(upload)
      if (sent !== 200) throw new Error(`the store answers ${sent}`)
      const answer = await complete(upload.id, {}, options)
      if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
      await answer.bytes()
      return upload
    },
    complete,
    async level(policy, who = 'acme/alice') {
      const answer = await call('GET', '/v1/usage', undefined, { who })
      const { limits } = (await answer.json()) as { limits: ({ policy: string } & Level)[] }
      const found = limits.find((limit) => limit.policy === policy)
      if (found === undefined) throw new Error(`${who} has no limit ${policy}`)
      return { used: found.used, pending: found.pending }
    },
    status,
    untilStatus: (id, wanted, who) =>
      until(
        `an upload is ${wanted}`,
        async () => (await status(id, who)) === wanted,
        SWEEP_TIMEOUT_MS,
      ).then(() => undefined),
  }
}

/** A well-formed upload request of 1,000 bytes. */
export function uploadBody(key: string, changes: object = {}) {
  return { bucket: 'media', key, sizeBytes: 1_000, contentType: 'image/jpeg', ...changes }
}

/** The client's PUT by its grant; answers the store's status. */
export async function put(
  { request }: Pick<Granted, 'request'>,
  body: Uint8Array<ArrayBuffer> | string = new Uint8Array(1_000),
): Promise<number> {
  const answer = await fetch(request.url, { method: 'PUT', headers: request.headers, body })
  await answer.bytes()
  return answer.status
}

function bearer(credential: string | undefined) {
  return { authorization: `Bearer ${credential}` }
}

function jsonType(body: unknown) {
  return body === undefined ? undefined : { 'content-type': 'application/json' }
}

function bodyOf(body: unknown) {
  if (body === undefined) return undefined
  return { body: typeof body === 'string' ? body : JSON.stringify(body) }
}
