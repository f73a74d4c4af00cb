import { describe, expect, it } from 'vitest'
import { decideAdmit, TAT_EPOCH_MS } from '../../src/ledger/decide-admit.ts'
import { decideFinish } from '../../src/ledger/decide-finish.ts'
import type { LedgerRecord, LedgerState, Writes } from '../../src/ledger/decision.ts'
import type { AdmitCommand, FinishCommand, SubjectState } from '../../src/ledger/port.ts'
import {
  type Asked,
  bytes,
  carried,
  charge,
  everyKind,
  landed,
  look,
  ref,
  reserve,
  stored,
  USER,
} from '../contract/reservation-commands.ts'

const NOW_MS = Date.UTC(2026, 0, 15, 12)
const SECOND_US = 1_000_000
const BURST_US = 2 * SECOND_US
const nowUs = (NOW_MS - TAT_EPOCH_MS) * 1_000

/** Decides command after command, and keeps what they write. */
function decider(subject?: SubjectState) {
  const records = new Map<string, LedgerRecord>()
  let state: SubjectState | undefined = subject
  const ridOf = (command: AdmitCommand | FinishCommand) => ('rid' in command ? command.rid : '')
  const before = (command: AdmitCommand | FinishCommand): LedgerState => ({
    record: records.get(ridOf(command)),
    subjects: [state],
  })
  const take = (command: AdmitCommand | FinishCommand, writes: Writes | undefined) => {
    if (writes?.record !== undefined) records.set(ridOf(command), writes.record)
    if (writes?.subjects !== undefined) [state] = writes.subjects
  }
  return {
    subject: () => state,
    admit(command: AdmitCommand, nowMs = NOW_MS) {
      const { reply, writes } = decideAdmit(before(command), command, nowMs)
      take(command, writes)
      return reply
    },
    finish(command: FinishCommand, nowMs = NOW_MS) {
      const { reply, writes } = decideFinish(before(command), command, nowMs)
      take(command, writes)
      return reply
    },
  }
}

const quota = [{ subject: USER, quotas: [stored(10, 100)] }]
const rate = (incUs: number): Asked[] => [
  { subject: USER, rates: [{ id: 1, incUs, tauUs: BURST_US }] },
]
const at = (window: number, amount = 10): Asked[] => [
  { subject: USER, quotas: [bytes(amount, 100, window)] },
]

describe('the edges of an admission', () => {
  it.each([
    { deadlineMs: NOW_MS, code: 'OK' },
    { deadlineMs: NOW_MS - 1, code: 'STALE' },
    { deadlineMs: 0, code: 'OK' },
  ])('answers $code at the deadline $deadlineMs', ({ deadlineMs, code }) => {
    for (const make of [look, charge]) {
      expect(decider().admit(make(quota, { deadlineMs })).code).toBe(code)
    }
    expect(decider().admit(reserve('up_1', quota, { deadlineMs })).code).toBe(code)
  })

  it.each([
    { startMs: NOW_MS, endMs: NOW_MS + 1, code: 'OK' },
    { startMs: NOW_MS + 1, endMs: NOW_MS + 2, code: 'PERIOD' },
    { startMs: NOW_MS - 1, endMs: NOW_MS, code: 'PERIOD' },
  ])('answers $code from the first to before the last millisecond', ({ code, ...times }) => {
    for (const make of [look, charge]) expect(decider().admit(make(quota, times)).code).toBe(code)
    expect(decider().admit(reserve('up_1', quota, times)).code).toBe(code)
  })

  it('waits exactly as long as the levels say, to the millisecond', () => {
    const ledger = decider()
    ledger.admit(charge(rate(BURST_US)))
    const refused = ledger.admit(charge(rate(SECOND_US)))
    expect(refused).toMatchObject({ code: 'DENIED', levels: [0] })
    expect(ledger.admit(charge(rate(SECOND_US)), NOW_MS + 999)).toMatchObject({ code: 'DENIED' })
    expect(ledger.admit(charge(rate(SECOND_US)), NOW_MS + 1_000)).toMatchObject({ code: 'OK' })
  })

  it('never saves up more than the burst', () => {
    const ledger = decider()
    ledger.admit(charge(rate(SECOND_US)))
    const later = NOW_MS + 86_400_000
    expect(ledger.admit(charge(rate(BURST_US + 1)), later)).toMatchObject({ denied: [1] })
    expect(ledger.admit(charge(rate(BURST_US)), later)).toMatchObject({ levels: [BURST_US] })
    expect(ledger.admit(charge(rate(1)), later)).toMatchObject({ denied: [1], levels: [0] })
  })

  it('refuses a debt of up to a minute beyond the burst: the clock may have told the truth', () => {
    const ledger = decider([1, 1, 1, nowUs + BURST_US + 60_000_000])
    const reply = ledger.admit(charge(rate(SECOND_US)))
    expect(reply).toMatchObject({ code: 'DENIED', levels: [-60_000_000] })
  })

  it('a clock that stepped back by hours: one request passes and leaves the burst used up', () => {
    const ledger = decider([1, 1, 1, nowUs + 3_600 * SECOND_US])
    const first = ledger.admit(charge(rate(SECOND_US)))
    expect(first).toMatchObject({ code: 'OK', levels: [SECOND_US] })
    expect(ledger.admit(charge(rate(SECOND_US)), NOW_MS + 999)).toMatchObject({ code: 'DENIED' })
    expect(ledger.admit(charge(rate(SECOND_US)), NOW_MS + 1_000)).toMatchObject({ code: 'OK' })
  })

  it('a clock that stepped back lets nothing pass that costs more than the whole burst', () => {
    const ledger = decider([1, 1, 1, nowUs + 3_600 * SECOND_US])
    const reply = ledger.admit(charge(rate(BURST_US + 1)))
    expect(reply).toMatchObject({ code: 'DENIED', levels: [BURST_US] })
  })

  it('refuses nobody who asks for nothing, even while a rate is in debt', () => {
    const ledger = decider([1, 1, 1, nowUs + BURST_US + 5 * SECOND_US])
    expect(ledger.admit(look(rate(0)))).toMatchObject({ code: 'OK', levels: [-5 * SECOND_US] })
  })

  it('finds its counters wherever they stand', () => {
    const two: Asked[] = [
      {
        subject: USER,
        rates: [1, 2].map((id) => ({ id, incUs: SECOND_US, tauUs: BURST_US })),
        quotas: everyKind(3),
      },
    ]
    const reversed = two.map(({ subject, rates = [], quotas = [] }) => ({
      subject,
      rates: [...rates].reverse(),
      quotas: [...quotas].reverse(),
    }))
    const ledger = decider()
    ledger.admit(charge(two.map((asked) => ({ ...asked, quotas: [] }))))
    ledger.admit(reserve('up_1', two))
    const reply = ledger.admit(look(reversed))
    expect(reply).toMatchObject({ code: 'DENIED', denied: [1, 2] })
    expect(reply).toMatchObject({ levels: [0, 0, ...Array(6).fill([0, 3]).flat()] })
  })
})

