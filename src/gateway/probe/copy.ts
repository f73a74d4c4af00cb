import { ObjectKey } from '../../object-key.ts'
import { placedKey } from '../../stores/object-url.ts'
import { isDenied, isOfStore, isTaken, textOfAnswer } from './answer.ts'
import {
  type Attack,
  capability,
  finding,
  judge,
  type Looked,
  together,
  type Verdict,
} from './look.ts'
import { listedSizes, putPart } from './parts.ts'
import { FIVE, MARKER } from './request.ts'
import type { ProbeRun } from './run.ts'

type Spelling = Readonly<Record<string, string>>

/** What a key may do in one bucket of a store it mostly may in the others. */
const MAX_OTHER_BUCKETS = 2

/** Steps 7 to 9: unsigned copy sources, by a PUT and by a part, and whether the signer can read. */
export async function probeCopies(run: ProbeRun): Promise<Looked> {
  const marker = run.newKey()
  await run.write({ key: marker, signed: MARKER })
  const elsewhere = await markersElsewhere(run)
  const sources = copySourcesOf(run, marker)
  const others = elsewhere.flatMap((other) => copySourcesOf(other.run, other.marker))
  const byPut = await judge([...sources, ...others].flatMap((source) => putsOf(run, source)))
  const byPart = await judge(sources.flatMap((source) => partsOf(run, source)))
  const reads = await readsAny([{ run, marker }, ...elsewhere])
  // At once, for the cleaning of that bucket is another probe's.
  for (const other of elsewhere) await other.run.remove(other.marker)
  const hole = worseOf(reads, byPut, byPart)
  return together(
    finding(7, 'unsignedCopySource', closedOrOpen(byPut, reads)),
    finding(8, 'unsignedCopySource', closedOrOpen(byPart, reads)),
    { findings: [], ...(hole !== undefined && { capabilities: { unsignedCopySource: hole } }) },
    // What was copied was read, whatever a GET says.
    capability(9, 'writeCredentialReads', hole === 'open' ? { ...reads, value: 'yes' } : reads),
  )
}

/** An object of the probe that attacks try to copy, and the run in whose bucket it is. */
interface Marker {
  readonly run: ProbeRun
  readonly marker: string
}

/** In other buckets of the store: what signs may read there, and not where it writes. */
async function markersElsewhere(run: ProbeRun): Promise<readonly Marker[]> {
  const { store, bucket } = run.placement
  const placements = [...run.context.config.buckets.values()]
    .flatMap((each) => each.placements)
    .filter((each) => each.store.name === store.name && each.bucket !== bucket)
  const others = new Map(placements.map((each) => [each.bucket, { ...each, store }]))
  const markers: Marker[] = []
  for (const placement of [...others.values()].slice(0, MAX_OTHER_BUCKETS)) {
    const other = run.elsewhere(placement)
    const marker = other.newKey()
    try {
      await other.write({ key: marker, signed: MARKER })
      markers.push({ run: other, marker })
    } catch (error) {
      // It may not write there: nothing follows for what it may read.
      if (!isOfStore(error)) throw error
    }
  }
  return markers
}

function worseOf(reads: Verdict, ...verdicts: readonly Verdict[]): 'closed' | 'open' | undefined {
  if (verdicts.some(({ value }) => value === 'no')) return 'open'
  const isClosed = verdicts.every((each) => closedOrOpen(each, reads).value === 'closed')
  return isClosed ? 'closed' : undefined
}

/** What the signer cannot read it cannot copy, whatever the store makes of the header: `guarded`. */
function closedOrOpen({ value, seen }: Verdict, reads: Verdict) {
  const held = { yes: 'closed', no: 'guarded', unknown: 'unknown' } as const
  const words = { yes: held[reads.value], no: 'open', unknown: 'unknown' } as const
  return { value: words[value], seen }
}

/**
 * `x-amz-copy-source` for an object of the probe, in the spellings by which servers know it: behind
 * CGI and WSGI, `_` and `-` are the same, and what looks for the one may not look for the other.
 */
