import { afterEach, describe, expect, it } from 'vitest'
import { realStores, storeClient } from '../support/stores/stores-under-test.ts'
import {
  BYTES,
  closeSettings,
  completing,
  HOUR_MS,
  KEY,
  madeAndSent,
  openAtStore,
  type Setting,
  sweepFor,
  tryAtEveryCall,
  untilFreedMs,
  uploadIdsOf,
  waysOn,
} from './multipart-crash-fixture.ts'
import type { CreatedParts } from './multipart-fixture.ts'

afterEach(closeSettings)

/** A part that was not planned, by the store's own credential: as on a store that keeps no length. */
async function putBeyondThePlan({ gateway }: Setting, upload: CreatedParts): Promise<void> {
  const { store, storeBucket } = gateway
  const [id = ''] = uploadIdsOf(upload)
  const query = `partNumber=2&uploadId=${encodeURIComponent(id)}`
  const url = `${store.endpoint}/${storeBucket}/${KEY}?${query}`
  const answer = await storeClient(store).fetch(url, { method: 'PUT', body: 'x' })
  expect(answer.status).toBe(200)
}

/** How an upload ended, by the audit log. */
function endsOf({ gateway }: Setting, id: string): unknown[] {
  const ends = ['upload.settled', 'upload.rejected', 'upload.expired', 'upload.aborted']
  return gateway.audited
    .filter(({ event, uploadId }) => uploadId === id && ends.includes(String(event)))
    .map(({ event }) => event)
}

// The gateway's own faults: a third store shows nothing more, and takes its time.
const STORES = realStores().filter(({ kind }) => kind !== 'swift')

describe.each(STORES)('on $kind', (store) => {
  describe.each(waysOn(store))('%s', (_, fault, once) => {
    const way = { fault, once }

    it('while an upload is completed: the retry completes it, and it is charged once', async () => {
      await tryAtEveryCall(store, way, {
        prepare: async (setting) => completing(await madeAndSent(setting)),
        async after({ gateway }, id) {
          expect((await gateway.complete(String(id))).status).toBe(200)
          expect(await gateway.sizeAtStore(KEY)).toBe(BYTES)
          expect((await gateway.usage())['tenant-stored']).toEqual({ used: BYTES, pending: 0 })
        },
      })
    })

    it('while it is completed, and nobody asks again: charged if it is there', async () => {
      await tryAtEveryCall(store, way, {
        prepare: async (setting) => completing(await madeAndSent(setting)),
      })
    })

    it('while it is rejected: all of it is given back soon', async () => {
      await tryAtEveryCall(store, way, {
        async prepare(setting) {
          const upload = await madeAndSent(setting)
          await putBeyondThePlan(setting, upload)
          return completing(upload)
        },
        async after(setting, made, call) {
          const id = String(made)
          const { gateway } = setting
          const again = await gateway.complete(id)
          expect([call, (await again.json()).code]).toEqual([call, 'UploadRejected'])
          const { usage } = await sweepFor(setting, untilFreedMs(store), HOUR_MS / 4)
          expect(usage['tenant-stored']).toEqual({ used: 0, pending: 0 })
          expect(await gateway.status(id)).toBe('rejected')
          expect(await openAtStore(gateway)).toEqual([])
          // One that the audit log did not take is not made up for.
          expect(['', 'upload.rejected']).toContain(endsOf(setting, id).join())
        },
      })
    })
  })
})
