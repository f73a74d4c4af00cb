import { GatewayError } from '../../errors.ts'
import { isSettled, isSilence } from './answer.ts'

/** Sends a request to a store; the runtime's `fetch`. */
export type Send = (url: string, init: RequestInit) => Promise<Response>

/** Requests of one probe, twice of what one needs; what has looked leaves some for the cleaning. */
export const MAX_PROBE_REQUESTS = 600
const MAX_LOOKING_REQUESTS = 450
/** Bytes in bodies, where nobody asks for parts of real size. */
const MAX_PROBE_BYTES = 1024 * 1024
/** Three parts of 5 MiB and the overhead of a signature or two. */
const MAX_FULL_BYTES = 20 * 1024 * 1024
/** Attempts in a row without a usable answer: then the store is away, and nobody is asked any more. */
const MAX_SILENCES = 16

/** What bounds the requests of a probe. */
export interface SenderOptions {
  readonly send: Send
  /** For messages. */
  readonly store: string
  /** How long one request may take, in milliseconds. */
  readonly timeoutMs: number
  /** Default 450. */
  readonly maxRequests?: number | undefined
  /** Also parts of real size. Default false. */
  readonly full?: boolean
  /** Once aborted, no request begins any more. */
  readonly signal?: AbortSignal | undefined
}

/** How often, and how, one request may be sent. */
export interface Patience {
  /** An answer of 500 that comes twice is one: some stores have no other for what they do not know. */
  readonly takes500?: boolean
}

/**
 * Carries the requests of a probe, and counts them. One without a usable answer (none at all within the
 * time, 408, 429, or a 5xx but 501) is repeated once, and then throws `StoreUnavailable`, as everything does when
 * a limit is reached or the probe is to end.
 */
export class ProbeSender {
  readonly #options: SenderOptions
  #requests = 0
  #bytes = 0
  #silences = 0

  constructor(options: SenderOptions) {
    this.#options = options
  }

  get requests(): number {
    return this.#requests
  }

  /** Bytes that were sent as bodies, as far as they have a known size. */
  get bytes(): number {
    return this.#bytes
  }

  /** An answer, whose body must still be read or cancelled. `init` is made anew for a repetition. */
  async send(
    url: string,
    init: () => RequestInit,
    { takes500 = false }: Patience = {},
  ): Promise<Response> {
    const first = await this.#sendOnce(url, init())
    if (first !== undefined && !isSilence(first.status)) return first
    await first?.body?.cancel()
    const second = await this.#sendOnce(url, init())
    if (second === undefined) throw this.#unavailable({ reason: 'no answer' })
    if (!isSilence(second.status)) return second
    if (takes500 && second.status === 500 && first?.status === 500) return second
    await second.body?.cancel()
    throw this.#unavailable({ status: second.status })
  }

  /** One of the gateway's own calls, by the same rules. */
  async own<Result>(call: () => Promise<Result>): Promise<Result> {
    try {
      return await this.#callOnce(call)
    } catch (error) {
      if (isSettled(error)) throw error
      return await this.#callOnce(call)
    }
  }

  async #callOnce<Result>(call: () => Promise<Result>): Promise<Result> {
    this.#begin()
    try {
      const result = await call()
      this.#silences = 0
      return result
    } catch (error) {
      // Our own row was too long, which says nothing of the store.
      if (error instanceof GatewayError && error.code === 'Overloaded')
        throw this.#unavailable({ reason: 'no turn came' })
      this.#silences = isSettled(error) ? 0 : this.#silences + 1
      throw error
    }
  }

  async #sendOnce(url: string, init: RequestInit): Promise<Response | undefined> {
    this.#begin()
    this.#bytes += sizeOfBody(init.body)
    const { send, timeoutMs } = this.#options
    let response: Response | undefined
    try {
      const signal = AbortSignal.timeout(timeoutMs)
      response = await send(url, { ...init, redirect: 'manual', signal })
    } catch {
      // The cause is dropped: runtimes put the URL in it.
    }
    const silent = response === undefined || isSilence(response.status)
    this.#silences = silent ? this.#silences + 1 : 0
    return response
  }

  #begin(): void {
    const { signal, full = false, maxRequests = MAX_LOOKING_REQUESTS } = this.#options
    if (signal?.aborted === true) throw this.#unavailable({ reason: 'the probe was ended' })
    if (this.#silences >= MAX_SILENCES) throw this.#unavailable({ reason: 'the store is away' })
    if (this.#requests >= maxRequests) throw this.#unavailable({ reason: 'too many requests' })
    if (this.#bytes >= (full ? MAX_FULL_BYTES : MAX_PROBE_BYTES)) {
      throw this.#unavailable({ reason: 'too many bytes' })
    }
    this.#requests += 1
  }

  #unavailable(facts: Readonly<Record<string, string | number>>): GatewayError {
    return new GatewayError('StoreUnavailable', 'Cannot probe the store: no usable answer', {
      facts: { store: this.#options.store, ...facts },
    })
  }
}

function sizeOfBody(body: RequestInit['body']): number {
  if (typeof body === 'string') return body.length
  if (body instanceof Uint8Array) return body.byteLength
  if (!(body instanceof FormData)) return 0
  let size = 0
  for (const [name, value] of body) {
    size += name.length + (typeof value === 'string' ? value.length : value.size)
  }
  return size
}
