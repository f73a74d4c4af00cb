import type { CompleteOutcome } from '../../stores/store-client.ts'
import {
  type Answer,
  answerOf,
  isOfStore,
  isRefused,
  isSettled,
  isTaken,
  textOfAnswer,
  textOfError,
} from './answer.ts'
import { capability, finding, type Looked, together, type Verdict, verdict } from './look.ts'
import { FIVE, MARKER } from './request.ts'
import type { ProbeRun } from './run.ts'
import { isTagged, TAGGING } from './signed-headers.ts'

/** A part of an upload, and what is done to it after it was signed. */
interface PartAttempt {
  readonly key: string
  readonly uploadId: string
  /** Default 1. */
  readonly partNumber?: number
  /** Body whose length is signed. Default: `FIVE`. */
  readonly signed?: string
  /** Default: what was signed. */
  readonly sent?: string
  /** Headers that are sent and not signed. */
  readonly unsigned?: Readonly<Record<string, string>>
}

interface Upload {
  readonly key: string
  readonly uploadId: string
}

const MIB = 2 ** 20
/** Of unequal parts: two above the least that S3 takes, and a last one of any size. */
const UNEQUAL_PARTS = [5 * MIB, 6 * MIB, FIVE.length]

/**
 * Step 23: an upload in parts from beginning to end, a part of another length than was signed, and the
 * end that an abort makes. All of it must work, or no part is ever signed.
 */
export async function probeParts(run: ProbeRun): Promise<Looked> {
  const told: Record<'presignPart' | 'signedPartLength', Verdict> = {
    presignPart: { value: 'no', seen: 'not tried' },
    signedPartLength: { value: 'no', seen: 'not tried' },
  }
  const works = await concluded(() => uploadInParts(run, told))
  const ends = works.value === 'yes' ? await concluded(() => abortEnds(run)) : works
  const bound = told.signedPartLength.value === 'yes'
  return together(
    finding(23, 'presignPart', told.presignPart),
    finding(23, 'signedPartLength', told.signedPartLength),
    capability(
      23,
      'multipart',
      bound || works.value === 'unknown' ? ends : { ...ends, value: 'no' },
    ),
  )
}

async function uploadInParts(
  run: ProbeRun,
  told: Record<'presignPart' | 'signedPartLength', Verdict>,
): Promise<Verdict> {
  const key = run.newKey()
  const upload = { key, uploadId: await run.begin(key) }
  // By another number, so that it is seen among the parts where it was taken, whatever was said of it.
  const wrong = await putPart(run, { ...upload, partNumber: 2, sent: `${FIVE}!` })
  told.signedPartLength = verdict(isRefused(wrong), `6 bytes for 5: ${textOfAnswer(wrong)}`)
  const right = await putPart(run, upload)
  told.presignPart = verdict(isTaken(right), textOfAnswer(right))
  const sizes = await listedSizes(run, upload)
  if (sizes?.includes(FIVE.length + 1) === true) {
    const seen = `${told.signedPartLength.seen}, but listed`
    told.signedPartLength = { value: 'no', seen }
  }
  if (sizes?.length !== 1 || sizes[0] !== FIVE.length) {
    return { value: 'no', seen: `ListParts: ${sizes?.length ?? 'no such'} upload's parts` }
  }
  const outcome = await complete(run, upload)
  const size = await run.sizeOf(key)
  return verdict(size === FIVE.length, `Complete: ${outcome}, ${size ?? 'no'} bytes`)
}

async function abortEnds(run: ProbeRun): Promise<Verdict> {
  const key = run.newKey()
  const upload = { key, uploadId: await run.begin(key) }
  await run.storeClient.abortMultipart(run.place(key), upload.uploadId)
  const late = await putPart(run, upload)
  const gone = isRefused(late) && (await listedSizes(run, upload)) === undefined
  return verdict(gone, `part after Abort: ${textOfAnswer(late)}`)
}

