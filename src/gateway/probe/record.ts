import { equalDigests, fromBase64Url, toBase64Url, toHex } from '../../hashing.ts'
import type { StateDocument } from '../../state/port.ts'
import type { ProbeReport } from '../../stores/probe-report.ts'
import type { Placement, StoreCredential } from '../../stores/store.ts'
import type { GatewayContext } from '../context.ts'

type RecordContext = Pick<GatewayContext, 'clock' | 'hashing' | 'state' | 'ticketKeys'>

/** How long a report is good for, in milliseconds (`providers.md` section 3: 24 hours). */
export const GOOD_FOR_MS = 24 * 3_600_000
/** Within this time of its beginning a probe that was cut off is gone on with, in milliseconds. */
const RESUMED_WITHIN_MS = 3_600_000
/** Reports of settings that no gateway has any more are forgotten after so long, in milliseconds. */
const FORGOTTEN_AFTER_MS = 2 * GOOD_FOR_MS

/** Part of every seal: reports of another procedure say less, or something else. */
const PROCEDURE = 1
const REPORTS = 'probe'
const UNFINISHED = 'probe-unfinished'
const MAX_RECORDS = 1_000
const DIGEST_BYTES = 8

/**
 * What a probe of this placement has seen last, as long as that still means something: none when the
 * store's settings or a credential are not what they were then, or when the report is not one that a
 * gateway with our ticket key wrote. Throws `LedgerUnavailable`.
 */
export async function keptReport(
  context: RecordContext,
  placement: Placement,
): Promise<ProbeReport | undefined> {
  return read(context, REPORTS, placement)
}

/**
 * What one has seen that was cut off within the last hour, or has not come to an end with everything.
 * Throws `LedgerUnavailable`.
 */
export async function unfinishedReport(
  context: RecordContext,
  placement: Placement,
): Promise<ProbeReport | undefined> {
  const report = await read(context, UNFINISHED, placement)
  if (report === undefined) return undefined
  const ageMs = context.clock.nowMs() - Date.parse(report.startedAt)
  return ageMs >= 0 && ageMs < RESUMED_WITHIN_MS ? report : undefined
}

/** Keeps what a probe has seen so far, for whoever goes on with it. Throws `LedgerUnavailable`. */
export async function keepUnfinished(
  context: RecordContext,
  placement: Placement,
  report: ProbeReport,
): Promise<void> {
  await write(context, UNFINISHED, placement, report)
}

/**
 * Keeps a report for all gateways and for later starts. One that is not complete takes no fresh one's
 * place: what that has concluded still holds. Throws `LedgerUnavailable`.
 */
export async function keepReport(
  context: RecordContext,
  placement: Placement,
  report: ProbeReport,
): Promise<void> {
  const nowMs = context.clock.nowMs()
  const before = report.complete ? undefined : await keptReport(context, placement)
  if (before === undefined || !isFresh(before, nowMs)) {
    await write(context, REPORTS, placement, report)
  }
  if (report.complete) await context.state.remove(nameOf(context, UNFINISHED, placement))
  else await write(context, UNFINISHED, placement, report)
  await forgetOld(context, placement)
}

/** Whether a report is complete, and not older than a day. */
export function isFresh(report: ProbeReport, nowMs: number): boolean {
  const ageMs = nowMs - Date.parse(report.endedAt)
  // One from the future was dated by a clock that is wrong, ours or another's.
  return report.complete && ageMs >= 0 && ageMs < GOOD_FOR_MS
}

/** Whether what is seen of one placement is what would be seen of the other. */
export function isLookedAtAlike(one: Placement, other: Placement): boolean {
  return JSON.stringify(lookedAt(one)) === JSON.stringify(lookedAt(other))
}

/**
 * The name that a report goes by: another one after each change of the store's settings or key pairs. It
 * tells nothing of them.
 */
export function reportName(context: RecordContext, placement: Placement): string {
  return nameOf(context, REPORTS, placement)
}

async function read(
  context: RecordContext,
  kind: string,
  placement: Placement,
): Promise<ProbeReport | undefined> {
  for (const { key } of context.ticketKeys) {
    const document = await context.state.get(nameOf(context, kind, placement, key))
    const report = document && reportIn(context, placement, { key, document })
    if (report !== undefined) return report
  }
  return undefined
}

function reportIn(
  context: RecordContext,
  placement: Placement,
  { key, document }: { key: Uint8Array; document: StateDocument },
): ProbeReport | undefined {
  const at = document.value.indexOf('\n')
  const digest = at < 0 ? undefined : fromBase64Url(document.value.slice(0, at))
  const text = document.value.slice(at + 1)
  if (digest?.length !== 32) return undefined
  const isGenuine = equalDigests(digest, sealOf(context, placement, key, text))
  return isGenuine ? (JSON.parse(text) as ProbeReport) : undefined
}

async function write(
  context: RecordContext,
  kind: string,
  placement: Placement,
  report: ProbeReport,
): Promise<void> {
  const text = JSON.stringify(report)
  const seal = toBase64Url(sealOf(context, placement, currentKey(context), text))
  await context.state.put({ name: nameOf(context, kind, placement), value: `${seal}\n${text}` })
}

/** Gateways with other settings keep reports of their own, instead of each other's from counting. */
function nameOf(
  context: RecordContext,
  kind: string,
  placement: Placement,
  key = currentKey(context),
): string {
  const digest = sealOf(context, placement, key, '').slice(0, DIGEST_BYTES)
  return `${kind}/${placement.store.name}/${placement.bucket}/${toHex(digest)}`
}

/**
 * Over the report and over all that it depends upon: whoever can write to the state store can make no
 * report, and one of other settings or of other key pairs does not count.
 */
function sealOf(
  { hashing }: RecordContext,
  placement: Placement,
  key: Uint8Array,
  text: string,
): Uint8Array {
  return hashing.hmacSha256(
    key,
    JSON.stringify(['signet probe', PROCEDURE, ...lookedAt(placement), text]),
  )
}

/** All that the outcome of a probe depends upon. Holds secrets. */
function lookedAt({ store, bucket }: Placement) {
  const { write: writer, read: reader, manage } = store.credentials
  const { provider, endpoint, publicEndpoint, region, addressing, capabilities } = store
  const settings = [provider, endpoint, publicEndpoint, region, addressing, capabilities]
  return [store.name, bucket, settings, [writer, reader, manage].map(pairOf)]
}

function pairOf({ accessKeyId, secretAccessKey, sessionToken }: StoreCredential) {
  return [accessKeyId, secretAccessKey.reveal(), sessionToken?.reveal() ?? '']
}

function currentKey({ ticketKeys }: RecordContext): Uint8Array {
  // There always is one: nothing is signed without.
  return ticketKeys[0]?.key ?? new Uint8Array()
}

/** Settings change, and what was seen under the old ones helps nobody. */
async function forgetOld(context: RecordContext, { store, bucket }: Placement): Promise<void> {
  const { clock, state } = context
  for (const kind of [REPORTS, UNFINISHED]) {
    const here = `${kind}/${store.name}/${bucket}/`
    for (const { name, version, value } of await state.list({
      kind,
      after: here,
      limit: MAX_RECORDS,
    })) {
      if (!name.startsWith(here)) break
      const endedMs = Date.parse(/"endedAt":"([^"]{1,40})"/.exec(value)?.[1] ?? '')
      if (!(clock.nowMs() - endedMs < FORGOTTEN_AFTER_MS)) await state.remove(name, version)
    }
  }
}
