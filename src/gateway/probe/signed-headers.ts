import type { ProbeFinding } from '../../stores/probe-report.ts'
import { isRefused, isTaken, textOfAnswer } from './answer.ts'
import { capability, finding, type Looked, together, verdict } from './look.ts'
import type { ProbeRun } from './run.ts'

const TAG = 'signet-probe'
const ENCRYPTION = 'x-amz-server-side-encryption'

/** What writes the tag that `isTagged` looks for. */
export const TAGGING = { 'x-amz-tagging': `${TAG}=1` }

/** The headers that may be signed with every upload, so that nobody can add others of their kind. */
const PINS = { 'x-amz-acl': 'private', 'x-amz-storage-class': 'STANDARD' }

/** Step 11: headers with fixed values that the store takes when they are signed. */
export async function probePins(run: ProbeRun): Promise<Looked> {
  const { fixedHeaders } = run.placement.store.capabilities
  const taken: string[] = []
  const seen: string[] = []
  let aclKey: string | undefined
  for (const [name, value] of Object.entries({ ...PINS, ...fixedHeaders })) {
    const key = run.newKey()
    const answer = await run.put({ key, headers: { [name]: value } })
    seen.push(`${name}: ${textOfAnswer(answer)}`)
    if (!isTaken(answer)) continue
    taken.push(`${name}: ${value}`)
    if (name === 'x-amz-acl') aclKey = key
  }
  const pins = finding(11, 'fixedHeaders', { value: taken, seen: seen.join('; ') })
  return together(pins, ...(aclKey === undefined ? [noAcl()] : [await probeAcl(run, aclKey)]))
}

/**
 * What may be pinned: of the headers that the profile names, those that were taken; and where unsigned
 * ones are not all refused, so that pinning helps, the two that every S3 knows. Undefined where the
 * steps 10 and 11 have not come to an end.
 */
export function pinnedHeaders(
  expected: Readonly<Record<string, string>>,
  findings: readonly ProbeFinding[],
): Readonly<Record<string, string>> | undefined {
  const seenOf = (name: string) => findings.find((finding) => finding.name === name)?.value
  const taken = seenOf('fixedHeaders')
  const unsigned = seenOf('unsignedHeaders') ?? 'unknown'
  if (!Array.isArray(taken) || unsigned === 'unknown') return undefined
  const wanted = unsigned === 'reject' ? expected : { ...PINS, ...expected }
  const pairs = Object.entries(wanted)
  return Object.fromEntries(pairs.filter(([name, value]) => taken.includes(`${name}: ${value}`)))
}

function noAcl(): Looked {
  return { ...finding(11, 'acl', { value: 'no', seen: 'refused' }), traits: { acl: 'no' } }
}

async function probeAcl(run: ProbeRun, key: string): Promise<Looked> {
  const { manage } = run.placement.store.credentials
  const query = new Map([['acl', '']])
  const response = await run.read({ method: 'GET', key, query, credential: manage })
  const seen = `GET ?acl: ${response.status}`
  const keeps = isTaken(response) && response.text.includes('<AccessControlList')
  // A manage credential that may not look says nothing.
  const value = keeps ? 'yes' : response.status === 403 ? 'unknown' : 'no'
  const look = finding(11, 'acl', { value, seen })
  return value === 'unknown' ? look : { ...look, traits: { acl: value } }
}

/**
 * Step 11: signed tags. A store that takes them may drop them in silence, so they are read back; where
 * the credential may not, the number of tags that HEAD tells will do. Where neither can be seen, only
 * what was unknown before is taken for granted.
 */
export async function probeTagging(run: ProbeRun): Promise<Looked> {
  const key = run.newKey()
  const answer = await run.put({ key, headers: TAGGING })
  const seen = textOfAnswer(answer)
  if (!isTaken(answer)) return capability(11, 'tagging', verdict(false, seen))
  const tagged = await isTagged(run, key)
  if (tagged !== undefined) {
    return capability(11, 'tagging', verdict(tagged, `${seen}, ${tagged ? 'kept' : 'dropped'}`))
  }
  const { tagging: expected } = run.placement.store.capabilities
  const unseen = `${seen}, cannot be read back`
  if (expected !== 'probe') return finding(11, 'tagging', { value: expected, seen: unseen })
  return capability(11, 'tagging', verdict(true, unseen))
}

/** Whether an object has the probe's tag; undefined where that cannot be seen. */
export async function isTagged(run: ProbeRun, key: string): Promise<boolean | undefined> {
  const { manage } = run.placement.store.credentials
  const query = new Map([['tagging', '']])
  const tags = await run.read({ method: 'GET', key, query, credential: manage })
  if (tags.status === 200) return tags.text.includes(`<Key>${TAG}</Key>`)
  const head = await run.ask({ method: 'HEAD', key, credential: manage })
  if (head.headers.get('x-amz-tagging-count') === '1') return true
  // A store without tags says so, and has dropped them.
  return isRefused(tags) && tags.status !== 403 ? false : undefined
}

/** Step 11: signed encryption by the store's own keys, which HEAD must show. It stands for KMS too. */
export async function probeEncryption(run: ProbeRun): Promise<Looked> {
  const key = run.newKey()
  const answer = await run.put({ key, headers: { [ENCRYPTION]: 'AES256' } })
  if (!isTaken(answer)) {
    return capability(11, 'encryption', verdict(false, textOfAnswer(answer)))
  }
  const { manage } = run.placement.store.credentials
  const head = await run.ask({ method: 'HEAD', key, credential: manage })
  const shown = head.headers.get(ENCRYPTION)
  const seen = `${textOfAnswer(answer)}, HEAD: ${shown === 'AES256' ? shown : 'another or none'}`
  return capability(11, 'encryption', verdict(shown === 'AES256', seen))
}
