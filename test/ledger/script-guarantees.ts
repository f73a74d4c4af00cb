import { Encoder } from '@msgpack/msgpack'
import { expect } from 'vitest'
import { type AdmitCommand, MAX_AMOUNT } from '../../src/ledger/port.ts'
import { packNumbers } from '../../src/ledger/redis/codec.ts'
import { indexKey, recordKey, subjectKey } from '../../src/ledger/redis/keys.ts'
import { finishOf, START_MS, wanted } from '../contract/ledger-commands.ts'
import { BATCH_GUARANTEES } from './batch-guarantees.ts'
import {
  condemned,
  entriesOf,
  expectPeriod,
  expectUntouched,
  expectWrites,
  OK,
  requestsReserved,
  reserved,
  USER,
  whileFull,
} from './script-steps.ts'
import type { ScriptsUnderTest } from './scripts-under-test.ts'

// Guarantees of the scripts, each small enough to say what falls when a line of a script is missing.
// `script-mutants.test.ts` shows that they hold, and that none holds without its line.

const UNREADABLE = { error: expect.stringContaining('unreadable') }
/** As the ledger stores values, and with what it never would. */
const packed = (values: readonly unknown[]) =>
  Buffer.concat(values.map((value) => Buffer.from(new Encoder().encode(value))))
const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const FOR_GOOD = -1

