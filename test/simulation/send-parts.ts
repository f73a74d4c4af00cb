import type { Principal } from '../../src/auth/principal.ts'
import { signMoreParts } from '../../src/gateway/sign-parts.ts'
import { type Part, partsOf } from './read-grant.ts'
import type { SeededRandom } from './seeded-random.ts'
import { MAX_TRANSFER_SECONDS } from './simulated-config.ts'
import type { World } from './world.ts'

/** An upload of parts as its client knows it. */
export interface PartsInHand {
  readonly rid: string
  readonly sizeBytes: number
  readonly partCount: number
  readonly parts: readonly Part[]
}

/** Who sends, and how they end an upload. */
export interface Sender {
  readonly world: World
  readonly principal: Principal
  readonly random: SeededRandom
  complete(rid: string): Promise<void>
  abort(rid: string): Promise<void>
}

const MAX_TRANSFER_MS = MAX_TRANSFER_SECONDS * 1000

/**
 * Sends the parts of an upload: in any order and at once, some late, some twice, some never; asks for
 * URLs again; completes, also twice at once or too early; aborts while parts are under way.
 */
export async function sendParts(sender: Sender, hand: PartsInHand): Promise<void> {
  const { random, world } = sender
  const { rid } = hand
  if (random.chance(0.1)) return
  const abortsAfterMs = random.chance(0.15) ? random.wait(1_500) : undefined
  const aborting = abortsAfterMs === undefined ? undefined : abortLater(sender, rid, abortsAfterMs)
  const sending = hand.parts.map((part) => sendPart(sender, part))
  if (random.chance(0.1)) await sender.complete(rid)
  const arrived = await Promise.all(sending)
  if (random.chance(0.15)) await world.scheduler.sleep(random.fraction() * 200_000)
  const missing = new Set(hand.parts.filter((_, at) => !arrived[at]).map((part) => part.partNumber))
  if (random.chance(0.1)) missing.add(random.between(1, hand.partCount))
  if (missing.size > 0 && random.chance(0.85)) await sendAgain(sender, hand, [...missing])
  if (random.chance(0.9)) {
    const twice = random.chance(0.25)
    await Promise.all(twice ? [sender.complete(rid), sender.complete(rid)] : [sender.complete(rid)])
  }
  if (random.chance(0.05)) await Promise.all(hand.parts.map((part) => sendPart(sender, part)))
  await aborting
}

async function abortLater(sender: Sender, rid: string, afterMs: number): Promise<void> {
  await sender.world.scheduler.sleep(afterMs)
  await sender.abort(rid)
}

/** URLs for what is missing, and for a part that is there already. */
async function sendAgain(
  sender: Sender,
  { rid, sizeBytes }: PartsInHand,
  partNumbers: readonly number[],
): Promise<void> {
  const { principal, world } = sender
  const outcome = await world.request(async (context) => {
    const asked = partNumbers.map((partNumber) => ({ partNumber }))
    const request = { principal, uploadId: rid, requestId: 'r', parts: asked }
    const parts = partsOf(rid, (await signMoreParts(context, request)).parts)
    world.truth.partsHandedOut(parts, sizeBytes)
    return parts
  })
  if (outcome.how !== 'answered') return
  await Promise.all(outcome.value.map((part) => sendPart(sender, part)))
}

/** Whether the part arrived. */
async function sendPart({ random, world }: Sender, part: Part): Promise<boolean> {
  const { scheduler, store } = world
  const { multiparts } = store
  await scheduler.sleep(
    random.chance(0.1) ? part.urlExpMs - store.nowMs() - random.wait(500) : random.wait(1_500),
  )
  if (random.chance(0.07)) return false
  const times = random.chance(0.1) ? 2 : 1
  let arrived = false
  for (let time = 0; time < times; time += 1) {
    if (!store.accepts(part) || multiparts.begin(part) === 404) return arrived
    const slow = random.chance(0.15)
    const tookMs = slow ? random.fraction() * MAX_TRANSFER_MS : random.wait(300)
    await scheduler.sleep(tookMs)
    const complete = !random.chance(0.05)
    arrived = multiparts.end(part, complete) === 200 && complete
  }
  return arrived
}
