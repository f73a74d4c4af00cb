import { GatewayError } from '../../errors.ts'
import { toHex } from '../../hashing.ts'
import { ObjectKey } from '../../object-key.ts'
import { readCapped } from '../../read-capped.ts'
import {
  bucketLocation,
  objectLocation,
  placedKey,
  type StoreLocation,
  type WhichEndpoint,
} from '../../stores/object-url.ts'
import { PROBE_PREFIX } from '../../stores/reserved-keys.ts'
import type { Placement } from '../../stores/store.ts'
import type { HeadResult, ObjectPlace } from '../../stores/store-client.ts'
import type { GatewayContext } from '../context.ts'
import { type Answer, answerOf, isOfStore, isRefused, isTaken, textOfAnswer } from './answer.ts'
import { boundedClient, type ProbeClient } from './client.ts'
import { type Attack, judge, type Verdict } from './look.ts'
import { type Attempt, type Changed, FIVE, initOf, type ProbeRequest, streamOf } from './request.ts'
import { ProbeSender, type Send } from './sender.ts'
import { WrittenKeys } from './written-keys.ts'

/** What a probe needs of the gateway. */
export type ProbeContext = Pick<
  GatewayContext,
  'clock' | 'config' | 'hashing' | 'log' | 'presigner' | 'random' | 'storeClient'
>

const LIFETIME_SECONDS = 60
const LONG_AGO_MS = 600_000
const AT_ONCE = 8
/** Of answers that are read: an ACL, tags, an error. */
const MAX_READ_BYTES = 64 * 1024

/** An answer that was read. */
export interface Told {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** How a probe is carried out. */
export interface RunOptions {
  readonly context: ProbeContext
  readonly send: Send
  readonly placement: Placement
  readonly full: boolean
  readonly origins: readonly string[]
  readonly signal: AbortSignal | undefined
  /** Default: what looking may take. */
  readonly maxRequests?: number
}

/**
 * One probe of a store: its folder, what it wrote, and requests by URLs like those that callers get.
 * All of them throw `StoreUnavailable` when nothing can be concluded from the answer.
 */
export class ProbeRun {
  readonly options: RunOptions
  readonly sender: ProbeSender
  /** The gateway's own calls, within the bounds of a probe. */
  readonly storeClient: ProbeClient
  /** Below the placement's prefix; ends in `/`. */
  readonly folder: string
  readonly written = new WrittenKeys()
  /** Whether an object was seen to have a version: then removing it leaves that behind. */
  versioned = false
  /** Runs in other buckets. */
  readonly others: ProbeRun[] = []
  /** Multipart uploads that were begun. */
  readonly begun: { readonly key: string; readonly uploadId: string }[] = []
  /** How far the store's clock is behind ours, in milliseconds, as far as it was seen. */
  behindMs = 0
  #count = 0
  #example: Promise<string> | undefined

  constructor(options: RunOptions) {
    const { context, send, placement, full, signal, maxRequests } = options
    const { name, timeoutMs } = placement.store
    this.options = options
    this.sender = new ProbeSender({ send, store: name, timeoutMs, full, signal, maxRequests })
    this.storeClient = boundedClient(context.storeClient, this.sender)
    this.folder = `${PROBE_PREFIX}${toHex(context.random(8))}/`
  }

  /** Looks and calls at a time: a probe must not be what a store, or our own row of calls, is busy with. */
  get atOnce(): number {
    return Math.max(1, Math.min(AT_ONCE, Math.floor(this.placement.store.maxConcurrentCalls / 2)))
  }

  get context(): ProbeContext {
    return this.options.context
  }

  get placement(): Placement {
    return this.options.placement
  }

  /** A key that nobody has used, in this run's folder; whatever is written there is removed. */
  newKey(ending = ''): string {
    this.#count += 1
    return `${this.folder}${this.#count}${ending}`
  }

  place(key: string): ObjectPlace {
    return { placement: this.placement, key: ObjectKey.parse(key), background: true }
  }

  async head(key: string): Promise<HeadResult> {
    const head = await this.storeClient.head(this.place(key))
    if (head.found) this.written.add(key)
    if (head.found && head.versionId !== undefined) this.versioned = true
    return head
  }

  /** Size of an object, or undefined when it is not there. */
  async sizeOf(key: string): Promise<number | undefined> {
    const head = await this.head(key)
    return head.found ? head.sizeBytes : undefined
  }

  /** Sends a PUT. What it may have written is removed in the end. */
  async put(attempt: Attempt = {}): Promise<Answer> {
    const { key = this.newKey(), signed = FIVE, sent = signed, headers = {}, unsigned } = attempt
    const { signedType = 'text/plain', sentType = signedType, chunked = false, url } = attempt
    const { omitted = [] } = attempt
    const type = sentType === 'none' ? undefined : { 'content-type': sentType }
    // Bytes, for a text would bring a type of its own.
    const body = type === undefined ? new TextEncoder().encode(sent) : sent
    const length = { 'content-length': String(signed.length) }
    this.written.add(key)
    const response = await this.ask(
      {
        ...attempt,
        method: 'PUT',
        key,
        headers: { ...length, 'content-type': signedType, ...headers },
      },
      {
        // What the signed ones are sent as; the length goes by itself.
        unsigned: { ...type, ...unsigned },
        omitted: ['content-length', 'content-type', ...omitted],
        body: () => (chunked ? streamOf(sent) : body),
        ...(url !== undefined && { url }),
        takes500: attempt.takes500 === true,
      },
    )
    const answer = await answerOf(response)
    if (isRefused(answer)) this.written.forget(key)
    return answer
  }

