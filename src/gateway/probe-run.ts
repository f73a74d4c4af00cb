import { GatewayError } from '../errors.ts'
import { toHex } from '../hashing.ts'
import { ObjectKey } from '../object-key.ts'
import type { PresignRequest } from '../signing/presigner.ts'
import type { Known } from '../stores/capabilities.ts'
import { objectLocation, placedKey } from '../stores/object-url.ts'
import type { Placement, StoreCredential } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'

/** Sends a request to a store; the runtime's `fetch`. */
export type Send = (url: string, init: RequestInit) => Promise<Response>

/** What a probe needs of the gateway. */
export type ProbeContext = Pick<
  GatewayContext,
  'clock' | 'hashing' | 'log' | 'presigner' | 'random' | 'storeClient'
>

/** The bytes that a probe writes, and others of the same length. */
export const FIVE = 'hello'
export const OTHER_FIVE = 'jello'
/** What an attack tries to copy; its length tells it from everything else that a probe writes. */
export const MARKER = 'what nobody may copy'

/** Reserved below every placement's prefix: what is found there is the probe's. */
const PROBE_PREFIX = '.signet-probe/'
const LIFETIME_SECONDS = 60

/** A PUT by a URL of ours: what is signed, and what is sent. */
export interface Attempt {
  /** Default: a new key. */
  readonly key?: string
  /** Body whose length is signed. Default: `FIVE`. */
  readonly signed?: string
  /** Default: what was signed. */
  readonly sent?: string
  readonly signedType?: string
  readonly sentType?: string
  /** Headers that are signed and sent. */
  readonly headers?: Readonly<Record<string, string>>
  /** Headers that are sent and not signed. */
  readonly unsigned?: Readonly<Record<string, string>>
}

interface SignedRequest {
  readonly method: PresignRequest['method']
  readonly key: string
  readonly headers?: ReadonlyMap<string, string>
  readonly query?: ReadonlyMap<string, string>
  /** Default: `write` for a PUT, else `read`. */
  readonly credential?: StoreCredential
}

/**
 * One probe of a store: its folder, what it wrote, and requests by URLs like those that callers get.
 * All of them throw `StoreUnavailable` when nothing can be concluded from the answer.
 */
export class ProbeRun {
  readonly context: ProbeContext
  readonly placement: Placement
  readonly #send: Send
  readonly #folder: string
  readonly #written = new Set<string>()
  readonly #begun: { readonly key: string; readonly uploadId: string }[] = []
  #count = 0

  constructor(context: ProbeContext, send: Send, placement: Placement) {
    this.context = context
    this.placement = placement
    this.#send = send
    this.#folder = `${PROBE_PREFIX}${toHex(context.random(8))}/`
  }

  /** A key that nobody has used, in this run's folder; whatever is written there is removed. */
  newKey(ending = ''): string {
    this.#count += 1
    const key = `${this.#folder}${this.#count}${ending}`
    this.#written.add(key)
    return key
  }

  place(key: string): ObjectPlace {
    return { placement: this.placement, key: ObjectKey.parse(key) }
  }

  /** Size of an object, or undefined when it is not there. */
  async sizeOf(key: string): Promise<number | undefined> {
    const head = await this.context.storeClient.head(this.place(key))
    return head.found ? head.sizeBytes : undefined
  }

  /** Status of a PUT. */
  async put(attempt: Attempt = {}): Promise<number> {
    const { key = this.newKey(), signed = FIVE, sent = signed, headers, unsigned } = attempt
    const { signedType = 'text/plain', sentType = signedType } = attempt
    const url = await this.presign({
      method: 'PUT',
      key,
      headers: new Map([
        ['content-length', String(signed.length)],
        ['content-type', signedType],
        ...Object.entries(headers ?? {}),
      ]),
    })
    const response = await this.send(url, {
      method: 'PUT',
      headers: { 'content-type': sentType, ...headers, ...unsigned },
      body: sent,
    })
    await response.body?.cancel()
    return response.status
  }

  /** Answer to a GET or HEAD; its body must still be read or cancelled. */
  async get(request: SignedRequest): Promise<Response> {
    return this.send(await this.presign(request), { method: request.method })
  }

  /** A URL for the store's own endpoint; whether clients reach the public one is no matter here. */
  async presign({
    method,
    key,
    headers = new Map(),
    query = new Map(),
    credential = this.placement.store.credentials[method === 'PUT' ? 'write' : 'read'],
  }: SignedRequest): Promise<string> {
    const { store, bucket } = this.placement
    const { nowMs, expiresAtMs } = this.lifetime()
    const { backdateSeconds } = store.capabilities
    const signed = await this.context.presigner.presign({
      method,
      ...objectLocation(store, 'endpoint', bucket, placedKey(this.place(key))),
      query,
      headers,
      credential,
      region: store.region,
      signedAtMs: nowMs - backdateSeconds * 1000,
      expiresInSeconds: Math.floor((expiresAtMs - nowMs) / 1000) + backdateSeconds,
    })
    return signed.reveal()
  }

  /** When a grant of this run begins and ends. */
  lifetime(): { nowMs: number; expiresAtMs: number } {
    const nowMs = this.context.clock.nowMs()
    return { nowMs, expiresAtMs: nowMs + LIFETIME_SECONDS * 1000 }
  }

  /**
   * Sends a request. An answer of 500 is repeated once, and an answer when it comes again: some stores
   * have no other for what they do not know. Any other 5xx but 501 says that the store is away.
   */
  async send(url: string, init: RequestInit): Promise<Response> {
    const first = await this.#sendOnce(url, init)
    if (first.status !== 500) return first
    await first.body?.cancel()
    return this.#sendOnce(url, init)
  }

  /** Begins a multipart upload that is aborted at the end of the run, whatever becomes of it. */
  async begin(key: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
    const headers = new Map([['content-type', 'text/plain'], ...Object.entries(more)])
    const uploadId = await this.context.storeClient.createMultipart(this.place(key), headers)
    this.#begun.push({ key, uploadId })
    return uploadId
  }

  /** Removes what was written. What cannot be aborted is told in the log, and stays. */
  async cleanUp(): Promise<void> {
    const { storeClient, log } = this.context
    for (const { key, uploadId } of this.#begun) {
      try {
        await storeClient.abortMultipart(this.place(key), uploadId)
      } catch (error) {
        log.warn('store.probe_left_parts', { store: this.placement.store.name, key, error })
      }
    }
    for (const key of this.#written) await storeClient.remove(this.place(key))
  }

  async #sendOnce(url: string, init: RequestInit): Promise<Response> {
    const signal = AbortSignal.timeout(this.placement.store.timeoutMs)
    let response: Response
    try {
      response = await this.#send(url, { ...init, redirect: 'manual', signal })
    } catch {
      // The cause is dropped: runtimes put the URL in it.
      throw this.#noAnswer(0)
    }
    const { status } = response
    if (status < 500 || status === 500 || status === 501) return response
    await response.body?.cancel()
    throw this.#noAnswer(status)
  }

  #noAnswer(status: number): GatewayError {
    return new GatewayError('StoreUnavailable', 'Cannot probe the store: no usable answer', {
      facts: { store: this.placement.store.name, status },
    })
  }
}

/** The store did it. */
export function isTaken(status: number): boolean {
  return status >= 200 && status < 300
}

/** The store would not do it, and said so. A 500 is neither: nobody knows what it left behind. */
export function isRefused(status: number): boolean {
  return (status >= 400 && status < 500) || status === 501
}

/** What was seen, as a capability. */
export function yesIf(seen: boolean): Known {
  return seen ? 'yes' : 'no'
}
