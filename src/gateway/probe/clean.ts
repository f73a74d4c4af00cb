import { ObjectKey } from '../../object-key.ts'
import { readCapped } from '../../read-capped.ts'
import { parseUploadsAnswer } from '../../stores/multipart-answer.ts'
import { PROBE_PREFIX } from '../../stores/reserved-keys.ts'
import { parseVersionsAnswer } from '../../stores/versions-answer.ts'
import { someAtATime } from '../some-at-a-time.ts'
import { answerOf, isOfStore, isTaken } from './answer.ts'
import { ProbeRun } from './run.ts'
import { MAX_PROBE_REQUESTS } from './sender.ts'

/** What an earlier probe left is nobody's any more after that long: no probe takes an hour. */
const ABANDONED_MS = 3_600_000
/** As `ProbeRun.newKey` makes them. Others below the prefix may be older than what keeps them away. */
const A_PROBES_KEY = /^\.signet-probe\/[0-9a-f]{16}\/[0-9]/
/** Pages of each listing; the next probe has the rest. */
const MAX_PAGES = 5
const MAX_PAGE_BYTES = 8 * 1024 * 1024
const PAGE_KEYS = 1_000

/** What is left of a probe in its store. */
export interface Cleaned {
  /** Keys below the placement's prefix. */
  readonly leftovers: readonly string[]
  /** Whether the store could be asked what is left. */
  readonly looked: boolean
  readonly requests: number
}

/**
 * Step 27: removes what this probe wrote, its versions and pending uploads, and what an interrupted one
 * left an hour ago or longer. Never throws for the store's sake: what stays is told. `run` is one of
 * its own, so that a probe that was ended or used up its requests is cleaned up all the same; what goes
 * beyond the requests of a whole probe, the next one removes.
 */
export async function cleanUp(probed: ProbeRun, clockOffsetSeconds = 0): Promise<Cleaned> {
  const maxRequests = MAX_PROBE_REQUESTS - probed.sender.requests
  const run = new ProbeRun({ ...probed.options, signal: undefined, maxRequests })
  const untilMs = run.context.clock.nowMs() + clockOffsetSeconds * 1000 - ABANDONED_MS
  const isOurs = (key: string, atMs: number) =>
    key.startsWith(probed.folder) || (A_PROBES_KEY.test(key) && atMs < untilMs)
  const failed = new Set<string>()
  const each = async <Item extends { readonly key: string }>(
    items: readonly Item[],
    work: (item: Item) => Promise<unknown>,
  ) => {
    await someAtATime(items, run.atOnce, async (item) => {
      if ((await unlessRefused(() => work(item))) === undefined) failed.add(item.key)
    })
  }
  const ours = async <Item extends Dated>(list: (run: ProbeRun) => Promise<readonly Item[]>) => {
    const listed = await unlessRefused(() => list(run))
    return listed?.filter(({ key, atMs }) => isOurs(key, atMs))
  }
  await each(probed.begun, (upload) => abort(run, upload))
  // Without versions first what is known: a listing may be late.
  const known = probed.versioned ? [] : [...probed.written].map((key) => ({ key }))
  await each(known, ({ key }) => remove(run, key))
  if (probed.versioned) {
    await each((await ours(listVersions)) ?? [], (version) => removeVersion(run, version))
  }
  await each((await ours(listObjects)) ?? [], ({ key }) => remove(run, key))
  await each((await ours(listUploads)) ?? [], (upload) => abort(run, upload))

  const others: string[] = []
  let requests = 0
  for (const other of probed.others) {
    const cleaned = await cleanElsewhere(other)
    others.push(...cleaned.leftovers)
    requests += cleaned.requests
  }
  const objects = await ours(probed.versioned ? listVersions : listObjects)
  const uploads = (await ours(listUploads)) ?? []
  if (objects === undefined)
    return {
      leftovers: [...failed, ...others].sort(byText),
      looked: false,
      requests: requests + run.sender.requests,
    }
  const there = await someAtATime(objects, run.atOnce, async ({ key }) =>
    // A listing may be late in this direction too; of a version, nothing but the listing tells.
    probed.versioned || (await unlessRefused(() => isThere(run, key))) !== false ? [key] : [],
  )
  const left = [...there.flat(), ...others, ...uploads.map(({ key }) => `${key} (upload)`)]
  const leftovers = [...new Set(left)].sort(byText)
  return { leftovers, looked: true, requests: requests + run.sender.requests }
}

