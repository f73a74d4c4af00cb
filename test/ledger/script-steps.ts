import { expect } from 'vitest'
import { KIND, type ReserveCommand } from '../../src/ledger/port.ts'
import { finishOf, wanted } from '../contract/ledger-commands.ts'
import type { ScriptsUnderTest } from './scripts-under-test.ts'

export const USER = 'u-alice'

/** A reply that something was done. */
export const OK = { code: 'OK' }

/** Ten bytes of `USER`, pending. */
export async function reserved(scripts: ScriptsUnderTest): Promise<ReserveCommand> {
  const command = wanted({ rid: 'up_1', user: USER, bytes: 10 })
  expect(await scripts.admit(command)).toMatchObject(OK)
  return command
}

/** An object that came after all and has no room. */
export async function condemned(scripts: ScriptsUnderTest): Promise<ReserveCommand> {
  const late = wanted({ rid: 'up_late', user: USER, bytes: 2_000 })
  expect(await scripts.finish(finishOf(late, 'L', 2_000))).toMatchObject({ code: 'DENIED' })
  return late
}

/** One request of a subject of its own, pending. */
export async function requestsReserved(scripts: ScriptsUnderTest) {
  const subject = 'u-requests'
  const command: ReserveCommand = {
    ...wanted({ rid: 'up_r' }),
    subjects: [subject],
    hold: [1, 31, 1, 1, KIND.request],
    check: [0, Number.MAX_SAFE_INTEGER, 0, 10],
  }
  expect(await scripts.admit(command)).toMatchObject(OK)
  return { subject, command }
}

/** That a reply with this code comes with a write. */
export async function expectWrites(
  scripts: ScriptsUnderTest,
  run: () => Promise<unknown>,
  code: string,
): Promise<void> {
  const before = await scripts.changes()
  expect(await run()).toMatchObject({ code })
  expect(await scripts.changes()).toBeGreaterThan(before)
}

/** That a reservation is not for this time, and changes nothing. */
export async function expectPeriod(
  scripts: ScriptsUnderTest,
  command: ReserveCommand,
): Promise<void> {
  const before = await scripts.stored()
  expect(await scripts.admit(command)).toMatchObject({ code: 'PERIOD' })
  expect(await scripts.stored()).toBe(before)
}

/** That a command finds a hash at `key`, says so and leaves it. */
export async function expectUntouched(
  scripts: ScriptsUnderTest,
  key: string,
  run: () => Promise<unknown>,
): Promise<void> {
  await scripts.run('HSET', key, 'field', 'value')
  const before = await scripts.stored()
  expect(await run()).toMatchObject({ error: expect.stringContaining('another program') })
  expect(await scripts.stored()).toBe(before)
  await scripts.run('DEL', key)
}

/** Runs `work` while Redis has no memory left. */
export async function whileFull(
  scripts: ScriptsUnderTest,
  work: () => Promise<void>,
): Promise<void> {
  await scripts.run('CONFIG', 'SET', 'maxmemory', 1)
  try {
    await work()
  } finally {
    await scripts.run('CONFIG', 'SET', 'maxmemory', 0)
  }
}

/** `[id, window, posted, pending]` of each quota. */
export function entriesOf(state: readonly number[]): number[][] {
  const entries: number[][] = []
  for (let at = 2 + 2 * (state[1] ?? 0); at < state.length; at += 4) {
    entries.push(state.slice(at, at + 4))
  }
  return entries
}
