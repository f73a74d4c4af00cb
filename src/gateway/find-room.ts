import type { Principal } from '../auth/principal.ts'
import type { Store } from '../stores/store.ts'
import type { Admitted } from './admit.ts'
import type { GatewayContext } from './context.ts'

/** What is known of the room in stores while an upload is placed. */
export interface KnownRoom {
  /** Names of stores that the ledger has just found to be full. */
  readonly full: ReadonlySet<string>
  /** Whether a store was full for so much some seconds ago: others are asked before it. */
  readonly seemsFull: (store: Store, bytes: number) => boolean
}

/**
 * Plans and asks the ledger until no store is in the way. A refusal by the room of stores writes nothing, so the
 * same is planned again without them; in the end there are none left, and `plan` throws `InsufficientStorage`.
 */
export async function findRoom<Plan, Answer extends Pick<Admitted, 'fullStores'>>(
  context: Pick<GatewayContext, 'accounts' | 'capacity'>,
  { tenant, user }: Principal,
  { plan, ask }: { plan: (room: KnownRoom) => Plan; ask: (plan: Plan) => Promise<Answer> },
): Promise<{ readonly plan: Plan; readonly admitted: Answer }> {
  const full = new Set<string>()
  const seemsFull = (store: Store, bytes: number) =>
    store.capacityBytes !== undefined &&
    context.capacity.isFull(store, {
      partition: context.accounts.of(tenant, user).partition,
      bytes,
    })
  for (;;) {
    const planned = plan({ full, seemsFull })
    const admitted = await ask(planned)
    if (admitted.fullStores.length === 0) return { plan: planned, admitted }
    for (const name of admitted.fullStores) full.add(name)
  }
}
