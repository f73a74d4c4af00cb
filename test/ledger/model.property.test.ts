import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Decider } from './decider.ts'
import { expectWorthwhile, nameOf } from './history.ts'
import { LedgerModel } from './ledger-model.ts'
import {
  admitCommand,
  digestOfModel,
  digestOfRecords,
  finishCommand,
  recordsOfModel,
} from './model-encoding.ts'
import {
  assertAdmitted,
  assertPosted,
  assertSingleEnding,
  createAccounts,
} from './model-invariants.ts'
import { createStepper, START, type Step, steps } from './model-steps.ts'

/** The same steps are compared by the hundred thousand in `differential.test.ts`; here after each one. */
const RUNS = 100
const FIXED_SEED = 20_260_328
const WRITES = new Set(['OK'])

/** Counts of what was seen, by operation and reply. */
type Seen = Map<string, number>

function play(list: readonly Step[], seen: Seen): void {
  const count = (name: string) => seen.set(name, (seen.get(name) ?? 0) + 1)
  const decider = new Decider()
  const model = new LedgerModel()
  const stepper = createStepper()
  const accounts = createAccounts()
  let nowMs = START
  for (const step of list) {
    nowMs += stepper.tickOf(step)
    if (step.what === 'loss') {
      const lost = step.pick % 2 === 0 ? 'tenant' : `user-${step.user}`
      decider.subjects.delete(lost)
      model.accounts.delete(lost)
      accounts.lose(lost)
    }
    if (step.what === 'claim') {
      for (const rid of model.claim(nowMs, 30_000, 3)) decider.due.set(rid, nowMs + 30_000)
    }
    const ask = stepper.askOf(step, nowMs)
    if (ask === undefined) continue
    const command = 'admit' in ask ? admitCommand(ask.admit) : finishCommand(ask.finish)
    const before = decider.digest()
    const statesBefore = new Map(decider.known().map(({ rid, state }) => [rid, state]))
    const recordBefore = 'rid' in command ? decider.records.get(command.rid) : undefined
    const reply = decider.run(command, nowMs)
    const expected =
      'admit' in ask ? model.admit(ask.admit, nowMs) : model.finish(ask.finish, nowMs)
    expect(reply).toEqual(expected)
    count(`${nameOf(command)} ${reply.code}`)
    const after = decider.digest()
    expect(after).toBe(`${digestOfModel(model)}\n${digestOfRecords(recordsOfModel(model))}`)
    const condemned = command.op === 'L' && reply.code === 'DENIED'
    // I9: what is not done leaves no trace.
    if ((!WRITES.has(reply.code) && !condemned) || command.op === 'Q') expect(after).toBe(before)
    if (reply.code === 'OK') accounts.post(command, recordBefore)
    assertPosted(accounts, decider.subjects, decider.known())
    if (reply.code === 'OK') assertAdmitted(command, decider.subjects, recordBefore)
    assertSingleEnding(command.op, statesBefore, decider.known())
    // I5: the reply was lost, and the same command comes at once again.
    if (step.variant % 3 === 0 && command.op !== 'C' && reply.code === 'OK') {
      const again = decider.run(command, nowMs)
      if ('admit' in ask) model.admit(ask.admit, nowMs)
      else model.finish(ask.finish, nowMs)
      count(`${nameOf(command)} ${again.code}`)
      expect(decider.digest()).toBe(after)
    }
  }
}

const randomSeed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))

describe('the ledger and its model', () => {
  it(`agree after every step of any history, and have shown every reply (fixed seed ${FIXED_SEED})`, () => {
    const seen: Seen = new Map()
    const property = fc.property(steps(90), (list) => play(list, seen))
    fc.assert(property, { seed: FIXED_SEED, numRuns: RUNS })
    expectWorthwhile(seen)
  })

  it(`agree after every step of any history (random seed ${randomSeed})`, () => {
    const property = fc.property(steps(90), (list) => play(list, new Map()))
    fc.assert(property, { seed: randomSeed, numRuns: RUNS })
  })
})
