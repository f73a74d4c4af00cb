import { equalDigests, fromBase64Url, toBase64Url } from '../../hashing.ts'
import type { ProbeReport } from '../../stores/probe-report.ts'
import type { Placement, StoreCredential } from '../../stores/store.ts'
import type { GatewayContext } from '../context.ts'

type RecordContext = Pick<GatewayContext, 'hashing' | 'state' | 'ticketKeys'>

/** How long a report is good for, in milliseconds (`providers.md` section 3: 24 hours). */
export const GOOD_FOR_MS = 24 * 3_600_000
/** Within this time a probe that was cut off is resumed, in milliseconds. */
export const RESUMED_WITHIN_MS = 3_600_000

/** Part of every seal: reports of another procedure say less, or something else. */
const PROCEDURE = 1
const KIND = 'probe'

/** The document that holds the report of a store's bucket. */
export function recordName({ store, bucket }: Placement): string {
  return `${KIND}/${store.name}/${bucket}`
}

/**
 * What a probe of this placement has seen last, as long as that still means something: none when the
 * store's settings or a credential are not what they were then, or when the report is not one that a
 * gateway with our ticket key wrote. Throws `LedgerUnavailable`.
 */
export async function readRecord(
  context: RecordContext,
  placement: Placement,
): Promise<ProbeReport | undefined> {
  const name = recordName(placement)
  const document = await context.state.get(name)
  if (document === undefined) return undefined
  const [seal = '', text = ''] = splitAt(document.value, document.value.indexOf('\n'))
  const digest = fromBase64Url(seal)
  if (digest?.length !== 32) return undefined
  const genuine = context.ticketKeys.map(({ key }) =>
    equalDigests(digest, sealOf(context, placement, { key, text })),
  )
  return genuine.includes(true) ? (JSON.parse(text) as ProbeReport) : undefined
}

/** Keeps a report for all gateways and for later starts. Throws `LedgerUnavailable`. */
export async function writeRecord(
  context: RecordContext,
  placement: Placement,
  report: ProbeReport,
): Promise<void> {
  const [current] = context.ticketKeys
  if (current === undefined) return
  const text = JSON.stringify(report)
  const seal = toBase64Url(sealOf(context, placement, { key: current.key, text }))
  await context.state.put({ name: recordName(placement), value: `${seal}\n${text}` })
}

/** Whether a report is complete, and not older than a day. */
export function isFresh(report: ProbeReport, nowMs: number): boolean {
  const ageMs = nowMs - Date.parse(report.endedAt)
  // One from the future was dated by a clock that is wrong, ours or another's.
  return report.complete && ageMs >= 0 && ageMs < GOOD_FOR_MS
}

/**
 * Over the report and over all that it depends upon: whoever can write to the state store can make no
 * report, and one of other settings or of other key pairs does not count.
 */
function sealOf(
  { hashing }: RecordContext,
  placement: Placement,
  { key, text }: { key: Uint8Array; text: string },
): Uint8Array {
  const { store, bucket } = placement
  const { write, read, manage } = store.credentials
  const { provider, endpoint, publicEndpoint, region, addressing, capabilities } = store
  const settings = [provider, endpoint, publicEndpoint, region, addressing, capabilities]
  const pairs = [write, read, manage].map(pairOf)
  return hashing.hmacSha256(
    key,
    JSON.stringify(['signet probe', PROCEDURE, store.name, bucket, settings, pairs, text]),
  )
}

function pairOf({ accessKeyId, secretAccessKey, sessionToken }: StoreCredential) {
  return [accessKeyId, secretAccessKey.reveal(), sessionToken?.reveal() ?? '']
}

function splitAt(text: string, index: number): [string, string] | [] {
  return index < 0 ? [] : [text.slice(0, index), text.slice(index + 1)]
}
