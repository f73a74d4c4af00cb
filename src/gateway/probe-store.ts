import { GatewayError } from '../errors.ts'
import { toHex } from '../hashing.ts'
import { ObjectKey } from '../object-key.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import { objectLocation, placedKey } from '../stores/object-url.ts'
import type { Placement } from '../stores/store.ts'
import type { ObjectPlace } from '../stores/store-client.ts'
import type { GatewayContext } from './context.ts'

/** Sends a request to a store; the runtime's `fetch`. */
export type Send = (url: string, init: RequestInit) => Promise<Response>

type ProbeContext = Pick<
  GatewayContext,
  'clock' | 'hashing' | 'presigner' | 'random' | 'storeClient'
>

/** Reserved below every placement's prefix: what is found there is the probe's. */
const PROBE_PREFIX = '.signet-probe/'
const LIFETIME_SECONDS = 60
const MARKER = 'what nobody may copy'
const FIVE = 'hello'

/**
 * Looks at what a store really keeps, by URLs like those that callers get, turned against it; with
 * the real credentials, below a reserved prefix, cleaned up afterwards: about 20 requests of a few
 * bytes (`providers.md` section 3, the steps that signing a PUT and a GET relies on). Only what was
 * seen is in the result. Throws `StoreUnavailable` when the control upload does not work, for then
 * nothing means anything.
 */
export async function probeStore(
  context: ProbeContext,
  send: Send,
  placement: Placement,
): Promise<Partial<Capabilities>> {
  const probe = new Probe(context, send, placement)
  try {
    await probe.control()
    return {
      signedLength: (await probe.takes({ signed: FIVE, sent: `${FIVE}!` })) ? 'no' : 'yes',
      signedType: (await probe.takes({ signedType: 'text/plain', sentType: 'text/html' }))
        ? 'no'
        : 'yes',
      ...(await probe.writeOnce()),
      ...(await probe.ifMatch()),
      ...(await probe.copySource()),
      ...(await probe.contentHashes()),
      ...(await probe.responseOverrides()),
    }
  } finally {
    await probe.cleanUp()
  }
}

interface Attempt {
  readonly key?: string
  readonly signed?: string
  readonly sent?: string
  readonly signedType?: string
  readonly sentType?: string
  /** Headers that are signed and sent. */
  readonly headers?: Readonly<Record<string, string>>
  /** Headers that are sent and not signed. */
  readonly unsigned?: Readonly<Record<string, string>>
}

/** One run: its folder, what it wrote, and the attempts it makes. */
class Probe {
  readonly #context: ProbeContext
  readonly #send: Send
  readonly #placement: Placement
  readonly #folder: string
  readonly #written = new Set<string>()
  #count = 0

  constructor(context: ProbeContext, send: Send, placement: Placement) {
    this.#context = context
    this.#send = send
    this.#placement = placement
    this.#folder = `${PROBE_PREFIX}${toHex(context.random(8))}/`
  }

