import { expect } from 'vitest'
import { MAX_BATCH, type ReserveCommand } from '../../src/ledger/port.ts'
import { indexKey, recordKey } from '../../src/ledger/redis/keys.ts'
import { START_MS, wanted } from '../contract/ledger-commands.ts'
import { expectUntouched, expectWrites, OK, reserved, USER } from './script-steps.ts'
import type { ScriptsUnderTest } from './scripts-under-test.ts'

const FOR_GOOD = -1
/** Places of the amounts in the hold of `wanted`. */
const [BYTES, STORED] = [3, 7]

/** A batch of `USER`; each takes as many bytes as its place, the first none. */
export function batchOf(rids: readonly string[]): ReserveCommand {
  const [rid = ''] = rids
  const total = (rids.length * (rids.length - 1)) / 2
  const command = wanted({ rid, user: USER, bytes: total })
  const each = rids.map((name, place) => ({
    rid: name,
    hold: command.hold.with(BYTES, place).with(STORED, place),
    note: `{"n":${place}}`,
  }))
  return { ...command, each }
}

const RIDS = ['up_a', 'up_b', 'up_c']

/** Guarantees of the scripts for batches; `script-guarantees.ts` says what they are for. */
export const BATCH_GUARANTEES = {
  async 'each of a batch is pending for good, due with the others, with a hold of its own'(
    scripts: ScriptsUnderTest,
  ) {
    const command = batchOf(RIDS)
    expect(await scripts.admit(command)).toMatchObject(OK)
    for (const { rid, hold, note } of command.each ?? []) {
      expect(await scripts.record(rid)).toMatchObject({ state: 'P', hold, note })
      expect(await scripts.ttl(rid)).toBe(FOR_GOOD)
      expect(await scripts.due(rid)).toBe(START_MS + command.lookMs)
    }
  },

  async 'a batch that is refused leaves everything as it was'(scripts: ScriptsUnderTest) {
    await reserved(scripts)
    const before = await scripts.stored()
    const many = Array.from({ length: 46 }, (_, n) => `up_${n + 2}`)
    expect(await scripts.admit(batchOf(many))).toMatchObject({ code: 'DENIED', denied: [2] })
    expect(await scripts.admit(batchOf(RIDS), '6:old')).toMatchObject({ code: 'FENCED' })
    const late = { ...batchOf(RIDS), deadlineMs: START_MS - 1 }
    expect(await scripts.admit(late)).toMatchObject({ code: 'STALE' })
    expect(await scripts.stored()).toBe(before)
  },

  async 'a batch writes over no record that is known'(scripts: ScriptsUnderTest) {
    const { rid } = await reserved(scripts)
    const before = await scripts.stored()
    for (const rids of [
      ['up_a', rid, 'up_c'],
      ['up_a', 'up_b', rid],
    ]) {
      expect(await scripts.admit(batchOf(rids))).toMatchObject({ code: 'CONFLICT', state: 'P' })
    }
    expect(await scripts.stored()).toBe(before)
  },

  async 'a batch is not reserved over what cannot be read'(scripts: ScriptsUnderTest) {
    await scripts.run('SET', recordKey(0, 'up_b'), 'words')
    const before = await scripts.stored()
    expect(await scripts.admit(batchOf(RIDS))).toMatchObject({ error: expect.any(String) })
    expect(await scripts.stored()).toBe(before)
  },

  async 'a batch is not reserved over a key of another program'(scripts: ScriptsUnderTest) {
    await reserved(scripts)
    for (const rid of RIDS) {
      await expectUntouched(scripts, recordKey(0, rid), () => scripts.admit(batchOf(RIDS)))
    }
  },

  async 'an index of another program stops a batch before it has written'(
    scripts: ScriptsUnderTest,
  ) {
    await scripts.run('SET', indexKey(0), 'words')
    const before = await scripts.stored()
    const error = expect.stringMatching(/WRONGTYPE/)
    expect(await scripts.admit(batchOf(RIDS))).toMatchObject({ error })
    expect(await scripts.stored()).toBe(before)
  },

  async 'a replay of a batch writes, and counts once'(scripts: ScriptsUnderTest) {
    const rids = Array.from({ length: MAX_BATCH }, (_, n) => `up_${n}`)
    const sum = batchOf(rids)
    const command = { ...sum, check: sum.check.with(-2, 2 ** 40).with(5, 2 ** 40) }
    expect(await scripts.admit(command)).toMatchObject(OK)
    const before = await scripts.stored()
    await expectWrites(scripts, () => scripts.admit(command), 'EXISTS')
    expect(await scripts.stored()).toBe(before)
  },
} satisfies Record<string, (scripts: ScriptsUnderTest) => Promise<void>>
