import type { Hashing } from '../../hashing.ts'
import { toHex } from '../../hashing.ts'
import type { StoreCredential } from '../../stores/store.ts'
import type { StoreTraits } from '../../stores/traits.ts'
import { isTaken, textOfAnswer } from './answer.ts'
import { secondExpiry } from './duplicates.ts'
import {
  type Attack,
  allOf,
  capability,
  finding,
  judge,
  type Looked,
  together,
  type Verdict,
} from './look.ts'
import type { SignedFor } from './request.ts'
import type { ProbeRun } from './run.ts'

const EXPIRED_LIFETIME_SECONDS = 60
/** S3 API, query authentication: at most seven days. */
const USUAL_MAX_SECONDS = 604_800
/** Tried where a store refuses its profile's own maximum. */
const LOWER_MAX_SECONDS = [604_800, 86_400, 3_600]
/** How far ahead a URL is dated, in seconds: a day stands for no check at all. */
const AHEAD_SECONDS = [60, 840, 86_400]

/** Step 18: URLs that have expired, also where they say twice how long they live, that live too long, and that say nothing of it. */
export async function probeExpiry(run: ProbeRun): Promise<Looked> {
  const longAgo = {
    signedAtMs: run.longAgoMs(),
    expiresInSeconds: EXPIRED_LIFETIME_SECONDS,
  }
  const key = await run.example()
  const unwritten = run.newKey()
  const get = (label: string, signedFor: SignedFor, url?: (signed: string) => string): Attack => ({
    label,
    strike: () => reads(run, key, signedFor, url),
  })
  const expired = allOf(
    await run.judgeUnwritten(unwritten, [run.attack('PUT', { key: unwritten, ...longAgo })]),
    await judge([get('GET', longAgo), ...secondExpiry(run, key)]),
  )
  const { maxExpiresSeconds } = run.placement.store.capabilities
  const most = Math.max(maxExpiresSeconds, USUAL_MAX_SECONDS)
  const above = await judge([get(`${most + 1} s`, { expiresInSeconds: most + 1 })])
  const { read } = run.placement.store.credentials
  const endless = (url: string) => withoutExpiry(run.context.hashing, { url, credential: read })
  const missing = await judge([get('no expiry', {}, endless)])
  return together(
    capability(18, 'expiry', expired),
    finding(18, 'expiresAboveMaximum', refusedOrTaken(above)),
    finding(18, 'expiresMissing', refusedOrTaken(missing)),
    await probeMaximum(run, key, maxExpiresSeconds),
  )
}

async function reads(
  run: ProbeRun,
  key: string,
  signedFor: SignedFor,
  url?: (signed: string) => string,
) {
  const answer = await run.tell({ method: 'GET', key, ...signedFor }, url && { url })
  return { held: !isTaken(answer), seen: textOfAnswer(answer) }
}

function refusedOrTaken({ value, seen }: Verdict) {
  const words = { yes: 'refused', no: 'taken', unknown: 'unknown' } as const
  return { value: words[value], seen }
}

/** What the profile expects is only ever lowered: that a store would take more is of no use. */
async function probeMaximum(run: ProbeRun, key: string, expected: number): Promise<Looked> {
  const seen: string[] = []
  for (const seconds of [expected, ...LOWER_MAX_SECONDS.filter((lower) => lower < expected)]) {
    const { held, seen: answer } = await reads(run, key, { expiresInSeconds: seconds })
    seen.push(`${seconds} s: ${answer}`)
    if (held) continue
    const look = finding(18, 'maxExpiresSeconds', { value: seconds, seen: seen.join('; ') })
    return seconds === expected ? look : { ...look, capabilities: { maxExpiresSeconds: seconds } }
  }
  return finding(18, 'maxExpiresSeconds', { value: 'none', seen: seen.join('; ') })
}

/** Step 19: how far ahead a URL may be dated. Written down, and never used. */
export async function probeFuture(run: ProbeRun): Promise<Looked> {
  const nowMs = run.context.clock.nowMs()
  const key = await run.example()
  const seen: string[] = []
  let most = 0
  for (const ahead of AHEAD_SECONDS) {
    const { held, seen: answer } = await reads(run, key, {
      signedAtMs: nowMs + ahead * 1000,
      expiresInSeconds: 60,
    })
    seen.push(`${ahead} s ahead: ${answer}`)
    if (held) break
    most = ahead
  }
  const value: StoreTraits['futureSkewSeconds'] = most === AHEAD_SECONDS.at(-1) ? 'unchecked' : most
  return {
    ...finding(19, 'futureSkewSeconds', { value, seen: seen.join('; ') }),
    traits: { futureSkewSeconds: value },
  }
}

/**
 * The URL of a GET without `X-Amz-Expires`, and with a signature that fits: presigners of ours would
 * never make one. Source: AWS Signature Version 4, authenticating requests by query parameters.
 */
export function withoutExpiry(
  hashing: Hashing,
  { url, credential }: { readonly url: string; readonly credential: StoreCredential },
): string {
  return signedAnew(hashing, {
    url,
    credential,
    keeps: (pair) => !pair.startsWith('X-Amz-Expires='),
  })
}

/** Signs the URL of a GET again, with those pairs of its query alone that are to be kept. */
export function signedAnew(
  hashing: Hashing,
  {
    url,
    credential,
    keeps,
  }: {
    readonly url: string
    readonly credential: StoreCredential
    readonly keeps: (pair: string) => boolean
  },
): string {
  const [start = '', search = ''] = url.split('?')
  const all = search.split('&')
  const pairs = all.filter((pair) => !pair.startsWith('X-Amz-Signature=') && keeps(pair))
  const textOf = (name: string) =>
    decodeURIComponent(
      all.find((pair) => pair.startsWith(`${name}=`))?.slice(name.length + 1) ?? '',
    )
  const [, host = '', path = ''] = /^[a-z]+:\/\/([^/]+)(\/.*)$/.exec(start) ?? []
  const query = pairs.join('&')
  const canonical = `GET\n${path}\n${query}\nhost:${host}\n\nhost\nUNSIGNED-PAYLOAD`
  const scope = textOf('X-Amz-Credential').split('/').slice(1)
  const head = ['AWS4-HMAC-SHA256', textOf('X-Amz-Date'), scope.join('/')]
  const text = [...head, hashing.sha256Hex(canonical)].join('\n')
  let key = new TextEncoder().encode(`AWS4${credential.secretAccessKey.reveal()}`)
  for (const part of [...scope, text]) key = Uint8Array.from(hashing.hmacSha256(key, part))
  return `${start}?${query}&X-Amz-Signature=${toHex(key)}`
}