function copySourcesOf(run: ProbeRun, key: string): readonly Spelling[] {
  const source = ObjectKey.parse(placedKey(run.place(key))).encoded
  const value = `/${run.placement.bucket}/${source}`
  const spellings = [{ 'x-amz-copy-source': value }, { x_amz_copy_source: value }]
  return run.placement.store.provider === 'gcs'
    ? [...spellings, { 'x-goog-copy-source': value }]
    : spellings
}

/** With a body, as a grant for five bytes has, and without one, as a copy wants it. */
function putsOf(run: ProbeRun, source: Spelling): readonly Attack[] {
  const [name = ''] = Object.keys(source)
  return [FIVE, ''].map((signed) => ({
    label: `PUT of ${signed.length} bytes with ${name}`,
    strike: async () => {
      const key = run.newKey()
      let seen = 'no answer'
      try {
        seen = textOfAnswer(await run.put({ key, signed, unsigned: source }))
      } catch (error) {
        if (!isOfStore(error) || (await run.sizeOf(key)) !== MARKER.length) throw error
      }
      const copied = (await run.sizeOf(key)) === MARKER.length
      return { held: !copied, seen: `${seen}, ${copied ? 'copied' : 'not copied'}` }
    },
  }))
}

/**
 * Without a body first: where that copies, the other would only make some stores wait for more until they
 * give up. With one as well, for a store may refuse empty parts and copy by those that are granted.
 */
function partsOf(run: ProbeRun, source: Spelling): readonly Attack[] {
  const [name = ''] = Object.keys(source)
  return ['', FIVE].map((signed) => ({
    label: `part of ${signed.length} bytes with ${name}`,
    strike: async () => {
      const key = run.newKey()
      const uploadId = await begun(run, key)
      if (uploadId === undefined) return { held: true, seen: 'takes no parts' }
      // Whatever was said of it: completing takes what is listed.
      const isCopied = async () => {
        const sizes = await sizesOf(run, { key, uploadId })
        return sizes?.includes(MARKER.length)
      }
      let seen = 'no answer'
      try {
        seen = textOfAnswer(await putPart(run, { key, uploadId, signed, unsigned: source }))
      } catch (error) {
        if (!isOfStore(error) || (await isCopied()) !== true) throw error
      }
      const copied = await isCopied()
      if (copied === undefined) return { held: true, seen: 'lists no parts' }
      return { held: !copied, seen: `${seen}, ${copied ? 'copied' : 'not copied'}` }
    },
  }))
}

/** Undefined where the store begins no multipart uploads: then no part is ever signed. */
async function begun(run: ProbeRun, key: string): Promise<string | undefined> {
  return unlessLacking(() => run.begin(key))
}

/** Undefined where it does not list them: then `multipart` is `no`, and no part is signed either. */
async function sizesOf(
  run: ProbeRun,
  upload: { readonly key: string; readonly uploadId: string },
): Promise<readonly number[] | undefined> {
  return unlessLacking(() => listedSizes(run, upload))
}

async function unlessLacking<Result>(work: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await work()
  } catch (error) {
    if (isOfStore(error) && error.code === 'UnsupportedByStore') return undefined
    const status = isOfStore(error) ? error.details.facts?.status : undefined
    if (status === 405 || status === 501) return undefined
    throw error
  }
}

/** `yes` where it reads one of them, `no` where it was denied all. */
async function readsAny(markers: readonly Marker[]): Promise<Verdict> {
  const seen: string[] = []
  let value: Verdict['value'] = 'no'
  for (const { run, marker } of markers) {
    const one = await readsMarker(run, marker)
    seen.push(one.seen)
    if (one.value === 'yes') return { value: 'yes', seen: seen.join('; ') }
    if (one.value === 'unknown') value = 'unknown'
  }
  return { value, seen: seen.join('; ') }
}

async function readsMarker(run: ProbeRun, key: string): Promise<Verdict> {
  const { write } = run.placement.store.credentials
  const answer = await run.tell({ method: 'GET', key, credential: write })
  const seen = `GET by the write credential: ${textOfAnswer(answer)}`
  if (isTaken(answer)) return { value: 'yes', seen }
  // Anything but a denial says nothing of what it may read.
  return { value: isDenied(answer) ? 'no' : 'unknown', seen }
}
