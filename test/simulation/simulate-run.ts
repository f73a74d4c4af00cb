import { Client } from './client.ts'
import { SeededRandom } from './seeded-random.ts'
import { principalOf, type SimulatedConfig, TENANTS } from './simulated-config.ts'
import { type Defects, World } from './world.ts'

/** What a run came to. */
export interface RunResult {
  readonly steps: number
  /** Equal for equal histories. */
  readonly digest: number
  /** How often each operation got each reply. */
  readonly seen: ReadonlyMap<string, number>
  readonly misdeleted: number
  /** Charged objects that an upload without a condition replaced. */
  readonly displaced: number
  /** Uploads in parts that the store was asked for, and those that it still has, unknown and empty. */
  readonly opened: number
  readonly leftOpen: number
}

/** Steps with faults in one run; the rest, until everything has ended, comes on top. */
export const STEPS_A_RUN = 20_000
const CLIENTS_A_USER = 2

/**
 * One history from a seed: faults and clients for `steps` steps, then peace until everything has come
 * to rest. Throws `Violation` at the first invariant that is broken.
 */
export async function simulateRun(options: {
  readonly seed: number
  readonly config: SimulatedConfig
  readonly steps?: number
  readonly defects?: Defects
  /** Whether the store sends events. Default false. */
  readonly events?: boolean
  readonly onLine?: (line: string) => void
}): Promise<RunResult> {
  const { seed, config, steps = STEPS_A_RUN, defects = {}, events = false, onLine } = options
  const world = new World(seed, config, defects, { onLine, events })
  for (const [tenant, users] of Object.entries(TENANTS)) {
    for (const user of users) {
      for (let number = 0; number < CLIENTS_A_USER; number += 1) {
        const name = `${tenant} ${user} ${number}`
        const client = new Client(
          world,
          principalOf(tenant, user),
          new SeededRandom(seed, name),
          name,
        )
        void client.live()
      }
    }
  }
  world.startFaults()
  while (world.scheduler.steps < steps) await world.step()
  await world.rest()
  return {
    steps: world.scheduler.steps,
    digest: world.invariants.digest >>> 0,
    seen: world.server.seen,
    misdeleted: world.truth.misdeleted,
    displaced: world.truth.displaced,
    opened: world.store.multiparts.made,
    leftOpen: world.truth.unrecorded,
  }
}
