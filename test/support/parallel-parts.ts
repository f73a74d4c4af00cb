import { createCipheriv, createHash } from 'node:crypto'
import { request } from 'node:http'

/** A signed part, as the API's answers have it. */
export interface SignedPart {
  readonly partNumber: number
  readonly sizeBytes: number
  readonly request: { readonly url: string; readonly headers: Readonly<Record<string, string>> }
}

/** An upload of parts that is to be sent, and how. */
export interface ParallelUpload {
  readonly partCount: number
  /** Parts that are signed already, by their numbers. */
  readonly signed: ReadonlyMap<number, SignedPart>
  /** Has parts signed, the first time or again. */
  sign(partNumbers: readonly number[]): Promise<readonly SignedPart[]>
  /** How many parts are under way at the same time. */
  readonly atOnce: number
  /** The part whose connection is cut in the middle of its body, and which is then signed again. */
  readonly cutOff: number
  /** Told when that has happened: the bytes that had been written. */
  readonly onCutOff?: (bytes: number) => void
}

/** What a client keeps of the parts that it has sent. */
export interface SentPart {
  readonly partNumber: number
  readonly etag: string
}

/** Parts that are signed by one request for more of them. */
const SIGNED_AT_ONCE = 100

/** Sends all parts, in any order, some at the same time; answers them in the order of their numbers. */
export async function sendInParallel(upload: ParallelUpload): Promise<readonly SentPart[]> {
  const { partCount, atOnce } = upload
  const signed = new Map(upload.signed)
  const missing = numbers(partCount).filter((number) => !signed.has(number))
  for (let first = 0; first < missing.length; first += SIGNED_AT_ONCE) {
    const more = await upload.sign(missing.slice(first, first + SIGNED_AT_ONCE))
    for (const part of more) signed.set(part.partNumber, part)
  }
  const waiting = numbers(partCount)
  const sent: SentPart[] = []
  const sender = async () => {
    for (let number = waiting.shift(); number !== undefined; number = waiting.shift()) {
      const part = signed.get(number)
      if (part === undefined) throw new Error(`Cannot send part ${number}: it is not signed`)
      sent.push(await sendOne(upload, part))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, sender))
  return sent.sort((a, b) => a.partNumber - b.partNumber)
}

async function sendOne(upload: ParallelUpload, part: SignedPart): Promise<SentPart> {
  const { partNumber } = part
  if (partNumber !== upload.cutOff) return { partNumber, etag: await putPart(part) }
  upload.onCutOff?.(await cutInTheMiddle(part))
  const [again] = await upload.sign([partNumber])
  if (again === undefined) throw new Error(`Cannot send part ${partNumber}: it is not signed again`)
  return { partNumber, etag: await putPart(again) }
}

async function putPart(part: SignedPart): Promise<string> {
  const { url, headers } = part.request
  const answer = await fetch(url, { method: 'PUT', headers, body: bytesOf(part) })
  const said = await answer.text()
  const etag = answer.headers.get('etag')
  if (answer.status === 200 && etag !== null) return etag
  throw new Error(`Cannot send part ${part.partNumber}: ${answer.status} ${said.slice(0, 200)}`)
}

/** Announces the whole part, writes half of it, and drops the connection. */
async function cutInTheMiddle(part: SignedPart): Promise<number> {
  const { url, headers } = part.request
  const half = bytesOf(part).subarray(0, Math.ceil(part.sizeBytes / 2))
  const length = { 'content-length': String(part.sizeBytes) }
  const sent = request(url, { method: 'PUT', headers: { ...headers, ...length }, agent: false })
  // What the store thinks of it is no matter: the connection goes away without an answer.
  sent.on('error', () => {})
  const closed = Promise.withResolvers<void>()
  sent.on('close', closed.resolve)
  sent.write(half, () => sent.destroy())
  await closed.promise
  return half.length
}

/** Pseudo-random bytes of a part, the same for the same number and size. */
export function bytesOf({ partNumber, sizeBytes }: Pick<SignedPart, 'partNumber' | 'sizeBytes'>) {
  const iv = Buffer.alloc(16)
  iv.writeUInt32BE(partNumber)
  const stream = createCipheriv('aes-128-ctr', Buffer.alloc(16), iv)
  return new Uint8Array(stream.update(new Uint8Array(sizeBytes)))
}

/** SHA-256 in hex of the object that the parts make. */
export function digestOfParts(sizes: Iterable<number>): string {
  const hash = createHash('sha256')
  let partNumber = 0
  for (const sizeBytes of sizes) {
    partNumber += 1
    hash.update(bytesOf({ partNumber, sizeBytes }))
  }
  return hash.digest('hex')
}

/** SHA-256 in hex of what a URL answers with 200. */
export async function digestOfDownload(url: string): Promise<string> {
  const answer = await fetch(url)
  if (answer.status !== 200 || answer.body === null) {
    throw new Error(`Cannot download the object: ${answer.status}`)
  }
  const hash = createHash('sha256')
  for await (const chunk of answer.body) hash.update(chunk)
  return hash.digest('hex')
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}
