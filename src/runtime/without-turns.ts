import type { Store } from '../stores/store.ts'
import type { StoreHealth } from '../stores/store-health.ts'

/**
 * The same, but no call waits for its turn: where a request must not wait for another one's call to end.
 * Whoever runs many workers has no use for a bound that each keeps for itself.
 */
export function withoutTurns(health: StoreHealth): StoreHealth {
  return {
    ...health,
    answered: (store, seen) => health.answered(boundless(store), seen),
    visit: (store, call) => health.visit(boundless(store), call),
    assertAnswers: (store) => health.assertAnswers(boundless(store)),
    lookAgain: (store, look) => health.lookAgain(boundless(store), look),
    reconfigure: (stores) => health.reconfigure(Array.from(stores, boundless)),
  }
}

/** Made once for each: a store that is another object has other settings. */
const boundlessOnes = new WeakMap<Store, Store>()

function boundless(store: Store): Store {
  const known = boundlessOnes.get(store)
  if (known !== undefined) return known
  const made = Object.freeze({ ...store, maxConcurrentCalls: Infinity })
  boundlessOnes.set(store, made)
  return made
}
