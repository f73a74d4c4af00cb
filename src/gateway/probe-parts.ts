import { GatewayError } from '../errors.ts'
import type { Capabilities } from '../stores/capabilities.ts'
import type { CompleteOutcome } from '../stores/store-client.ts'
import { isTagged, PROBE_TAGGING } from './probe-headers.ts'
import { copySourcesOf, writeMarker } from './probe-put.ts'
import { FIVE, isRefused, isTaken, MARKER, type ProbeRun, yesIf } from './probe-run.ts'

interface PartAttempt {
  readonly key: string
  readonly uploadId: string
  /** Body whose length is signed. Default: `FIVE`. */
  readonly signed?: string
  /** Default: what was signed. */
  readonly sent?: string
  /** Headers that are sent and not signed. */
  readonly unsigned?: Readonly<Record<string, string>>
}

/**
 * Steps 23, 8 and 13: an upload in parts from beginning to end, a part of another length than was
 * signed, a part that copies, and a condition on completing.
 */
export async function probeMultipart(run: ProbeRun): Promise<Partial<Capabilities>> {
  const works = await concluded(() => uploadInParts(run))
  if (!works) return { multipart: 'no', writeOnceMultipart: 'no', multipartTagging: 'no' }
  return {
    multipart: yesIf(await concluded(() => abortEnds(run))),
    writeOnceMultipart: yesIf(await concluded(() => completesOnce(run))),
    multipartTagging: yesIf(await concluded(() => keepsTags(run))),
    ...((await partCopies(run)) && { unsignedCopySource: 'open' as const }),
  }
}

async function uploadInParts(run: ProbeRun): Promise<boolean> {
  const key = run.newKey()
  const uploadId = await run.begin(key)
  // The wrong one first: where it was taken, it would be seen among the parts.
  if (!isRefused(await putPart(run, { key, uploadId, sent: `${FIVE}!` }))) return false
  if (!isTaken(await putPart(run, { key, uploadId }))) return false
  const parts = await run.context.storeClient.listParts(run.place(key), uploadId)
  const [part, ...others] = parts ?? []
  if (part?.partNumber !== 1 || part.sizeBytes !== FIVE.length || others.length > 0) return false
  const outcome = await complete(run, { key, uploadId, writeOnce: false })
  return outcome === 'completed' && (await run.sizeOf(key)) === FIVE.length
}

async function abortEnds(run: ProbeRun): Promise<boolean> {
  const { storeClient } = run.context
  const key = run.newKey()
  const uploadId = await run.begin(key)
  await storeClient.abortMultipart(run.place(key), uploadId)
  if (!isRefused(await putPart(run, { key, uploadId }))) return false
  return (await storeClient.listParts(run.place(key), uploadId)) === undefined
}

/** The condition must let the first one through: a store that refuses both has no use for it. */
async function completesOnce(run: ProbeRun): Promise<boolean> {
  const key = run.newKey()
  const outcomes: CompleteOutcome[] = []
  for (const sent of [FIVE, MARKER]) {
    const uploadId = await run.begin(key)
    await putPart(run, { key, uploadId, signed: sent })
    outcomes.push(await complete(run, { key, uploadId, writeOnce: true }))
  }
  return outcomes.at(-1) === 'conflict' && (await run.sizeOf(key)) === FIVE.length
}

/** Ceph takes the tags of an upload of parts, and drops them. What cannot be seen is not kept. */
async function keepsTags(run: ProbeRun): Promise<boolean> {
  const key = run.newKey()
  const uploadId = await run.begin(key, PROBE_TAGGING)
  await putPart(run, { key, uploadId })
  const outcome = await complete(run, { key, uploadId, writeOnce: false })
  return outcome === 'completed' && (await isTagged(run, key)) === true
}

/** With an empty body, as a copy wants it: with any other, some stores wait until they give up. */
async function partCopies(run: ProbeRun): Promise<boolean> {
  for (const unsigned of copySourcesOf(run, await writeMarker(run))) {
    const key = run.newKey()
    const uploadId = await run.begin(key)
    if (isRefused(await putPart(run, { key, uploadId, signed: '', unsigned }))) continue
    const parts = await run.context.storeClient.listParts(run.place(key), uploadId)
    if (parts?.some(({ sizeBytes }) => sizeBytes === MARKER.length)) return true
  }
  return false
}

async function putPart(
  run: ProbeRun,
  { key, uploadId, signed = FIVE, sent = signed, unsigned = {} }: PartAttempt,
): Promise<number> {
  const url = await run.presign({
    method: 'PUT',
    key,
    headers: new Map([['content-length', String(signed.length)]]),
    query: new Map([
      ['partNumber', '1'],
      ['uploadId', uploadId],
    ]),
  })
  // Bytes, for a text would bring a type that nobody signed.
  const body = new TextEncoder().encode(sent)
  const response = await run.send(url, { method: 'PUT', headers: { ...unsigned }, body })
  await response.body?.cancel()
  return response.status
}

async function complete(
  run: ProbeRun,
  { key, uploadId, writeOnce }: { key: string; uploadId: string; writeOnce: boolean },
): Promise<CompleteOutcome> {
  const { storeClient } = run.context
  const parts = (await storeClient.listParts(run.place(key), uploadId)) ?? []
  return storeClient.completeMultipart(run.place(key), { uploadId, parts, writeOnce })
}

/**
 * What was seen, and false where the store answered one of the gateway's own calls with something
 * that says it has none. Throws on where it gave no answer at all, or one that says it is away.
 */
async function concluded(look: () => Promise<boolean>): Promise<boolean> {
  try {
    return await look()
  } catch (error) {
    if (error instanceof GatewayError && isAnswer(error)) return false
    throw error
  }
}

function isAnswer({ code, details }: GatewayError): boolean {
  const { status, reason } = details.facts ?? {}
  if (code === 'UnsupportedByStore') return true
  if (code !== 'StoreUnavailable') return false
  // An answer that cannot be read is one too, and no better.
  if (typeof reason === 'string') return reason.startsWith('Cannot read ')
  return typeof status === 'number' && (isRefused(status) || status === 500 || isTaken(status))
}
