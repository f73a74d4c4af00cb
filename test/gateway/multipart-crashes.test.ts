import { afterEach, describe, expect, it } from 'vitest'
import { type MemoryLedger, openMemoryLedger } from '../../src/ledger/memory.ts'
import { expectRefused } from '../support/expect-refused.ts'
import {
  embeddedStore,
  realStores,
  type StoreUnderTest,
  storeClient,
} from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { uploadBody } from '../support/test-gateway.ts'
import {
  type Fault,
  type FaultPlan,
  faultyLedger,
  faultyStore,
  makeFaulty,
  PortFaults,
} from './faulty-ports.ts'
import type { GatewayOnStore } from './gateway-on-store.ts'
import { type CreatedParts, gatewayForParts, LIFETIME_MS, putParts } from './multipart-fixture.ts'

const BYTES = 3
const MOST_CALLS = 20
const KEY = 'acme/alice/cat.jpg'
const RETRY_MS = 20_000
const HOUR_MS = 3_600_000

interface Setting {
  readonly gateway: GatewayOnStore
  readonly ledger: MemoryLedger
  readonly faults: PortFaults
}

let closing: GatewayOnStore[] = []
afterEach(async () => {
  await Promise.all(closing.map((gateway) => gateway.close()))
  closing = []
})

async function open(store: StoreUnderTest): Promise<Setting> {
  const clock = new TestClock(Date.now())
  const faults = new PortFaults()
  const ledger = openMemoryLedger({ clock })
  const gateway = await gatewayForParts(store, {
    clock,
    onClient: (client) => faultyStore(client, faults),
    overrides: { ledger: faultyLedger(ledger, faults) },
    allow: { 'acme/alice': [{ operations: ['upload', 'overwrite', 'download', 'delete'] }] },
  })
  makeFaulty(gateway.context, faults)
  closing.push(gateway)
  return { gateway, ledger, faults }
}

const create = ({ gateway }: Setting, headers: Record<string, string> = {}, more = {}) =>
  gateway.call(
    'POST',
    '/v1/uploads',
    uploadBody({ mode: 'multipart', sizeBytes: BYTES, ...more }),
    { headers },
  )

async function madeAndSent(setting: Setting, more = {}): Promise<CreatedParts> {
  const upload = (await (await create(setting, {}, more)).json()) as CreatedParts
  await putParts(upload.multipart.parts)
  return upload
}

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

function uploadIdsOf({ multipart }: CreatedParts): string[] {
  return multipart.parts.map(
    ({ request }) => new URL(request.url).searchParams.get('uploadId') ?? '',
  )
}

/** Ids of the uploads that are open in the store's bucket. */
async function openAtStore({ store, storeBucket }: GatewayOnStore): Promise<string[]> {
  const answer = await storeClient(store).fetch(`${store.endpoint}/${storeBucket}?uploads`)
  return [...(await answer.text()).matchAll(/<UploadId>([^<]*)</g)].map(([, id]) => id ?? '')
}

/** Sweeps while time goes by in steps, and answers what is left after them. */
async function sweepFor({ gateway, ledger }: Setting, ms: number, stepMs: number) {
  for (let past = 0; past < ms; past += stepMs) {
    gateway.clock.advance(stepMs)
    await gateway.sweepAll()
  }
  const usage = await gateway.usage()
  return { due: ledger.looks().size, usage }
}

/** Everything is over: nothing is due, pending or open, and what is charged is what is there. */
async function expectAtRest(setting: Setting): Promise<void> {
  const { gateway } = setting
  const { due, usage } = await sweepFor(setting, 2 * LIFETIME_MS, LIFETIME_MS / 4)
  const bytes = (await gateway.sizeAtStore(KEY)) ?? 0
  expect({ due, stored: usage['tenant-stored'], slots: usage['user-pending'] }).toEqual({
    due: 0,
    stored: { used: bytes, pending: 0 },
    slots: { used: 0, pending: 0 },
  })
  expect(await openAtStore(gateway)).toEqual([])
}

