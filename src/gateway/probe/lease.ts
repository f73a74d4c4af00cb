import { toBase64Url } from '../../hashing.ts'
import type { Placement } from '../../stores/store.ts'
import type { GatewayContext } from '../context.ts'

/** Longer than a probe takes, in milliseconds; a gateway that died holds it no longer than that. */
const LEASE_MS = 600_000
const KIND = 'probe-lease'

type LeaseContext = Pick<GatewayContext, 'clock' | 'random' | 'state'>

/**
 * Keeps other gateways from probing the same bucket for the same reason at the same time. Answers what
 * gives the lease back, or undefined when another one has it. It saves requests and no more: two probes
 * at once do not disturb each other. Throws `LedgerUnavailable`.
 */
export async function leaseProbe(
  { clock, random, state }: LeaseContext,
  { store, bucket }: Placement,
): Promise<(() => Promise<void>) | undefined> {
  const name = `${KIND}/${store.name}/${bucket}`
  const standing = await state.get(name)
  const untilMs = Number(standing?.value.split(' ')[0] ?? 0)
  const nowMs = clock.nowMs()
  if (untilMs > nowMs && untilMs <= nowMs + LEASE_MS) return undefined
  const value = `${nowMs + LEASE_MS} ${toBase64Url(random(9))}`
  const version = await state.put({ name, value, ifVersion: standing?.version ?? 0 })
  if (version === undefined) return undefined
  return async () => {
    await state.remove(name, version)
  }
}