  /** Writes what a step needs. Throws `StoreUnavailable` where that is refused: nothing follows then. */
  async write(attempt: Attempt): Promise<void> {
    const answer = await this.put(attempt)
    if (!isTaken(answer)) throw this.refused(answer)
  }

  /** The error for what the probe itself needed and did not get. */
  refused({ status, code }: Answer): GatewayError {
    return new GatewayError('StoreUnavailable', 'Cannot probe the store: it refused a request', {
      facts: { store: this.placement.store.name, status, code },
    })
  }

  /** A PUT that must be refused. What it leaves behind all the same, `judgeUnwritten` finds. */
  attack(label: string, attempt: Attempt & { readonly key: string }): Attack {
    return {
      label,
      strike: async () => {
        const answer = await this.put(attempt)
        return { held: isRefused(answer), seen: textOfAnswer(answer) }
      },
    }
  }

  /** Attacks on one key: all must be refused, and nothing be there afterwards, whatever was said. */
  async judgeUnwritten(key: string, attacks: readonly Attack[]): Promise<Verdict> {
    const struck = await judge(attacks)
    if (struck.value === 'no' || (await this.sizeOf(key)) === undefined) return struck
    await this.remove(key)
    return { value: 'no', seen: `${struck.seen}; but stored` }
  }

  /** An object of five bytes that is there for looking at it; nobody writes it a second time. */
  example(): Promise<string> {
    this.#example ??= this.#writeExample()
    return this.#example
  }

  async #writeExample(): Promise<string> {
    const key = this.newKey()
    try {
      await this.write({ key })
      return key
    } catch (error) {
      // The next step that needs one tries again.
      this.#example = undefined
      throw error
    }
  }

  /** Signs a request, changes it, and sends it. The answer's body must still be read or cancelled. */
  async ask(request: ProbeRequest, changed: Changed = {}): Promise<Response> {
    const signedUrl = await this.presign(request)
    const { method = request.method, unsigned, body, omitted = [] } = changed
    const url = changed.url?.(signedUrl) ?? signedUrl
    const signed = Object.entries(request.headers ?? {})
    const headers = {
      ...Object.fromEntries(signed.filter(([name]) => !omitted.includes(name))),
      ...unsigned,
    }
    return this.sender.send(url, () => initOf(method, headers, body?.()), changed)
  }

  /** The same, where only the answer matters. */
  async tell(request: ProbeRequest, changed: Changed = {}): Promise<Answer> {
    return answerOf(await this.ask(request, changed))
  }

  /** The same with what the answer says; '' where nobody can read it, or it is far too long. */
  async read(request: ProbeRequest, changed: Changed = {}): Promise<Told> {
    const response = await this.ask(request, changed)
    const { status, headers } = response
    try {
      return { status, headers, text: await readCapped(response, MAX_READ_BYTES) }
    } catch {
      return { status, headers, text: '' }
    }
  }

  async presign(request: ProbeRequest): Promise<string> {
    const { store } = this.placement
    const { method, query = new Map(), headers = {} } = request
    const { nowMs, expiresAtMs } = this.lifetime()
    const { backdateSeconds } = store.capabilities
    const lifetimeSeconds = Math.floor((expiresAtMs - nowMs) / 1000) + backdateSeconds
    const { credentials } = store
    const signed = await this.context.presigner.presign({
      method,
      ...this.locationOf(request.key, request.which),
      query,
      headers: new Map(Object.entries(headers)),
      credential: request.credential ?? credentials[method === 'PUT' ? 'write' : 'read'],
      region: request.region ?? store.region,
      signedAtMs: request.signedAtMs ?? nowMs - backdateSeconds * 1000,
      expiresInSeconds: request.expiresInSeconds ?? lifetimeSeconds,
    })
    return signed.reveal()
  }

  /** Where an object is, or the bucket. */
  locationOf(key?: string, which: WhichEndpoint = 'endpoint'): StoreLocation {
    const { store, bucket } = this.placement
    return key === undefined
      ? bucketLocation(store, which, bucket)
      : objectLocation(store, which, bucket, placedKey(this.place(key)))
  }

  /** By the store's clock: long past, and less than the 15 minutes by which a date may be off. */
  longAgoMs(): number {
    return this.options.context.clock.nowMs() - this.behindMs - LONG_AGO_MS
  }

  /** When a grant of this run begins and ends. */
  lifetime(): { nowMs: number; expiresAtMs: number } {
    const nowMs = this.context.clock.nowMs()
    return { nowMs, expiresAtMs: nowMs + LIFETIME_SECONDS * 1000 }
  }

  /** A run in another bucket of the same store; what it writes is removed with the rest. */
  elsewhere(placement: Placement): ProbeRun {
    const other = new ProbeRun({ ...this.options, placement })
    this.others.push(other)
    return other
  }

  /** Removes an object for good, its version too. What cannot be is left to the end of the run. */
  async remove(key: string): Promise<void> {
    try {
      const head = await this.head(key)
      if (!head.found) return
      const query = new Map(head.versionId === undefined ? [] : [['versionId', head.versionId]])
      const { manage } = this.placement.store.credentials
      await this.tell({ method: 'DELETE', key, query, credential: manage })
    } catch (error) {
      if (!isOfStore(error)) throw error
    }
  }

  /** Begins a multipart upload that is aborted at the end of the run, whatever becomes of it. */
  async begin(key: string, more: Readonly<Record<string, string>> = {}): Promise<string> {
    const headers = new Map([['content-type', 'text/plain'], ...Object.entries(more)])
    const uploadId = await this.storeClient.createMultipart(this.place(key), headers)
    this.begun.push({ key, uploadId })
    return uploadId
  }
}