/** How many calls a scenario makes when nothing fails, and what they are. */
async function callsOf(
  store: StoreUnderTest,
  prepare: (setting: Setting) => Promise<(setting: Setting) => Promise<unknown>>,
) {
  const setting = await open(store)
  const act = await prepare(setting)
  setting.faults.plan()
  await act(setting)
  return [...setting.faults.calls]
}

const WAYS: readonly (readonly [what: string, fault: Fault, once: boolean])[] = [
  ['one call fails', 'refused', true],
  ['the answer to one call is lost', 'lost', true],
  ['everything fails from one call on', 'refused', false],
  ['everything fails behind one call', 'lost', false],
]

describe.each(realStores())('on $kind', (store) => {
  /** Tries a scenario with a fault at each of its calls. */
  const atEveryCall = async (
    way: Omit<FaultPlan, 'at'>,
    prepare: (setting: Setting) => Promise<(setting: Setting) => Promise<unknown>>,
    after: (setting: Setting, answer: unknown, call: string) => Promise<void>,
  ) => {
    const calls = await callsOf(store, prepare)
    expect(calls.length).toBeLessThan(MOST_CALLS)
    const broken: string[] = []
    for (const [at, call] of calls.entries()) {
      const setting = await open(store)
      const act = await prepare(setting)
      setting.faults.plan({ at, ...way })
      const answer = await act(setting)
      setting.faults.plan()
      try {
        await after(setting, answer, call)
        await expectAtRest(setting)
      } catch (error) {
        broken.push(`${call} (${at}): ${error instanceof Error ? error.message : error}`)
      }
    }
    expect(broken).toEqual([])
  }

  // All of it on the quickest, and on the others what their own answers matter for.
  const ways =
    store.kind === 'embedded' ? WAYS : WAYS.filter(([, fault, once]) => fault === 'lost' && once)
  describe.each(ways)('%s', (_, fault, once) => {
    const way = { fault, once }

    it('while an upload is made: all of it is given back', async () => {
      await atEveryCall(
        way,
        async () => async (setting) => (await create(setting)).status,
        async (setting, status, call) => {
          if (status === 201) return
          expect(status).toBeGreaterThanOrEqual(500)
          // Once its id is recorded, nobody is left to know that the client has not seen it: then it
          // ends with its time, like one whose client went away.
          const isRecorded = ['sign', 'audit'].includes(call) || (call === 'M' && fault === 'lost')
          if (!once && isRecorded) return
          const { usage } = await sweepFor(setting, HOUR_MS, HOUR_MS / 12)
          expect(usage['tenant-stored']).toEqual({ used: 0, pending: 0 })
          expect(usage['user-pending']).toEqual({ used: 0, pending: 0 })
        },
      )
    })

    it('while one with an idempotency key is made: the retry gets it, and one upload alone', async () => {
      const key = { 'idempotency-key': 'same' }
      await atEveryCall(
        way,
        async () => async (setting) => create(setting, key),
        async (setting) => {
          const { gateway } = setting
          gateway.clock.advance(RETRY_MS)
          const again = await create(setting, key)
          expect(again.status).toBe(201)
          const upload = (await again.json()) as CreatedParts
          const third = (await (await create(setting, key)).json()) as CreatedParts
          expect(uploadIdsOf(third)).toEqual(uploadIdsOf(upload))
          expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: BYTES })
          await putParts(upload.multipart.parts)
          expect((await gateway.complete(upload.id)).status).toBe(200)
          expect((await gateway.usage())['tenant-stored']).toEqual({ used: BYTES, pending: 0 })
        },
      )
    })

    it('while one with an idempotency key is made, and nobody asks again', async () => {
      const key = { 'idempotency-key': 'same' }
      await atEveryCall(
        way,
        async () => async (setting) => create(setting, key),
        async () => {},
      )
    })

    it('while it is completed: the retry completes it, and it is charged once', async () => {
      await atEveryCall(
        way,
        async (setting) => {
          const { id } = await madeAndSent(setting)
          return async ({ gateway }) => ({ id, answer: await gateway.complete(id) })
        },
        async ({ gateway }, made) => {
          const { id } = made as { id: string }
          expect((await gateway.complete(id)).status).toBe(200)
          expect(await gateway.sizeAtStore(KEY)).toBe(BYTES)
          expect((await gateway.usage())['tenant-stored']).toEqual({ used: BYTES, pending: 0 })
        },
      )
    })

    it('while it is rejected: all of it is given back within minutes', async () => {
      await atEveryCall(
        way,
        async (setting) => {
          const upload = await madeAndSent(setting)
          await putBeyondThePlan(setting, upload)
          return async ({ gateway }) => ({
            id: upload.id,
            answer: await gateway.complete(upload.id),
          })
        },
        async (setting, made, call) => {
          const { id } = made as { id: string }
          const { gateway } = setting
          const again = await gateway.complete(id)
          expect([call, (await again.json()).code]).toEqual([call, 'UploadRejected'])
          const { usage } = await sweepFor(setting, HOUR_MS, HOUR_MS / 12)
          expect(usage['tenant-stored']).toEqual({ used: 0, pending: 0 })
          expect(await gateway.status(id)).toBe('rejected')
          expect(await openAtStore(gateway)).toEqual([])
          // One that the audit log did not take is not made up for.
          expect(['', 'upload.rejected']).toContain(endsOf(setting, id).join())
        },
      )
    })

    it('while an overwrite is made: the old object stays, and stays charged', async () => {
      await atEveryCall(
        way,
        async (setting) => {
          const { id } = await madeAndSent(setting)
          expect((await setting.gateway.complete(id)).status).toBe(200)
          return async () => create(setting, {}, { overwrite: true, sizeBytes: BYTES + 1 })
        },
        async () => {},
      )
    })

    it('while an overwrite is completed: the old object is credited once', async () => {
      await atEveryCall(
        way,
        async (setting) => {
          const old = await madeAndSent(setting)
          expect((await setting.gateway.complete(old.id)).status).toBe(200)
          const { id } = await madeAndSent(setting, { overwrite: true, sizeBytes: BYTES + 1 })
          return async ({ gateway }) => ({ id, answer: await gateway.complete(id) })
        },
        async ({ gateway }, made) => {
          const { id } = made as { id: string }
          expect((await gateway.complete(id)).status).toBe(200)
          expect(await gateway.sizeAtStore(KEY)).toBe(BYTES + 1)
        },
      )
    })

    it('while it is completed, and nobody asks again: charged if it is there', async () => {
      await atEveryCall(
        way,
        async (setting) => {
          const { id } = await madeAndSent(setting)
          return async ({ gateway }) => gateway.complete(id)
        },
        async () => {},
      )
    })

    it('while it is aborted: all of it is given back within minutes', async () => {
      await atEveryCall(
        way,
        async (setting) => {
          const { id } = await madeAndSent(setting)
          return async ({ gateway }) => ({
            id,
            answer: await gateway.call('DELETE', `/v1/uploads/${id}`),
          })
        },
        async (setting, made, call) => {
          const { id } = made as { id: string }
          const { gateway } = setting
          const again = await gateway.call('DELETE', `/v1/uploads/${id}`)
          expect([call, again.status]).toEqual([call, 204])
          const { usage } = await sweepFor(setting, HOUR_MS, HOUR_MS / 12)
          expect(usage['tenant-stored']).toEqual({ used: 0, pending: 0 })
          expect(await openAtStore(gateway)).toEqual([])
        },
      )
    })
  })
})