/** Step 13: the condition must let the first one through: a store that refuses both is of no use. */
export async function probeCompleteOnce(run: ProbeRun): Promise<Looked> {
  const once = await concluded(async () => {
    const key = run.newKey()
    const outcomes: CompleteOutcome[] = []
    for (const signed of [FIVE, MARKER]) {
      const upload = { key, uploadId: await run.begin(key) }
      await putPart(run, { ...upload, signed })
      outcomes.push(await complete(run, upload, true))
    }
    const kept = (await run.sizeOf(key)) === FIVE.length
    return verdict(outcomes.at(-1) === 'conflict' && kept, outcomes.join(', '))
  })
  return capability(13, 'writeOnceMultipart', once)
}

/** Step 23: Ceph takes the tags of an upload of parts, and drops them. What cannot be seen is not kept. */
export async function probePartTags(run: ProbeRun): Promise<Looked> {
  const kept = await concluded(async () => {
    const key = run.newKey()
    const upload = { key, uploadId: await run.begin(key, TAGGING) }
    await putPart(run, upload)
    const outcome = await complete(run, upload)
    const tagged = outcome === 'completed' && (await isTagged(run, key)) === true
    return verdict(tagged, `Complete: ${outcome}, ${tagged ? 'kept' : 'dropped'}`)
  })
  return capability(23, 'multipartTagging', kept)
}

/** Step 23 with parts of real size: whether all but the last must have one size. */
export async function probeUnequalParts(run: ProbeRun): Promise<Looked> {
  const demanded = await concluded(async () => {
    const key = run.newKey()
    const upload = { key, uploadId: await run.begin(key) }
    const seen: string[] = []
    for (const [index, size] of UNEQUAL_PARTS.entries()) {
      const signed = 'p'.repeat(size)
      const answer = await putPart(run, { ...upload, partNumber: index + 1, signed })
      seen.push(textOfAnswer(answer))
    }
    const outcome = await complete(run, upload)
    const total = UNEQUAL_PARTS.reduce((sum, size) => sum + size)
    const whole = (await run.sizeOf(key)) === total
    return verdict(!whole, `parts: ${seen.join(', ')}; Complete: ${outcome}`)
  })
  const { value, seen } = demanded
  if (value === 'unknown') return finding(23, 'equalParts', demanded)
  const equalParts = value === 'yes'
  return { ...finding(23, 'equalParts', { value: equalParts, seen }), traits: { equalParts } }
}

/** Sends a part by URL. */
export async function putPart(
  run: ProbeRun,
  { key, uploadId, partNumber = 1, signed = FIVE, sent = signed, unsigned = {} }: PartAttempt,
): Promise<Answer> {
  const query = new Map([
    ['partNumber', String(partNumber)],
    ['uploadId', uploadId],
  ])
  const headers = { 'content-length': String(signed.length) }
  // Bytes, for a text would bring a type that nobody signed.
  const bytes = new TextEncoder().encode(sent)
  const response = await run.ask(
    { method: 'PUT', key, query, headers },
    { unsigned, omitted: ['content-length'], body: () => bytes },
  )
  return answerOf(response)
}

/** Sizes of the parts that the store has, or undefined when there is no such upload. */
export async function listedSizes(
  run: ProbeRun,
  { key, uploadId }: Upload,
): Promise<readonly number[] | undefined> {
  const parts = await run.storeClient.listParts(run.place(key), uploadId)
  return parts?.map(({ sizeBytes }) => sizeBytes)
}

async function complete(
  run: ProbeRun,
  { key, uploadId }: Upload,
  writeOnce = false,
): Promise<CompleteOutcome> {
  const parts = (await run.storeClient.listParts(run.place(key), uploadId)) ?? []
  run.written.add(key)
  return run.storeClient.completeMultipart(run.place(key), { uploadId, parts, writeOnce })
}

/**
 * What was seen, and `no` where the store answered one of the gateway's own calls with something that
 * says it has none. `unknown` where it gave no answer at all, or one that says it is away.
 */
async function concluded(look: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await look()
  } catch (error) {
    if (!isOfStore(error)) throw error
    return { value: isSettled(error) ? 'no' : 'unknown', seen: textOfError(error) }
  }
}