  async control(): Promise<void> {
    const key = this.#newKey()
    const status = await this.#put({ key, headers: { 'x-amz-meta-probe': 'control' } })
    const head = status < 300 ? await this.#context.storeClient.head(this.#place(key)) : undefined
    const kept = head?.found === true && head.sizeBytes === FIVE.length
    if (kept && head.metadata.get('probe') === 'control') return
    throw new GatewayError('StoreUnavailable', 'Cannot probe the store: an upload does not work', {
      facts: { store: this.#placement.store.name, status },
    })
  }

  /** Whether the store takes a PUT that is not what was signed. */
  async takes(attempt: Attempt): Promise<boolean> {
    return (await this.#put(attempt)) < 300
  }

  async writeOnce(): Promise<Partial<Capabilities>> {
    const key = this.#newKey()
    const headers = { 'if-none-match': '*' }
    const first = await this.#put({ key, headers })
    if (first >= 300) return { writeOnce: 'refused' }
    const second = await this.#put({ key, headers })
    return { writeOnce: second === 412 || second === 409 ? 'if-none-match' : 'ignored' }
  }

  async ifMatch(): Promise<Partial<Capabilities>> {
    const key = this.#newKey()
    await this.#put({ key })
    const wrong = await this.#put({ key, headers: { 'if-match': '"0"' } })
    if (wrong < 300) return { ifMatch: 'ignored' }
    const head = await this.#context.storeClient.head(this.#place(key))
    if (!head.found) return {}
    if ((await this.#put({ key, headers: { 'if-match': head.etag } })) < 300) {
      return { ifMatch: 'quoted' }
    }
    const bare = head.etag.replaceAll('"', '')
    const status = await this.#put({ key, headers: { 'if-match': bare } })
    return { ifMatch: status < 300 ? 'bare' : 'refused' }
  }

  /** An unsigned copy-source turns a signed PUT into a copy, done with the write credential. */
  async copySource(): Promise<Partial<Capabilities>> {
    const marker = this.#newKey()
    await this.#put({ key: marker, signed: MARKER, sent: MARKER })
    const key = this.#newKey()
    const source = ObjectKey.parse(placedKey(this.#place(marker))).encoded
    const status = await this.#put({
      key,
      unsigned: { 'x-amz-copy-source': `/${this.#placement.bucket}/${source}` },
    })
    const head = status < 300 ? await this.#context.storeClient.head(this.#place(key)) : undefined
    const copied = head?.found === true && head.sizeBytes === MARKER.length
    const read = await this.#get(marker, this.#placement.store.credentials.write)
    await read.body?.cancel()
    return {
      unsignedCopySource: copied ? 'open' : 'closed',
      writeCredentialReads: read.ok ? 'yes' : 'no',
    }
  }

  /** Right bytes as a control: a store that refuses both keeps no promise. */
  async contentHashes(): Promise<Partial<Capabilities>> {
    const digest = this.#context.hashing.sha256(FIVE)
    const keeps = async (headers: Readonly<Record<string, string>>) => {
      const right = await this.#put({ headers })
      const wrong = await this.#put({ headers, sent: 'jello' })
      return right < 300 && wrong >= 400 ? 'yes' : 'no'
    }
    const base64 = btoa(String.fromCharCode(...digest))
    return {
      checksumSha256: await keeps({ 'x-amz-checksum-sha256': base64 }),
      payloadHash: await keeps({ 'x-amz-content-sha256': toHex(digest) }),
    }
  }

  async responseOverrides(): Promise<Partial<Capabilities>> {
    const key = this.#newKey()
    await this.#put({ key })
    const disposition = 'attachment; filename="a b.txt"'
    const query = new Map([['response-content-disposition', disposition]])
    const response = await this.#get(key, this.#placement.store.credentials.read, query)
    await response.body?.cancel()
    const echoed = response.headers.get('content-disposition') === disposition
    return { responseOverrides: response.ok && echoed ? 'yes' : 'no' }
  }

  async cleanUp(): Promise<void> {
    for (const key of this.#written) await this.#context.storeClient.remove(this.#place(key))
  }

  /** Status of a PUT by a URL of ours. A 5xx other than 501 is no answer. */
  async #put(attempt: Attempt): Promise<number> {
    const { key = this.#newKey(), signed = FIVE, sent = signed, headers, unsigned } = attempt
    const { signedType = 'text/plain', sentType = signedType } = attempt
    this.#written.add(key)
    const url = await this.#presign(
      'PUT',
      key,
      new Map([
        ['content-length', String(signed.length)],
        ['content-type', signedType],
        ...Object.entries(headers ?? {}),
      ]),
    )
    const response = await this.#sendTo(url, {
      method: 'PUT',
      headers: { 'content-type': sentType, ...headers, ...unsigned },
      body: sent,
    })
    await response.body?.cancel()
    if (response.status >= 500 && response.status !== 501) throw this.#noAnswer(response.status)
    return response.status
  }

  async #get(key: string, credential = this.#placement.store.credentials.read, query = new Map()) {
    const url = await this.#presign('GET', key, new Map(), { credential, query })
    return this.#sendTo(url, { method: 'GET' })
  }

  async #presign(
    method: 'GET' | 'PUT',
    key: string,
    headers: ReadonlyMap<string, string>,
    {
      credential = this.#placement.store.credentials.write,
      query = new Map<string, string>(),
    } = {},
  ): Promise<string> {
    const { store, bucket } = this.#placement
    const { backdateSeconds } = store.capabilities
    const signed = await this.#context.presigner.presign({
      method,
      ...objectLocation(store, 'endpoint', bucket, placedKey(this.#place(key))),
      query,
      headers,
      credential,
      region: store.region,
      signedAtMs: this.#context.clock.nowMs() - backdateSeconds * 1000,
      expiresInSeconds: LIFETIME_SECONDS + backdateSeconds,
    })
    return signed.reveal()
  }

  async #sendTo(url: string, init: RequestInit): Promise<Response> {
    const signal = AbortSignal.timeout(this.#placement.store.timeoutMs)
    try {
      return await this.#send(url, { ...init, redirect: 'manual', signal })
    } catch {
      // The cause is dropped: runtimes put the URL in it.
      throw this.#noAnswer(0)
    }
  }

  #noAnswer(status: number): GatewayError {
    return new GatewayError('StoreUnavailable', 'Cannot probe the store: no usable answer', {
      facts: { store: this.#placement.store.name, status },
    })
  }

  #newKey(): string {
    this.#count += 1
    return `${this.#folder}${this.#count}`
  }

  #place(key: string): ObjectPlace {
    return { placement: this.#placement, key: ObjectKey.parse(key) }
  }
}
