import { describe, expect, it } from 'vitest'
import { GatewayError } from '../../src/errors.ts'
import { openDurableObjectsLedger, type RemoteLedger } from '../../src/ledger/durable-objects.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import type { ChargeCommand } from '../../src/ledger/port.ts'
import { callObject, type Outcome, outcomeOf } from '../../src/object-call.ts'
import { finishOf, START_MS, wanted } from '../contract/ledger-commands.ts'
import { spread, storeAt } from '../contract/reply-batch-places.contract.ts'
import { countersOf, stored } from '../contract/reservation-commands.ts'
import { TestClock } from '../support/test-clock.ts'
import { until } from '../support/until.ts'

/** What becomes of a call: the object is not reached, or its answer is lost; else it arrives. */
type Fate = 'unreached' | 'lost' | 'busy' | 'arrives'

/** As the runtime tells of an object that was moved or reset. */
function objectError(about: { retryable?: boolean; overloaded?: boolean }): Error {
  return Object.assign(new Error('the object was reset'), about)
}

/** A ledger over an object that is a memory ledger. The fates of calls are taken one after the other. */
function openOver(...fates: Fate[]) {
  const object = openMemoryLedger({ clock: new TestClock(START_MS) })
  const asked: string[] = []
  const answer = async <Value>(name: string, work: () => Promise<Value>) => {
    asked.push(name)
    const fate = fates.shift() ?? 'arrives'
    if (fate === 'unreached') throw objectError({ retryable: true })
    if (fate === 'busy') throw objectError({ retryable: true, overloaded: true })
    const outcome = await outcomeOf(work)
    if (fate === 'lost') throw objectError({ retryable: true })
    return outcome
  }
  const { admit, finish, claim, find, list, audit } = object
  const remote: RemoteLedger = {
    admit: (command) => answer(command.op, () => admit(command)),
    finish: (command) => answer(command.op, () => finish(command)),
    claim: (request) => answer('claim', () => claim(request)),
    find: (ref) => answer('find', () => find(ref)),
    list: (request) => answer('list', () => list(request)),
    recent: (request) =>
      answer('recent', () => object.recent({ ...request, settledMs: () => undefined })),
    audit: (request) => answer('audit', () => audit(request)),
  }
  const ledger = openDurableObjectsLedger({ objectOf: () => remote, salt: () => 'salt' })
  return { ledger, object, asked }
}

const charge: ChargeCommand = {
  op: 'C',
  partition: 0,
  subjects: ['u-alice'],
  hold: [0],
  check: [0, Number.MAX_SAFE_INTEGER, 0],
  deadlineMs: 0,
}

describe('a ledger in Durable Objects', () => {
  it('asks once more when an object could not be reached, and grants then', async () => {
    const { ledger, asked } = openOver('unreached')
    expect(await ledger.admit(wanted())).toMatchObject({ code: 'OK' })
    expect(asked).toEqual(['R', 'R'])
  })

  it('counts once what was done although its answer was lost', async () => {
    const { ledger, object } = openOver('lost')
    expect(await ledger.admit(wanted({ bytes: 60 }))).toMatchObject({ code: 'EXISTS', state: 'P' })
    const other = await object.admit(wanted({ rid: 'up_2', bytes: 940 }))
    expect(other).toMatchObject({ code: 'OK', levels: expect.arrayContaining([60]) })
  })

  it('503: grants nothing that it does not know of, and gives back what may stand', async () => {
    const { ledger, object } = openOver('lost', 'lost')
    const refused = ledger.admit(wanted({ bytes: 1_000 }))
    await expect(refused).rejects.toMatchObject({ code: 'LedgerUnavailable' })
    const state = async () => (await object.find({ partition: 0, rid: 'up_1' }))?.state
    await until('it is void', async () => (await state()) === 'V')
    expect(await object.admit(wanted({ rid: 'up_2', bytes: 1_000 }))).toMatchObject({ code: 'OK' })
  })

  it('503: gives back each item of a batch where it was counted, and nowhere else', async () => {
    const { ledger, object } = openOver('lost', 'lost')
    const refused = ledger.admit(spread(2))
    await expect(refused).rejects.toMatchObject({ code: 'LedgerUnavailable' })
    const stateOf = async (rid: string) => (await object.find({ partition: 0, rid }))?.state
    for (const rid of ['up_0', 'up_1', 'up_2']) {
      await until('it is void', async () => (await stateOf(rid)) === 'V')
    }
    const places = [storeAt(0), storeAt(1)]
    const asked = places.map((subject) => ({ subject, quotas: [stored(0, 1_000)] }))
    expect(await countersOf(object, asked)).toEqual([0, 0, 0, 0])
  })

  it('leaves what hangs on a key of its caller, who may have been given a URL for it', async () => {
    const { ledger, object, asked } = openOver('lost', 'lost')
    const refused = ledger.admit({ ...wanted(), replayable: true })
    await expect(refused).rejects.toMatchObject({ code: 'LedgerUnavailable' })
    expect(await object.find({ partition: 0, rid: 'up_1' })).toMatchObject({ state: 'P' })
    expect(asked).toEqual(['R', 'R'])
  })

  it('never sends a charge twice: it has no id that would make one of two', async () => {
    const { ledger, asked } = openOver('lost')
    await expect(ledger.admit(charge)).rejects.toMatchObject({ code: 'LedgerUnavailable' })
    expect(asked).toEqual(['C'])
  })

  it('503 Overloaded: asks a busy object no second time', async () => {
    const { ledger, asked } = openOver('busy')
    const refused = ledger.finish(finishOf(wanted(), 'V'))
    await expect(refused).rejects.toMatchObject({ code: 'Overloaded' })
    expect(asked).toEqual(['V'])
  })

  it('reads again, and ends again, what was asked of an object that was away', async () => {
    const { ledger, object } = openOver('unreached', 'arrives', 'lost')
    await object.admit(wanted())
    expect(await ledger.find({ partition: 7, rid: 'up_1' })).toMatchObject({ partition: 7 })
    expect(await ledger.finish(finishOf(wanted(), 'S', 0))).toMatchObject({ code: 'DUP' })
  })

  it('says what the object says, by its code, and keeps the reason for the log', async () => {
    const outcome = await outcomeOf(async () => {
      const cause = new Error('the disk is full')
      throw new GatewayError('Overloaded', 'Cannot decide: too much waits', { cause })
    })
    const told = callObject(async () => structuredClone(outcome), { what: 'decide', again: true })
    const error = { code: 'Overloaded', message: 'Cannot decide: too much waits' }
    await expect(told).rejects.toMatchObject({ ...error, cause: { message: 'the disk is full' } })
  })

  it('503: takes a code that it does not know for no answer', async () => {
    const newer = { code: 'FromAfar', message: 'Cannot decide: nobody knows' } as unknown
    const told = callObject(async () => newer as Outcome<never>, { what: 'decide', again: true })
    await expect(told).rejects.toMatchObject({ code: 'LedgerUnavailable' })
  })

  it('503: waits no longer than it is told, and sends nothing again then', async () => {
    let calls = 0
    const never = () => {
      calls += 1
      return new Promise<never>(() => {})
    }
    const waiting = callObject(never, { what: 'decide', again: true, timeoutMs: 5 })
    await expect(waiting).rejects.toMatchObject({ code: 'LedgerUnavailable' })
    expect(calls).toBe(1)
  })
})
