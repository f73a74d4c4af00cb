import { expect, it } from 'vitest'
import type { StoreClient } from '../../src/stores/store-client.ts'
import { reconcileAll } from './reconcile-fixture.ts'
import { openReconcileWorld } from './reconcile-world.ts'

/** Calls to the store, of which one can have something happen before or after it. */
class Interleaving {
  calls = 0
  #at: { readonly call: number; readonly act: () => Promise<void> } | undefined

  /** From now on `act` runs right before the call of this number. */
  arm(call: number, act: () => Promise<void>): void {
    this.calls = 0
    this.#at = { call, act }
  }

  disarm(): void {
    this.#at = undefined
  }

  watch(client: StoreClient): StoreClient {
    const before = async () => {
      const at = this.#at
      if (at === undefined) return
      this.calls += 1
      if (this.calls !== at.call) return
      this.#at = undefined
      await at.act()
      // Counted no more: the traffic is over.
    }
    return {
      ...client,
      async head(...asked) {
        await before()
        return client.head(...asked)
      },
      async list(...asked) {
        await before()
        return client.list(...asked)
      },
    }
  }
}

it('never makes an exact total wrong, whatever happens at whatever call of a run', async () => {
  const interleaving = new Interleaving()
  const world = await openReconcileWorld({ onClient: (client) => interleaving.watch(client) })
  try {
    for (const [at, key] of ['b', 'd', 'f', 'h'].entries()) await world.upload(key, 100 + at)
    // Before the listing, in it and behind it: amounts that meet in a total are the same.
    const traffic: readonly (readonly [string, () => Promise<unknown>])[] = [
      ['upload in front', () => world.upload('a', 500)],
      ['upload behind', () => world.upload('z', 500)],
      [
        'delete in front, upload behind',
        async () => {
          await world.remove('a')
          await world.upload('y', 500)
        },
      ],
      [
        'delete behind, upload in front',
        async () => {
          await world.remove('y')
          await world.upload('a', 500)
        },
      ],
      ['overwrite', () => world.upload('d', 700, { overwrite: true })],
      ['overwrite back', () => world.upload('d', 101, { overwrite: true })],
      [
        'delete both',
        async () => {
          await world.remove('a')
          await world.remove('z')
        },
      ],
    ]
    let drifted = 0
    for (const call of [2, 5, 8]) {
      for (const [, act] of traffic) {
        await world.rest()
        // Every second run also has something to put right.
        drifted += 1
        const drift = drifted % 2 === 0 ? 60 : 0
        if (drift > 0) {
          await world.upload('m', drift)
          await world.rest()
          await world.lose('m')
        }
        interleaving.arm(call, async () => void (await act()))
        await reconcileAll(world, { repair: true, limit: 3 })
        interleaving.disarm()
        await world.rest()
        const [bytes = 0, , objects = 0] = await world.totals()
        const [stored = 0, , count = 0] = await world.atStore()
        expect([0, drift]).toContain(bytes - stored)
        expect([0, drift / 60]).toContain(objects - count)
        const quiet = await reconcileAll(world, { repair: true })
        expect(quiet.last.clean).toBe(true)
        expect(await world.totals()).toEqual(await world.atStore())
      }
    }
  } finally {
    await world.close()
  }
}, 60_000)