describe('uploads of parts beside each other', () => {
  const store = embeddedStore()
  const key = { 'idempotency-key': 'same' }

  it('R27 503, and nothing is charged, while the store is away; with the same key 201 afterwards', async () => {
    const setting = await open(store)
    const { gateway, faults } = setting
    const away = { status: 503, code: 'StoreUnavailable' } as const
    faults.plan({ at: 1, fault: 'refused', once: false, of: 'store.' })
    await expectRefused(await create(setting), away)
    expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 0 })
    await expectRefused(await create(setting, key), away)
    expect((await create(setting, {}, { mode: 'put' })).status).toBe(201)
    expect(faults.calls.filter((call) => call.startsWith('store.'))).toEqual([
      'store.createMultipart',
      'store.createMultipart',
    ])
    faults.plan()
    // Whoever reserved it may still be at it.
    await expectRefused(await create(setting, key), away)
    gateway.clock.advance(14_000)
    await expectRefused(await create(setting, key), away)
    gateway.clock.advance(1_000)
    const answer = await create(setting, key)
    expect(answer.status).toBe(201)
    expect(uploadIdsOf((await answer.json()) as CreatedParts)).toEqual(await openAtStore(gateway))
  })

  it('repetitions at once make one upload at the store, also when the first of them dies', async () => {
    const setting = await open(store)
    const { gateway, faults } = setting
    faults.plan({ at: 1, fault: 'refused', once: true })
    expect((await create(setting, key)).status).toBe(503)
    faults.plan()
    gateway.clock.advance(RETRY_MS)
    const dying = faults.pauseAt('store.createMultipart')
    const first = create(setting, key)
    await dying.reached
    for (const wait of [0, 14_000]) {
      gateway.clock.advance(wait)
      const others = await Promise.all([1, 2, 3].map(() => create(setting, key)))
      expect(others.map(({ status }) => status)).toEqual([503, 503, 503])
    }
    gateway.clock.advance(RETRY_MS)
    const answers = await Promise.all([1, 2, 3].map(() => create(setting, key)))
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 503, 503])
    dying.go()
    // It has taken too long, and what it has made is not used.
    expect((await first).status).toBe(503)
    const later = await Promise.all([1, 2, 3].map(() => create(setting, key)))
    const uploads = (await Promise.all(later.map((each) => each.json()))) as CreatedParts[]
    expect(new Set(uploads.flatMap(uploadIdsOf)).size).toBe(1)
    expect(await openAtStore(gateway)).toEqual([...new Set(uploads.flatMap(uploadIdsOf))])
    await expectAtRest(setting)
  })

  it('an upload that was given up never takes one with it that was made beside it', async () => {
    const setting = await open(store)
    const { gateway, faults } = setting
    faults.plan({ at: 1, fault: 'lost', once: false })
    expect((await create(setting)).status).toBe(503)
    faults.plan()
    const upload = (await (await create(setting)).json()) as CreatedParts
    expect((await openAtStore(gateway)).length).toBe(2)
    await sweepFor(setting, HOUR_MS, HOUR_MS / 12)
    expect(await openAtStore(gateway)).toContain(uploadIdsOf(upload)[0])
    await putParts(upload.multipart.parts)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    await expectAtRest(setting)
  })

  it('204: an abort while the upload is being made, whichever of the two is recorded first', async () => {
    for (const abortFirst of [true, false]) {
      const setting = await open(store)
      const { gateway, faults } = setting
      const making = faults.pauseAt('M')
      const made = create(setting, key)
      await making.reached
      const { uploads } = await (await gateway.call('GET', '/v1/uploads')).json()
      const ending = faults.pauseAt('V')
      const aborted = gateway.call('DELETE', `/v1/uploads/${uploads[0].id}`)
      await ending.reached
      const [one, other] = abortFirst ? [ending, making] : [making, ending]
      one.go()
      await (abortFirst ? aborted : made)
      other.go()
      expect((await aborted).status).toBe(204)
      const created = await made
      expect(created.status).toBe(abortFirst ? 503 : 201)
      await gateway.sweepAll()
      expect(await openAtStore(gateway)).toEqual([])
      expect((await gateway.usage())['tenant-stored']).toEqual({ used: 0, pending: 0 })
      await expectAtRest(setting)
    }
  })

  it('a repetition never takes away what the first one has recorded of an overwrite', async () => {
    const setting = await open(store)
    const { gateway, faults } = setting
    const old = await madeAndSent(setting)
    expect((await gateway.complete(old.id)).status).toBe(200)
    const overwrite = { overwrite: true }
    const looking = faults.pauseAt('store.head')
    const first = create(setting, key, overwrite)
    await looking.reached
    const writing = faults.pauseAt('M')
    const again = create(setting, key, overwrite)
    // It may not get so far as to record anything.
    if ((await Promise.race([again, writing.reached])) !== undefined) writing.go()
    looking.go()
    const upload = (await (await first).json()) as CreatedParts
    writing.go()
    expect((await again).status).toBe(503)
    await putParts(upload.multipart.parts)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    await expectAtRest(setting)
  })
})