export const GUARANTEES = {
  ...BATCH_GUARANTEES,
  async 'an epoch that is over decides nothing'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    await scripts.moveTo(START_MS + 6_000)
    const before = await scripts.stored()
    expect(await scripts.admit(wanted({ rid: 'up_2' }), '6:old')).toMatchObject({ code: 'FENCED' })
    expect(await scripts.finish(finishOf(pending, 'S'), { epoch: '6:old' })).toMatchObject({
      code: 'FENCED',
    })
    expect(await scripts.claim({}, '6:old')).toBe('FENCED')
    expect(await scripts.stored()).toBe(before)
  },

  async 'a replay writes, so that the WAIT behind it proves something'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    await expectWrites(scripts, () => scripts.admit(pending), 'EXISTS')
    await expectWrites(scripts, () => scripts.finish(finishOf(pending, 'A')), 'EXISTS')
    await scripts.finish(finishOf(pending, 'S'))
    await expectWrites(scripts, () => scripts.finish(finishOf(pending, 'S')), 'DUP')
    await expectWrites(scripts, () => scripts.finish(finishOf(pending, 'V')), 'TERMINAL')
  },

  async 'a replay leaves an ended record its end'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    await scripts.finish(finishOf(pending, 'S'))
    await scripts.finish(finishOf(pending, 'S'))
    expect(await scripts.ttl(pending.rid)).toBeGreaterThan(0)
    await scripts.admit(pending)
    expect(await scripts.ttl(pending.rid)).toBeGreaterThan(0)
  },

  async 'nothing is done after the deadline'(scripts: ScriptsUnderTest) {
    const late = { ...wanted({ rid: 'up_1' }), deadlineMs: START_MS - 1 }
    const before = await scripts.stored()
    expect(await scripts.admit(late)).toMatchObject({ code: 'STALE' })
    expect(await scripts.stored()).toBe(before)
    expect(await scripts.admit({ ...late, deadlineMs: START_MS })).toMatchObject(OK)
  },

  async 'what is pending has no end of its own'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    expect(await scripts.ttl(pending.rid)).toBe(FOR_GOOD)
    await scripts.finish({ ...finishOf(pending, 'M'), note: '{}' })
    expect(await scripts.ttl(pending.rid)).toBe(FOR_GOOD)
    await scripts.admit(pending)
    expect(await scripts.ttl(pending.rid)).toBe(FOR_GOOD)
  },

  async 'what was put back has no end of its own'(scripts: ScriptsUnderTest) {
    const lost = wanted({ rid: 'up_lost', bytes: 10 })
    expect(await scripts.finish(finishOf(lost, 'A'))).toMatchObject(OK)
    expect(await scripts.ttl(lost.rid)).toBe(FOR_GOOD)
  },

  async 'what is condemned has no end of its own, until it is gone'(scripts: ScriptsUnderTest) {
    const late = await condemned(scripts)
    expect(await scripts.ttl(late.rid)).toBe(FOR_GOOD)
    expect(await scripts.finish(finishOf(late, 'G'))).toMatchObject(OK)
    expect(await scripts.ttl(late.rid)).toBeGreaterThan(0)
  },

  async 'what has ended is forgotten one day'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    await scripts.finish(finishOf(pending, 'V'))
    expect(await scripts.ttl(pending.rid)).toBeGreaterThan(0)
  },

  async 'a gateway whose clock is ahead rolls no window early'(scripts: ScriptsUnderTest) {
    const early = wanted({ from: START_MS + 1 })
    await expectPeriod(scripts, early)
    expect(await scripts.admit({ ...early, check: early.check.with(0, START_MS) })).toMatchObject(
      OK,
    )
  },

  async 'a gateway whose clock is behind charges no window that is over'(
    scripts: ScriptsUnderTest,
  ) {
    const late = wanted({ until: START_MS })
    await expectPeriod(scripts, late)
    expect(await scripts.admit({ ...late, check: late.check.with(1, START_MS + 1) })).toMatchObject(
      OK,
    )
  },

  async 'another request under a known id is a conflict'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    const other = { ...pending, fingerprint: 'fp of another' }
    const before = await scripts.stored()
    expect(await scripts.admit(other)).toMatchObject({ code: 'CONFLICT', state: 'P' })
    expect(await scripts.stored()).toBe(before)
  },

  async 'a forged ending is a conflict'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    const forged = { ...finishOf(pending, 'V'), fingerprint: 'fp of another' }
    const before = await scripts.stored()
    expect(await scripts.finish(forged)).toMatchObject({ code: 'CONFLICT', state: 'P' })
    expect(await scripts.stored()).toBe(before)
  },

  async 'a settle lands in the window that was reserved in'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    const window = pending.hold[2] ?? 0
    await scripts.moveTo(START_MS + HOUR_MS)
    const next = wanted({ rid: 'up_2', bytes: 5 })
    await scripts.admit({ ...next, hold: next.hold.with(2, window + 60) })
    expect(await scripts.finish(finishOf(pending, 'S', 7))).toMatchObject(OK)
    const state = (await scripts.subject(USER)) ?? []
    expect(entriesOf(state)).toContainEqual([21, window, 7, 0])
    expect(entriesOf(state)).toContainEqual([21, window + 60, 0, 5])
  },

  async 'requests stay spent when nothing comes of them'(scripts: ScriptsUnderTest) {
    const { subject, command } = await requestsReserved(scripts)
    expect(await scripts.finish(finishOf(command, 'V'))).toMatchObject(OK)
    expect(entriesOf((await scripts.subject(subject)) ?? [])).toEqual([[31, 1, 1, 0]])
  },

  async 'no counter grows past what is exact'(scripts: ScriptsUnderTest) {
    for (const n of [1, 2, 3, 4]) {
      const put = wanted({ rid: `up_${n}`, bytes: MAX_AMOUNT })
      expect(await scripts.finish(finishOf(put, 'A'))).toMatchObject(OK)
    }
    const before = await scripts.stored()
    const more = finishOf(wanted({ rid: 'up_5', bytes: 1 }), 'A')
    expect(await scripts.finish(more)).toMatchObject({ code: 'CORRUPT', position: 1 })
    expect(await scripts.stored()).toBe(before)
  },

  async 'rest does not add to the burst'(scripts: ScriptsUnderTest) {
    expect(await scripts.admit(wanted({ rid: 'up_1', burst: 1 }))).toMatchObject(OK)
    await scripts.moveTo(START_MS + 10 * MINUTE_MS)
    expect(await scripts.admit(wanted({ rid: 'up_2', burst: 1 }))).toMatchObject(OK)
    expect(await scripts.admit(wanted({ rid: 'up_3', burst: 1 }))).toMatchObject({ code: 'DENIED' })
  },

  async 'a refusal leaves everything as it was'(scripts: ScriptsUnderTest) {
    await reserved(scripts)
    const before = await scripts.stored()
    const tooMuch = wanted({ rid: 'up_2', bytes: 1_001 })
    expect(await scripts.admit(tooMuch)).toMatchObject({ code: 'DENIED', denied: [2] })
    expect(await scripts.stored()).toBe(before)
  },

  async 'a look leaves everything as it was'(scripts: ScriptsUnderTest) {
    await reserved(scripts)
    const before = await scripts.stored()
    expect(await scripts.admit({ ...wanted({ bytes: 1 }), op: 'Q' })).toMatchObject(OK)
    expect(await scripts.stored()).toBe(before)
  },

  async 'a condemned object is charged to nobody'(scripts: ScriptsUnderTest) {
    await reserved(scripts)
    const before = await scripts.subject(USER)
    await condemned(scripts)
    expect(await scripts.subject(USER)).toEqual(before)
  },

  async 'what has ended leaves the index'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    expect(await scripts.due(pending.rid)).toBe(START_MS + pending.lookMs)
    await scripts.finish(finishOf(pending, 'S'))
    expect(await scripts.due(pending.rid)).toBeUndefined()
  },

  async 'what is condemned leaves the index when it is gone'(scripts: ScriptsUnderTest) {
    const late = await condemned(scripts)
    expect(await scripts.due(late.rid)).toBe(START_MS + 1_000)
    await scripts.finish(finishOf(late, 'G'))
    expect(await scripts.due(late.rid)).toBeUndefined()
  },

  async 'when memory is full what is there still ends'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    await scripts.moveTo(START_MS + 6_000)
    await whileFull(scripts, async () => {
      expect(await scripts.claim()).toEqual([pending.rid])
      expect(await scripts.finish(finishOf(pending, 'S', 10))).toMatchObject(OK)
    })
  },

  async 'when memory is full nothing new begins'(scripts: ScriptsUnderTest) {
    const before = await scripts.stored()
    await whileFull(scripts, async () => {
      const came = await scripts.admit(wanted())
      expect(came).toMatchObject({ error: expect.stringMatching(/^OOM/) })
    })
    expect(await scripts.stored()).toBe(before)
  },

  async 'a key of another program is not reserved over'(scripts: ScriptsUnderTest) {
    const wish = wanted()
    for (const key of [recordKey(0, wish.rid), subjectKey(0, USER)]) {
      await expectUntouched(scripts, key, () => scripts.admit(wish))
    }
  },

  async 'a key of another program is not settled over'(scripts: ScriptsUnderTest) {
    const lost = wanted({ rid: 'up_lost', bytes: 10 })
    for (const key of [recordKey(0, lost.rid), subjectKey(0, USER)]) {
      await expectUntouched(scripts, key, () => scripts.finish(finishOf(lost, 'L', 10)))
    }
  },

  async 'an index of another program stops a command before it has written'(
    scripts: ScriptsUnderTest,
  ) {
    await scripts.run('SET', indexKey(0), 'words')
    const before = await scripts.stored()
    expect(await scripts.admit(wanted())).toMatchObject({
      error: expect.stringMatching(/WRONGTYPE/),
    })
    expect(await scripts.stored()).toBe(before)
  },

  async 'a subject that cannot be read is not written over'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    const state = (await scripts.subject(USER)) ?? []
    for (const spoilt of [state.with(0, 2), state.slice(0, -1), state.with(1, 9)]) {
      await scripts.run('SET', subjectKey(0, USER), packNumbers(spoilt))
      const before = await scripts.stored()
      const wish = wanted({ rid: 'up_2', user: USER })
      expect(await scripts.admit(wish)).toMatchObject(UNREADABLE)
      expect(await scripts.finish(finishOf(pending, 'V'))).toMatchObject(UNREADABLE)
      expect(await scripts.stored()).toBe(before)
    }
  },

  async 'a counter that is no number lets nothing in and is not written over'(
    scripts: ScriptsUnderTest,
  ) {
    const pending = await reserved(scripts)
    const state = (await scripts.subject(USER)) ?? []
    // The rate's time, then limit, window, posted and pending of the bytes.
    const [tat, id, window, posted, held] = [3, 4, 5, 6, 7]
    const all: [place: number, values: unknown[], ops: 'R' | 'RV'][] = [
      [tat, [Number.NaN, -1, 0.5, 2 ** 53], 'R'],
      [id, [Number.NaN, '21'], 'RV'],
      [window, [Number.NaN], 'RV'],
      [posted, [Number.NaN, -1_000, '0', 0.5, 2 ** 53 - 5], 'RV'],
      [held, [Number.NaN, -1_000, '10', 10.5, 2 ** 53], 'RV'],
    ]
    for (const [place, values, ops] of all) {
      for (const value of values) {
        await scripts.run('SET', subjectKey(0, USER), packed(state.with(place, value as number)))
        const before = await scripts.stored()
        const wish = wanted({ rid: 'up_2', user: USER, bytes: 2_000 })
        for (const op of ['R', 'Q', 'C'] as const) {
          const hold = op === 'C' ? wish.hold.with(3, 0).with(7, 0) : wish.hold
          const came = await scripts.admit({ ...wish, hold, op } as AdmitCommand)
          expect([place, value, came]).toMatchObject([place, value, { error: expect.any(String) }])
        }
        if (ops === 'RV') {
          const came = await scripts.finish(finishOf(pending, 'V'))
          expect([place, value, came]).toMatchObject([place, value, { error: expect.any(String) }])
        }
        expect(await scripts.stored()).toBe(before)
      }
    }
  },

  async 'a record whose numbers are none ends nothing'(scripts: ScriptsUnderTest) {
    const { rid, hold, fingerprint } = await reserved(scripts)
    const key = recordKey(0, rid)
    const head = [1, 'P', START_MS, -1, 0, fingerprint, '', 1, USER]
    const spoilt = [
      [...head.with(2, Number.NaN), ...hold],
      [...head.with(7, Number.NaN), ...hold],
      [...head, ...hold.with(0, Number.NaN)],
      ...[Number.NaN, -10, '10', 0.5].map((amount) => [...head, ...hold.with(3, amount as number)]),
    ]
    for (const values of spoilt) {
      await scripts.run('SET', key, packed(values))
      const before = await scripts.stored()
      for (const op of ['V', 'X'] as const) {
        const came = await scripts.finish(finishOf(wanted({ rid, user: USER, bytes: 10 }), op))
        expect([values, came]).toMatchObject([values, { error: expect.any(String) }])
      }
      expect(await scripts.stored()).toBe(before)
    }
  },

  async 'a retention that Redis would not take is noticed before anything is written'(
    scripts: ScriptsUnderTest,
  ) {
    const pending = await reserved(scripts)
    const before = await scripts.stored()
    for (const retentionMs of [0, -1, 0.5, 2 ** 60]) {
      const came = await scripts.finish(finishOf(pending, 'V'), { retentionMs })
      expect(came).toMatchObject({ error: expect.stringContaining('retention') })
      expect(await scripts.stored()).toBe(before)
    }
  },

  async 'nothing expires before its time'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    await scripts.moveTo(START_MS + pending.ttlMs - 1)
    expect(await scripts.finish(finishOf(pending, 'X'))).toMatchObject({ code: 'EARLY' })
    await scripts.moveTo(START_MS + pending.ttlMs)
    expect(await scripts.finish(finishOf(pending, 'X'))).toMatchObject(OK)
  },

  async 'an amendment never brings the end nearer'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    await scripts.finish({ ...finishOf(pending, 'M'), expMs: START_MS + 1 } as never)
    expect(await scripts.record(pending.rid)).toMatchObject({ expMs: START_MS + pending.ttlMs })
  },

  async 'an amendment never undoes one that it does not know'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    const read = { ...finishOf(pending, 'M'), ifNote: pending.note }
    await scripts.finish({ ...read, note: '{"first":1}' } as never)
    const late = await scripts.finish({ ...read, note: '{"late":1}' } as never)
    expect(late).toMatchObject({ code: 'EXISTS' })
    expect(await scripts.record(pending.rid)).toMatchObject({ note: '{"first":1}' })
  },

  async 'a lease keeps others away'(scripts: ScriptsUnderTest) {
    const pending = await reserved(scripts)
    await scripts.moveTo(START_MS + 6_000)
    expect(await scripts.claim()).toEqual([pending.rid])
    expect(await scripts.claim()).toEqual([])
  },
} satisfies Record<string, (scripts: ScriptsUnderTest) => Promise<void>>

/** The name of a guarantee. */
export type Guarantee = keyof typeof GUARANTEES
