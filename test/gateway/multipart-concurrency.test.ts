import { afterEach, describe, expect, it } from 'vitest'
import { expectRefused } from '../support/expect-refused.ts'
import { embeddedStore } from '../support/stores/stores-under-test.ts'
import {
  closeSettings,
  create,
  expectAtRest,
  HOUR_MS,
  madeAndSent,
  open,
  openAtStore,
  RETRY_MS,
  sweepFor,
  uploadIdsOf,
} from './multipart-crash-fixture.ts'
import { type CreatedParts, putParts } from './multipart-fixture.ts'

afterEach(closeSettings)

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

  it('503: an id that is recorded late never takes the place of one whose parts are out', async () => {
    const setting = await open(store)
    const { gateway, faults } = setting
    const recording = faults.pauseAt('M')
    const late = create(setting, key)
    await recording.reached
    gateway.clock.advance(RETRY_MS)
    const upload = (await (await create(setting, key)).json()) as CreatedParts
    recording.go()
    await expectRefused(await late, { status: 503, code: 'LedgerUnavailable' })
    expect(await openAtStore(gateway)).toEqual([...new Set(uploadIdsOf(upload))])
    await putParts(upload.multipart.parts)
    expect((await gateway.complete(upload.id)).status).toBe(200)
    await expectAtRest(setting)
  })

  it('409: an abort is never undone by an id that is recorded late', async () => {
    const setting = await open(store)
    const { gateway, faults } = setting
    const recording = faults.pauseAt('M')
    const late = create(setting, key)
    await recording.reached
    gateway.clock.advance(RETRY_MS)
    const upload = (await (await create(setting, key)).json()) as CreatedParts
    // The store does not answer: it is only marked.
    faults.plan({ at: 0, fault: 'refused', once: false, of: 'store.' })
    expect((await gateway.call('DELETE', `/v1/uploads/${upload.id}`)).status).toBe(204)
    recording.go()
    await late
    faults.plan()
    expect(await gateway.status(upload.id)).toBe('aborted')
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
    await sweepFor(setting, HOUR_MS, HOUR_MS / 4)
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
      const ending = faults.pauseAt('M')
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

  it('an abort that dies with its end, while the upload is being made, leaves nothing open', async () => {
    // One of them is the end.
    for (const at of [0, 1, 2, 3, 4, 5]) {
      const setting = await open(store)
      const { gateway, faults } = setting
      const making = faults.pauseAt('M')
      const made = create(setting, key)
      await making.reached
      const { uploads } = await (await gateway.call('GET', '/v1/uploads')).json()
      const marking = faults.pauseAt('M')
      const aborted = gateway.call('DELETE', `/v1/uploads/${uploads[0].id}`)
      await marking.reached
      making.go()
      const upload = (await (await made).json()) as CreatedParts
      await putParts(upload.multipart.parts)
      faults.plan({ at, fault: 'lost', once: true, of: 'V' })
      marking.go()
      await aborted
      faults.plan()
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
