import { afterEach, describe, expect, it } from 'vitest'
import { documentName } from '../../../src/config/directory/document-name.ts'
import { REMOVED } from '../../../src/config/directory/entity-documents.ts'
import { createSightings, WRITE_EVERY_MS } from '../../../src/gateway/directory/sightings.ts'
import { openMemoryState } from '../../../src/state/memory.ts'
import type { StateStore } from '../../../src/state/port.ts'
import { refusalOf } from '../../policy/policy-fixture.ts'
import { openTestGateway, type TestGateway } from '../../support/test-gateway.ts'

const quota = { policy: 'tight', per: 'user', unit: 'bytes', limit: 1, window: 'day' }
const PLANS = { tight: { rates: [], quotas: [quota] } }
const nameOf = (user: string) => documentName({ kind: 'user', tenant: 'acme', user })

let gateway: TestGateway
afterEach(() => gateway.close())

async function open(state: StateStore = openMemoryState()) {
  gateway = await openTestGateway({ overrides: { state } })
  const { context } = gateway
  const name = documentName({ kind: 'plan', plan: 'tight' })
  await context.directory.put({ name, value: JSON.stringify(PLANS.tight) })
  const note = (user: string, plan?: string) =>
    context.sightings.note({ tenant: 'acme', user, ...(plan !== undefined && { plan }) })
  const write = (user: string, value: unknown) =>
    context.directory.put({ name: nameOf(user), value: JSON.stringify(value) })
  return { ...context, note, write }
}

/** By which limits a request of the user is judged now. */
function isTight(user: string): boolean {
  const { limits } = gateway.context.accounts.of('acme', user)
  return JSON.stringify(limits).includes('"tight"')
}

describe('a user whose tokens ask for plans', () => {
  it('has the plan of the token that came last, at once, and is written down once a minute', async () => {
    const { note, state, sightings } = await open()
    const version = async () => (await state.get(nameOf('zoe')))?.version
    for (let round = 0; round < 5; round += 1) {
      for (const plan of ['tight', undefined]) {
        note('zoe', plan)
        expect(isTight('zoe')).toBe(plan === 'tight')
        await sightings.settled()
      }
    }
    expect(await version()).toBe(1)
    gateway.clock.advance(WRITE_EVERY_MS - 1)
    note('zoe')
    await sightings.settled()
    expect(await version()).toBe(1)
    gateway.clock.advance(1)
    note('zoe')
    await sightings.settled()
    expect(await version()).toBe(2)
    expect(JSON.parse((await state.get(nameOf('zoe')))?.value ?? '')).not.toHaveProperty(
      'claimedPlan',
    )
    expect(isTight('zoe')).toBe(false)
  })

  it('has it while the store takes its time, however many come, and is written down later', async () => {
    const memory = openMemoryState()
    const gate = Promise.withResolvers<void>()
    let isSlow = false
    const { note, sightings, directory } = await open({
      ...memory,
      async put(document) {
        if (isSlow) await gate.promise
        return await memory.put(document)
      },
    })
    isSlow = true
    const users = Array.from({ length: 70 }, (_, at) => `user-${at}`)
    for (const user of users) note(user, 'tight')
    const tight = users.filter(isTight)
    gate.resolve()
    await sightings.settled()
    expect(tight).toEqual(users)
    for (const user of users) note(user, 'tight')
    await sightings.settled()
    expect(users.map((user) => directory.document(nameOf(user))?.version)).toEqual(
      users.map(() => 1),
    )
  })

  it('has it again after it was removed', async () => {
    const { note, write, directory, sightings } = await open()
    await write('zoe', {})
    await write('zoe', REMOVED)
    note('zoe', 'tight')
    expect(isTight('zoe')).toBe(true)
    await sightings.settled()
    expect(directory.document(nameOf('zoe'))?.version).toBe(3)
  })

  it('503: is not let in for another plan than its tenant has, where nobody can be remembered', async () => {
    const { directory, live, clock, log } = await open()
    const sightings = createSightings({ directory, live, clock, log, maxUsers: 1 })
    const note = (user: string, plan?: string) => () =>
      sightings.note({ tenant: 'acme', user, ...(plan !== undefined && { plan }) })
    note('zoe', 'tight')()
    expect(refusalOf(note('yan', 'tight'))?.code).toBe('Overloaded')
    expect(refusalOf(note('yan', 'test'))).toBeUndefined()
    expect(refusalOf(note('yan'))).toBeUndefined()
    expect(live.current.tenants.get('acme')?.users.has('yan')).toBe(false)
    note('zoe')()
    expect(isTight('zoe')).toBe(false)
    await sightings.settled()
  })

  it('is left alone where its document is one that this version cannot read', async () => {
    const { note, write, directory, sightings } = await open()
    await write('zoe', { suspended: true, newer: 1 })
    const before = directory.document(nameOf('zoe'))
    note('zoe', 'tight')
    await sightings.settled()
    expect(directory.document(nameOf('zoe'))).toEqual(before)
  })
})
