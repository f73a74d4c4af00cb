import { afterEach, describe, expect, it } from 'vitest'
import { realStores } from '../support/stores/stores-under-test.ts'
import {
  BYTES,
  closeSettings,
  create,
  HOUR_MS,
  madeAndSent,
  openAtStore,
  RETRY_MS,
  sweepFor,
  tryAtEveryCall,
  untilFreedMs,
  uploadIdsOf,
  waysOn,
} from './multipart-crash-fixture.ts'
import { type CreatedParts, putParts } from './multipart-fixture.ts'

const SAME = { 'idempotency-key': 'same' }

afterEach(closeSettings)

// The gateway's own faults: a third store shows nothing more, and takes its time.
const STORES = realStores().filter(({ kind }) => kind !== 'swift')

describe.each(STORES)('on $kind', (store) => {
  describe.each(waysOn(store))('%s', (_, fault, once) => {
    const way = { fault, once }

    it('while an upload is made: all of it is given back', async () => {
      await tryAtEveryCall(store, way, {
        prepare: async () => async (setting) => (await create(setting)).status,
        async after(setting, status, call) {
          if (status === 201) return
          expect(status).toBeGreaterThanOrEqual(500)
          // Once its id is recorded, nobody is left to know that the client has not seen it: then it
          // ends with its time, like one whose client went away.
          const isRecorded = ['sign', 'audit'].includes(call) || (call === 'M' && fault === 'lost')
          if (!once && isRecorded) return
          const { usage } = await sweepFor(setting, HOUR_MS, HOUR_MS / 4)
          expect(usage['tenant-stored']).toEqual({ used: 0, pending: 0 })
          expect(usage['user-pending']).toEqual({ used: 0, pending: 0 })
        },
      })
    })

    it('while one with an idempotency key is made: the retry gets it, and one upload alone', async () => {
      await tryAtEveryCall(store, way, {
        prepare: async () => (setting) => create(setting, SAME),
        async after(setting) {
          const { gateway } = setting
          gateway.clock.advance(RETRY_MS)
          const again = await create(setting, SAME)
          expect(again.status).toBe(201)
          const upload = (await again.json()) as CreatedParts
          const third = (await (await create(setting, SAME)).json()) as CreatedParts
          expect(uploadIdsOf(third)).toEqual(uploadIdsOf(upload))
          expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: BYTES })
          await putParts(upload.multipart.parts)
          expect((await gateway.complete(upload.id)).status).toBe(200)
          expect((await gateway.usage())['tenant-stored']).toEqual({ used: BYTES, pending: 0 })
        },
      })
    })

    it('while one with an idempotency key is made, and nobody asks again', async () => {
      await tryAtEveryCall(store, way, {
        prepare: async () => (setting) => create(setting, SAME),
      })
    })

    it('while it is aborted: all of it is given back soon', async () => {
      await tryAtEveryCall(store, way, {
        async prepare(setting) {
          const { id } = await madeAndSent(setting)
          const path = `/v1/uploads/${id}`
          return async ({ gateway }) => {
            await gateway.call('DELETE', path)
            return path
          }
        },
        async after(setting, path, call) {
          const { gateway } = setting
          const again = await gateway.call('DELETE', String(path))
          expect([call, again.status]).toEqual([call, 204])
          const { usage } = await sweepFor(setting, untilFreedMs(store), HOUR_MS / 4)
          expect(usage['tenant-stored']).toEqual({ used: 0, pending: 0 })
          expect(await openAtStore(gateway)).toEqual([])
        },
      })
    })
  })
})