/** Removes the few objects that were written to another bucket. */
async function cleanElsewhere(
  other: ProbeRun,
): Promise<{ readonly leftovers: readonly string[]; readonly requests: number }> {
  const run = new ProbeRun({ ...other.options, signal: undefined })
  const leftovers: string[] = []
  for (const key of other.written) {
    await run.remove(key)
    if ((await unlessRefused(() => isThere(run, key))) === false) continue
    leftovers.push(`${key} (in ${other.placement.bucket})`)
  }
  return { leftovers, requests: other.sender.requests + run.sender.requests }
}

/** Something below the reserved prefix; its key is without the placement's prefix. */
interface Dated {
  readonly key: string
  readonly atMs: number
}

/** Undefined where the store refused, or gave no answer. */
async function unlessRefused<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work()
  } catch (error) {
    if (!isOfStore(error)) throw error
    return undefined
  }
}

async function isThere(run: ProbeRun, key: string): Promise<boolean> {
  return (await run.sizeOf(key)) !== undefined
}

async function remove(run: ProbeRun, key: string): Promise<true> {
  await run.storeClient.remove(run.place(key))
  return true
}

async function abort(
  run: ProbeRun,
  { key, uploadId }: { readonly key: string; readonly uploadId: string },
): Promise<true> {
  await run.storeClient.abortMultipart(run.place(key), uploadId)
  return true
}

/** A version that an attack has locked for a minute goes by the right to bypass it, where there is one. */
async function removeVersion(
  run: ProbeRun,
  { key, versionId }: { readonly key: string; readonly versionId: string },
): Promise<true> {
  const { manage: credential } = run.placement.store.credentials
  const request = {
    method: 'DELETE',
    key,
    query: new Map([['versionId', versionId]]),
    credential,
  } as const
  const plain = await run.tell(request)
  if (isTaken(plain)) return true
  const headers = { 'x-amz-bypass-governance-retention': 'true' }
  const answer = await run.tell({ ...request, headers })
  if (isTaken(answer)) return true
  throw run.refused(answer)
}

async function listObjects(run: ProbeRun): Promise<readonly Dated[]> {
  const found: Dated[] = []
  let after: string | undefined
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const request = {
      prefix: PROBE_PREFIX,
      limit: PAGE_KEYS,
      ...(after !== undefined && { after }),
    }
    const { objects, next } = await run.storeClient.list(run.placement, request)
    for (const { key, lastModified } of objects) {
      if (isKey(key)) found.push({ key, atMs: Date.parse(lastModified) })
    }
    if (next === undefined) break
    after = next
  }
  return found
}

async function listVersions(run: ProbeRun) {
  const found: (Dated & { readonly versionId: string })[] = []
  let more: readonly (readonly [string, string])[] = []
  for (let pages = 0; pages < MAX_PAGES; pages += 1) {
    const page = await listing(run, { what: 'versions', more, read: parseVersionsAnswer })
    for (const { key, versionId, lastModifiedMs } of page.versions) {
      const own = unplaced(run, key)
      if (isKey(own)) found.push({ key: own, versionId, atMs: lastModifiedMs })
    }
    if (page.next === undefined) break
    const { keyMarker, versionIdMarker } = page.next
    more = [
      ['key-marker', keyMarker],
      ['version-id-marker', versionIdMarker],
    ]
  }
  return found
}

/** The first page of what is pending: a probe begins a handful. */
async function listUploads(run: ProbeRun) {
  const { uploads } = await listing(run, { what: 'uploads', more: [], read: parseUploadsAnswer })
  return uploads
    .map(({ key, uploadId, initiatedMs }) => ({
      key: unplaced(run, key),
      uploadId,
      atMs: initiatedMs,
    }))
    .filter(({ key }) => isKey(key))
}

async function listing<Page>(
  run: ProbeRun,
  {
    what,
    more,
    read,
  }: {
    readonly what: 'versions' | 'uploads'
    readonly more: readonly (readonly [string, string])[]
    readonly read: (xml: string) => Page
  },
): Promise<Page> {
  const { manage: credential } = run.placement.store.credentials
  const prefix = run.placement.prefix + PROBE_PREFIX
  const query = new Map([[what, ''], ['prefix', prefix], ...more])
  const response = await run.ask({ method: 'GET', query, credential })
  if (!isTaken(response)) throw run.refused(await answerOf(response))
  try {
    return read(await readCapped(response, MAX_PAGE_BYTES))
  } catch {
    // What cannot be read is no listing.
    throw run.refused({ status: response.status, code: 'none' })
  }
}

function unplaced(run: ProbeRun, key: string): string {
  return key.slice(run.placement.prefix.length)
}

/** A listing may hold names that no caller of ours could use, nor a probe, nor may a terminal show. */
function isKey(text: string): boolean {
  try {
    return ObjectKey.parse(text).text === text && !/[\p{Cc}\p{Cf}]/u.test(text)
  } catch {
    return false
  }
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1
}
