import type { Capabilities } from '../stores/capabilities.ts'
import { readCapped } from '../stores/read-capped.ts'
import { isRefused, isTaken, type ProbeRun, yesIf } from './probe-run.ts'

const TAG = 'signet-probe'
const MAX_TAGS_BYTES = 64 * 1024

/**
 * Step 10: headers that nobody signed. Swift and Ceph know metadata by Swift's own name as well. What was taken counts as kept, but for metadata, which can be
 * looked at. The class is one that every store has: that there is no such class would prove nothing.
 */
export async function probeUnsignedHeaders(run: ProbeRun): Promise<Partial<Capabilities>> {
  const [meta, objectMeta, acl, ...others] = await Promise.all([
    addsMetadata(run, 'x-amz-meta-added'),
    addsMetadata(run, 'x-object-meta-added'),
    adds(run, { 'x-amz-acl': 'public-read' }),
    adds(run, { 'x-amz-tagging': `${TAG}=1` }),
    adds(run, { 'x-amz-storage-class': 'STANDARD' }),
    adds(run, { 'x-amz-website-redirect-location': '/' }),
  ])
  if (meta || objectMeta) return { unsignedHeaders: 'accept' }
  if (acl) return { unsignedHeaders: 'reject-meta' }
  return { unsignedHeaders: others.includes(true) ? 'reject-some' : 'reject' }
}

async function adds(run: ProbeRun, unsigned: Record<string, string>): Promise<boolean> {
  return !isRefused(await run.put({ unsigned }))
}

async function addsMetadata(run: ProbeRun, name: string): Promise<boolean> {
  const key = run.newKey()
  const status = await run.put({ key, unsigned: { [name]: 'yes' } })
  if (!isTaken(status)) return !isRefused(status)
  const head = await run.context.storeClient.head(run.place(key))
  return head.found && head.metadata.get('added') === 'yes'
}

/**
 * Signed tags. A store that takes them may drop them in silence, so they are read back; where the
 * credential may not, the number of tags that HEAD tells will do. Where neither can be seen, only what
 * was unknown before is taken for granted.
 */
export async function probeTagging(run: ProbeRun): Promise<Partial<Capabilities>> {
  const key = run.newKey()
  const status = await run.put({ key, headers: { 'x-amz-tagging': `${TAG}=1` } })
  if (!isTaken(status)) return { tagging: 'no' }
  const tagged = await isTagged(run, key)
  if (tagged !== undefined) return { tagging: yesIf(tagged) }
  return run.placement.store.capabilities.tagging === 'probe' ? { tagging: 'yes' } : {}
}

/** What begins an upload of parts with the tag that `isTagged` looks for. */
export const PROBE_TAGGING = { 'x-amz-tagging': `${TAG}=1` }

/** Whether an object has the probe's tag; undefined where that cannot be seen. */
export async function isTagged(run: ProbeRun, key: string): Promise<boolean | undefined> {
  const { manage } = run.placement.store.credentials
  const query = new Map([['tagging', '']])
  const tags = await run.get({ method: 'GET', key, query, credential: manage })
  if (tags.status === 200) {
    const text = await readCapped(tags, MAX_TAGS_BYTES)
    return text.includes(`<Key>${TAG}</Key>`)
  }
  await tags.body?.cancel()
  const head = await run.get({ method: 'HEAD', key, credential: manage })
  return head.headers.get('x-amz-tagging-count') === '1' ? true : undefined
}

/** Signed encryption with the store's own keys, which HEAD must show. It stands for KMS as well. */
export async function probeEncryption(run: ProbeRun): Promise<Partial<Capabilities>> {
  const name = 'x-amz-server-side-encryption'
  const key = run.newKey()
  if (!isTaken(await run.put({ key, headers: { [name]: 'AES256' } }))) return { encryption: 'no' }
  const { manage } = run.placement.store.credentials
  const head = await run.get({ method: 'HEAD', key, credential: manage })
  return { encryption: yesIf(head.headers.get(name) === 'AES256') }
}
