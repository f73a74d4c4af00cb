import { GatewayError } from '../errors.ts'
import { toHex } from '../hashing.ts'
import { ObjectKey } from '../object-key.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import { placedKey } from '../stores/object-url.ts'
import { FIVE, isRefused, isTaken, MARKER, OTHER_FIVE, type ProbeRun, yesIf } from './probe-run.ts'

/** MD5 of `FIVE` in base64. */
const MD5_OF_FIVE = 'XUFAKrxLKna5cZ2REBfFkg=='

/**
 * Step 3, the control: a plain upload works, and what was sent comes back. Throws `StoreUnavailable`
 * when it does not, for then nothing else means anything.
 */
export async function probeControl(run: ProbeRun): Promise<void> {
  const key = run.newKey()
  const status = await run.put({ key, headers: { 'x-amz-meta-probe': 'control' } })
  const head = isTaken(status) ? await run.context.storeClient.head(run.place(key)) : undefined
  const kept = head?.found === true && head.sizeBytes === FIVE.length
  if (kept && head.metadata.get('probe') === 'control') return
  throw new GatewayError('StoreUnavailable', 'Cannot probe the store: an upload does not work', {
    facts: { store: run.placement.store.name, status },
  })
}

/** Steps 5 and 6: other bytes in number, and another type, than were signed, or one that is guessed. */
export async function probeSigned(run: ProbeRun): Promise<Partial<Capabilities>> {
  const more = await run.put({ sent: `${FIVE}!` })
  const other = await run.put({ signedType: 'text/plain', sentType: 'text/html' })
  const bindsType = isRefused(other) && !(await guessesType(run))
  return { signedLength: yesIf(isRefused(more)), signedType: yesIf(bindsType) }
}

/** Swift puts what it makes of the key's ending in place of the signed type, unless that is pinned. */
async function guessesType(run: ProbeRun): Promise<boolean> {
  const name = 'x-detect-content-type'
  const { [name]: pinned } = run.placement.store.capabilities.fixedHeaders
  const key = run.newKey('.html')
  const headers = pinned === undefined ? {} : { [name]: pinned }
  if (!isTaken(await run.put({ key, headers, unsigned: { [name]: 'true' } }))) return false
  const head = await run.context.storeClient.head(run.place(key))
  return head.found && head.contentType === 'text/html'
}

/** Step 12: a condition that only the first of two uploads meets. */
export async function probeWriteOnce(run: ProbeRun): Promise<Partial<Capabilities>> {
  const key = run.newKey()
  const headers = { 'if-none-match': '*' }
  if (!isTaken(await run.put({ key, headers }))) return { writeOnce: 'refused' }
  const second = await run.put({ key, headers })
  return { writeOnce: second === 412 || second === 409 ? 'if-none-match' : 'ignored' }
}

/** Step 14: a condition on the ETag that is there, in either way of writing it. */
export async function probeIfMatch(run: ProbeRun): Promise<Partial<Capabilities>> {
  const key = run.newKey()
  await run.put({ key })
  if (isTaken(await run.put({ key, headers: { 'if-match': '"0"' } }))) return { ifMatch: 'ignored' }
  const head = await run.context.storeClient.head(run.place(key))
  if (!head.found) return {}
  if (isTaken(await run.put({ key, headers: { 'if-match': head.etag } }))) {
    return { ifMatch: 'quoted' }
  }
  const bare = head.etag.replaceAll('"', '')
  const status = await run.put({ key, headers: { 'if-match': bare } })
  return { ifMatch: isTaken(status) ? 'bare' : 'refused' }
}

/** Writes what an attack tries to copy, and answers its key. */
export async function writeMarker(run: ProbeRun): Promise<string> {
  const marker = run.newKey()
  await run.put({ key: marker, signed: MARKER, sent: MARKER })
  return marker
}

/**
 * `x-amz-copy-source` for an object of the probe, in the spellings by which servers know it: behind
 * CGI and WSGI, `_` and `-` are the same, and what looks for the one may not look for the other.
 */
export function copySourcesOf(run: ProbeRun, key: string): readonly Record<string, string>[] {
  const source = ObjectKey.parse(placedKey(run.place(key))).encoded
  const value = `/${run.placement.bucket}/${source}`
  return [{ 'x-amz-copy-source': value }, { x_amz_copy_source: value }]
}

/** Steps 7 and 9: an unsigned copy-source, and whether the credential that would copy can read. */
export async function probeCopySource(run: ProbeRun): Promise<Partial<Capabilities>> {
  const marker = await writeMarker(run)
  const attempts = copySourcesOf(run, marker).map(async (unsigned) => {
    const key = run.newKey()
    return isTaken(await run.put({ key, unsigned })) && (await run.sizeOf(key)) === MARKER.length
  })
  const copied = (await Promise.all(attempts)).includes(true)
  const { write } = run.placement.store.credentials
  const read = await run.get({ method: 'GET', key: marker, credential: write })
  await read.body?.cancel()
  return { unsignedCopySource: copied ? 'open' : 'closed', writeCredentialReads: yesIf(read.ok) }
}

/**
 * Steps 15 to 17: three ways to bind the bytes. Right ones as a control: a store that refuses both
 * keeps no promise.
 */
export async function probeContentHashes(run: ProbeRun): Promise<Partial<Capabilities>> {
  const digest = run.context.hashing.sha256(FIVE)
  const keeps = async (name: string, value: string) => {
    const headers = { [name]: value }
    const right = await run.put({ headers })
    const wrong = await run.put({ headers, sent: OTHER_FIVE })
    return yesIf(isTaken(right) && isRefused(wrong))
  }
  return {
    checksumSha256: await keeps('x-amz-checksum-sha256', btoa(String.fromCharCode(...digest))),
    payloadHash: await keeps('x-amz-content-sha256', toHex(digest)),
    contentMd5: await keeps('content-md5', MD5_OF_FIVE),
  }
}

/** Step 22: the name under which a download is saved. */
export async function probeResponseOverrides(run: ProbeRun): Promise<Partial<Capabilities>> {
  const key = run.newKey()
  await run.put({ key })
  const disposition = 'attachment; filename="a b.txt"'
  const query = new Map([['response-content-disposition', disposition]])
  const response = await run.get({ method: 'GET', key, query })
  await response.body?.cancel()
  const echoed = response.headers.get('content-disposition') === disposition
  return { responseOverrides: yesIf(response.ok && echoed) }
}
