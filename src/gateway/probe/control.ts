import { GatewayError } from '../../errors.ts'
import { isOfStore, isSettled, isTaken, textOfAnswer, textOfError } from './answer.ts'
import type { Greeting } from './bucket.ts'
import {
  allOf,
  capability,
  finding,
  judge,
  type Looked,
  together,
  trait,
  type Verdict,
  verdict,
} from './look.ts'
import { type Attempt, FIVE } from './request.ts'
import type { ProbeRun } from './run.ts'

const METADATA = { 'x-amz-meta-probe': 'control', 'x-amz-meta-signet': 'probe' }

/**
 * Step 3, the control: a plain upload works, and what was sent comes back; by the public endpoint too,
 * where there is another. Throws `StoreUnavailable` when it does not work at the store's own endpoint,
 * for then nothing else means anything.
 */
export async function probeControl(run: ProbeRun, greeting: Greeting): Promise<Looked> {
  const { presignPut, metadata } = await control(run)
  if (presignPut.value !== 'yes' || metadata.value !== 'yes') {
    throw new GatewayError('StoreUnavailable', 'Cannot probe the store: an upload does not work', {
      // A clock that is far off is what it often is.
      facts: { store: run.placement.store.name, reason: presignPut.seen, ...greeting },
    })
  }
  const looks = [finding(3, 'presignPut', presignPut), finding(3, 'metadata', metadata)]
  // The token of a session is in the query of every URL here.
  const { sessionToken } = run.placement.store.credentials.write
  if (sessionToken !== undefined) looks.push(finding(26, 'sessionToken', presignPut))
  return together(...looks, ...(await probePublicEndpoint(run)))
}

/**
 * Whether the control still works: a credential may end in the middle, and then every attack is refused.
 * `unknown` where there is no answer.
 */
export async function repeatControl(run: ProbeRun): Promise<Verdict> {
  try {
    const { presignPut, metadata } = await control(run)
    return allOf(presignPut, metadata)
  } catch (error) {
    if (!isOfStore(error)) throw error
    return { value: isSettled(error) ? 'no' : 'unknown', seen: textOfError(error) }
  }
}

async function control(
  run: ProbeRun,
  attempt: Attempt = {},
): Promise<{ presignPut: Verdict; metadata: Verdict }> {
  const key = run.newKey()
  const answer = await run.put({ ...attempt, key, headers: METADATA })
  const head = isTaken(answer) ? await run.head(key) : undefined
  const there = head?.found === true
  const seen = `PUT: ${textOfAnswer(answer)}, ${there ? `${head.sizeBytes} bytes` : 'nothing'} there`
  const kept = there && head.metadata.get('probe') === 'control'
  return {
    presignPut: verdict(there && head.sizeBytes === FIVE.length, seen),
    metadata: verdict(kept && head.metadata.get('signet') === 'probe', seen),
  }
}

/** Nothing is known of an endpoint that the gateway itself cannot reach: clients may. */
async function probePublicEndpoint(run: ProbeRun): Promise<readonly Looked[]> {
  const { endpoint, publicEndpoint } = run.placement.store
  if (publicEndpoint === endpoint) return []
  try {
    const { presignPut } = await control(run, { which: 'publicEndpoint' })
    return [trait(3, 'customDomain', presignPut)]
  } catch (error) {
    if (!isOfStore(error)) throw error
    return [trait(3, 'customDomain', { value: 'unknown', seen: textOfError(error) })]
  }
}

/**
 * Step 2: without a signature, with one that is off by a digit, with one for another key, and without
 * a header that it names.
 */
export async function probeSignatures(run: ProbeRun): Promise<Looked> {
  const forged = (url: string) => url.replace(/[0-9a-f]$/, (digit) => (digit === '0' ? '1' : '0'))
  const key = run.newKey()
  const held = await run.judgeUnwritten(key, [
    run.attack('no signature', { key, url: (url) => url.slice(0, url.indexOf('?')) }),
    run.attack('one digit changed', { key, url: forged }),
    run.attack('signed for another key', { key, url: await forOtherKey(run) }),
    run.attack('signed header left out', {
      key,
      headers: METADATA,
      omitted: Object.keys(METADATA),
    }),
  ])
  return capability(2, 'signatures', held)
}

/** Puts the signature of another key's URL in place of the right one, and all that goes with it. */
async function forOtherKey(run: ProbeRun): Promise<(signed: string) => string> {
  const headers = { 'content-length': String(FIVE.length), 'content-type': 'text/plain' }
  const other = await run.presign({ method: 'PUT', key: run.newKey(), headers })
  return (signed) => signed.slice(0, signed.indexOf('?')) + other.slice(other.indexOf('?'))
}

/** Step 5: more bytes, less, and a body without a length. */
export async function probeLength(run: ProbeRun): Promise<Looked> {
  const key = run.newKey()
  const held = await run.judgeUnwritten(key, [
    run.attack('6 bytes for 5', { key, sent: `${FIVE}!` }),
    run.attack('4 bytes for 5', { key, sent: FIVE.slice(1) }),
    run.attack('chunked', { key, chunked: true }),
  ])
  return capability(5, 'signedLength', held)
}

/** Step 6: another type than was signed, none, and one that the store makes up by itself. */
export async function probeType(run: ProbeRun): Promise<Looked> {
  const key = run.newKey()
  const refused = await run.judgeUnwritten(key, [
    run.attack('text/html for text/plain', { key, sentType: 'text/html' }),
    run.attack('no type', { key, sentType: 'none' }),
  ])
  const kept = await judge([
    { label: 'type of the object', strike: () => keepsType(run, {}) },
    { label: 'x-detect-content-type', strike: () => keepsType(run, { [DETECT]: 'true' }) },
  ])
  return capability(6, 'signedType', allOf(refused, kept))
}

const DETECT = 'x-detect-content-type'
/** Of a header's value that a store chose. */
const MAX_SHOWN = 100

/** Swift puts what it makes of the key's ending in place of the signed type, unless that is pinned. */
async function keepsType(run: ProbeRun, unsigned: Readonly<Record<string, string>>) {
  const { [DETECT]: pinned } = run.placement.store.capabilities.fixedHeaders
  const key = run.newKey('.html')
  const headers: Readonly<Record<string, string>> = pinned === undefined ? {} : { [DETECT]: pinned }
  const answer = await run.put({ key, headers, unsigned })
  const seen = textOfAnswer(answer)
  if (!isTaken(answer)) return { held: unsigned[DETECT] !== undefined, seen }
  const head = await run.head(key)
  const type = head.found ? head.contentType : 'nothing'
  return { held: type.startsWith('text/plain'), seen: `${seen}, ${type.slice(0, MAX_SHOWN)}` }
}
