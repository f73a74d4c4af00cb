import type { Config } from '../config/config.ts'
import { sameSetting } from '../config/same-setting.ts'
import { toHex } from '../hashing.ts'
import { objectLocation } from '../stores/object-url.ts'
import { errorCodeOf } from '../stores/signed-call.ts'
import type { Placement, Store, StoreCredential } from '../stores/store.ts'
import type { GatewayContext } from './context.ts'
import { probePlacements } from './store-truth.ts'

type AskContext = Pick<GatewayContext, 'clock' | 'presigner' | 'random' | 'send'>

/** What a store says of a pair that it does not know, or whose secret is another one. */
const REJECTIONS: ReadonlySet<string> = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
])
/** One question may take so long, in milliseconds: a store that is away says nothing of a pair. */
const MAX_ASK_MS = 3_000
const EXPIRES_IN_SECONDS = 60
const NAME_BYTES = 16

/** A key pair that its store will not take. */
export interface RejectedCredential {
  readonly store: string
  /** `credentials.write` and the like; all of them where one pair does everything. */
  readonly uses: readonly (keyof Store['credentials'])[]
  /** S3's code. */
  readonly code: string
}

/**
 * New key pairs that their stores do not take, while they take the ones in force: links that were signed
 * by such a pair would all fail. Each is asked about by a GET of an object that nobody has. A store that
 * does not answer, or takes the old pair neither, is no reason to stay with that.
 */
export async function rejectedCredentials(
  context: AskContext,
  before: Config,
  after: Config,
): Promise<readonly RejectedCredential[]> {
  const asked = [...after.stores.values()].flatMap((store) => {
    const old = before.stores.get(store.name)
    const [placement] = probePlacements(after, store.name)
    if (old === undefined || placement === undefined) return []
    return newPairs(old, store).map((pair) => ask(context, placement, pair))
  })
  return (await Promise.all(asked)).filter((rejected) => rejected !== undefined)
}

interface NewPair {
  readonly uses: RejectedCredential['uses']
  readonly old: StoreCredential
  readonly pair: StoreCredential
}

/** Each pair once, with what it is for, and what was used for that. */
function newPairs({ credentials: before }: Store, { credentials: after }: Store): NewPair[] {
  const found: (NewPair & { uses: (keyof Store['credentials'])[] })[] = []
  for (const use of ['write', 'read', 'manage'] as const) {
    if (sameSetting(before[use], after[use])) continue
    const known = found.find(({ pair }) => sameSetting(pair, after[use]))
    if (known === undefined) found.push({ uses: [use], old: before[use], pair: after[use] })
    else known.uses.push(use)
  }
  return found
}

async function ask(
  context: AskContext,
  placement: Placement,
  { uses, old, pair }: NewPair,
): Promise<RejectedCredential | undefined> {
  const code = await rejectionOf(context, placement, pair)
  if (code === undefined) return undefined
  const isOldOne = (await rejectionOf(context, placement, old)) !== undefined
  return isOldOne ? undefined : { store: placement.store.name, uses, code }
}

/** S3's code for a pair that is not taken; `undefined` for any other answer, and for none. */
async function rejectionOf(
  { clock, presigner, random, send }: AskContext,
  { store, bucket, prefix }: Placement,
  credential: StoreCredential,
): Promise<string | undefined> {
  const { backdateSeconds } = store.capabilities
  const key = `${prefix}signet-${toHex(random(NAME_BYTES))}`
  const url = await presigner.presign({
    ...objectLocation(store, 'endpoint', bucket, key),
    method: 'GET',
    query: new Map(),
    headers: new Map(),
    credential,
    region: store.region,
    signedAtMs: clock.nowMs() - backdateSeconds * 1000,
    expiresInSeconds: EXPIRES_IN_SECONDS + backdateSeconds,
  })
  try {
    const signal = AbortSignal.timeout(Math.min(store.timeoutMs, MAX_ASK_MS))
    const answer = await send(url.reveal(), { redirect: 'manual', signal })
    const code = await errorCodeOf(answer)
    return REJECTIONS.has(code) ? code : undefined
  } catch {
    // The cause is dropped: runtimes put the URL in it.
    return undefined
  }
}