describe('the edges of an ending', () => {
  it.each([
    { nowMs: NOW_MS + 999, code: 'EARLY' },
    { nowMs: NOW_MS + 1_000, code: 'OK' },
  ])('expires from the very millisecond on: $code', ({ nowMs, code }) => {
    const ledger = decider()
    const command = reserve('up_1', quota, { ttlMs: 1_000 })
    ledger.admit(command)
    expect(ledger.finish({ ...ref(command), op: 'X' }, nowMs).code).toBe(code)
  })

  it('keeps of the older windows only the last that had something pending', () => {
    const ledger = decider()
    ledger.admit(charge(at(60)))
    ledger.admit(charge(at(61)))
    expect(ledger.subject()).toEqual([1, 0, 8, 61, 10, 0])
    const command = reserve('up_1', at(62))
    ledger.admit(command)
    ledger.admit(charge(at(63)))
    ledger.admit(charge(at(64)))
    expect(ledger.subject()).toEqual([1, 0, 8, 64, 10, 0, 8, 62, 0, 10])
    ledger.finish({ ...ref(command), op: 'S', ...landed(9) })
    expect(ledger.subject()).toEqual([1, 0, 8, 64, 10, 0, 8, 62, 9, 0])
    ledger.finish({ op: 'A', ...carried(at(65), 'up_2'), expMs: NOW_MS })
    ledger.admit(charge(at(66)))
    expect(ledger.subject()).toEqual([1, 0, 8, 66, 10, 0, 8, 65, 0, 10])
  })

  it('forgets a subject of nothing but totals at zero', () => {
    const ledger = decider()
    const command = reserve('up_1', quota)
    ledger.admit(command)
    expect(ledger.subject()).toEqual([1, 0, 7, 0, 0, 10])
    ledger.finish({ ...ref(command), op: 'V' })
    expect(ledger.subject()).toBeUndefined()
  })

  it('keeps a subject with a window, a rate or a total that is not zero', () => {
    const kept: Asked[] = [
      ...at(60),
      { subject: USER, rates: [{ id: 1, incUs: 0, tauUs: 1 }], quotas: [stored(1, 9)] },
    ]
    for (const asked of kept) {
      const ledger = decider()
      const command = reserve('up_1', [asked])
      ledger.admit(command)
      ledger.finish({ ...ref(command), op: 'V' })
      expect(ledger.subject()).toBeDefined()
    }
  })

  it('denies a late object nothing that it does not add to', () => {
    const full = [1, 0, 7, 0, 100, 0]
    const asked: Asked[] = [{ subject: USER, quotas: [stored(10, 50)] }]
    const smaller = { ...carried(asked, 'up_1'), actualBytes: 10, objectsDelta: 0 }
    expect(decider(full).finish({ op: 'L', ...smaller, storedDelta: -5 })).toMatchObject({
      code: 'OK',
    })
    expect(decider(full).finish({ op: 'L', ...smaller, storedDelta: 1 })).toMatchObject({
      code: 'DENIED',
      denied: [1],
    })
  })

  it('lets a late object fill a limit to the last byte', () => {
    const ledger = (limit: number) => {
      const asked: Asked[] = [{ subject: USER, quotas: [stored(10, limit)] }]
      return decider([1, 0, 7, 0, 60, 30]).finish({
        op: 'L',
        ...carried(asked, 'up_1'),
        ...landed(10),
      })
    }
    expect(ledger(100)).toMatchObject({ code: 'OK' })
    expect(ledger(99)).toMatchObject({ code: 'DENIED' })
  })
})
