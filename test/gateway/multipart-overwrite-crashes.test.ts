import { afterEach, describe, expect, it } from 'vitest'
import { realStores } from '../support/stores/stores-under-test.ts'
import {
  BYTES,
  closeSettings,
  completing,
  create,
  KEY,
  madeAndSent,
  type Setting,
  tryAtEveryCall,
  waysOn,
} from './multipart-crash-fixture.ts'

const OVERWRITE = { overwrite: true, sizeBytes: BYTES + 1 }

afterEach(closeSettings)

async function keepOld(setting: Setting): Promise<void> {
  const old = await madeAndSent(setting)
  expect((await setting.gateway.complete(old.id)).status).toBe(200)
}

// The gateway's own faults: a third store shows nothing more, and takes its time.
const STORES = realStores().filter(({ kind }) => kind !== 'swift')

describe.each(STORES)('on $kind', (store) => {
  describe.each(waysOn(store))('%s', (_, fault, once) => {
    const way = { fault, once }

    it('while an overwrite is made: the old object stays, and stays charged', async () => {
      await tryAtEveryCall(store, way, {
        async prepare(setting) {
          await keepOld(setting)
          return () => create(setting, {}, OVERWRITE)
        },
      })
    })

    it('while an overwrite is completed: the old object is credited once', async () => {
      await tryAtEveryCall(store, way, {
        async prepare(setting) {
          await keepOld(setting)
          return completing(await madeAndSent(setting, OVERWRITE))
        },
        async after({ gateway }, id) {
          expect((await gateway.complete(String(id))).status).toBe(200)
          expect(await gateway.sizeAtStore(KEY)).toBe(OVERWRITE.sizeBytes)
        },
      })
    })
  })
})
