import { describe, expect, it } from 'vitest'
import { withDenyCache } from '../../src/ledger/deny-cache.ts'
import { openMemoryLedger } from '../../src/ledger/memory.ts'
import { type AdmitCommand, KIND, type Ledger, type ReserveCommand } from '../../src/ledger/port.ts'
import { START_MS } from '../contract/ledger-commands.ts'
import { TestClock } from '../support/test-clock.ts'

const [USER_RATE, TENANT_RATE, BYTES] = [11, 12, 21]
const WINDOW = START_MS / 60_000
const HOUR_MS = 3_600_000
const SECOND_US = 1_000_000

interface Asked {
  readonly op?: 'R' | 'C' | 'Q'
  readonly replayable?: boolean
  readonly user?: string
  /** Requests; both rates take one a second. Default 1. */
  readonly cost?: number
  readonly bytes?: number
  /** Of the user's rate, in requests. Default 3; the tenant's is 100. */
  readonly burst?: number
  readonly tenantBurst?: number
  /** Of bytes in the running hour. Default 1,000. */
  readonly limit?: number
  readonly window?: number
  readonly lock?: string
}

let rids = 0

function asked(options: Asked = {}): AdmitCommand {
  const { op = 'C', user = 'u-alice', cost = 1, bytes = 0, burst = 3, tenantBurst = 100 } = options
  const { limit = 1_000, window = WINDOW, lock, replayable = false } = options
  const inc = cost * SECOND_US
  const from = window * 60_000
  const admission = {
    partition: 0,
    subjects: [user, 't-acme', ...(lock === undefined ? [] : [lock])],
    hold: [1, BYTES, window, bytes, KIND.bytes, 0, ...(lock ? [1, 99, 0, 1, KIND.slot] : [])],
    check: [
      ...[from, from + HOUR_MS],
      ...[1, USER_RATE, inc, burst * SECOND_US, limit],
      ...[1, TENANT_RATE, inc, tenantBurst * SECOND_US],
      ...(lock ? [0, 1] : []),
    ],
    deadlineMs: 0,
  }
  if (op !== 'R') return { ...admission, op }
  rids += 1
  const rid = `up_${rids}`
  const times = { ttlMs: 10_000, lookMs: 5_000 }
  return { ...admission, ...times, op, rid, fingerprint: rid, note: '{}', replayable }
}

/** A cache before a memory ledger, one that counts decisions and can stop answering. */
function fixture({ maxEntries }: { maxEntries?: number } = {}) {
  const clock = new TestClock(START_MS)
  const memory = openMemoryLedger({ clock })
  const seen = { calls: 0, hits: 0 }
  let lagMs = 0
  let broken = false
  const counted: Ledger = {
    ...memory,
    admit(command) {
      seen.calls += 1
      clock.advance(lagMs)
      if (broken) return Promise.reject(new Error('away'))
      return memory.admit(command)
    },
  }
  const ledger = withDenyCache(counted, {
    clock,
    ledgerTime: clock,
    onHit: () => {
      seen.hits += 1
    },
    ...(maxEntries !== undefined && { maxEntries }),
  })
  const ask = async (options?: Asked) => {
    const before = seen.calls
    const reply = await ledger.admit(asked(options))
    return { ...reply, asked: seen.calls > before }
  }
  const spend = async (times: number, options?: Asked) => {
    for (let time = 0; time < times; time += 1) {
      expect(await ask(options)).toMatchObject({ code: 'OK' })
    }
  }
  const lag = (ms: number) => {
    lagMs = ms
  }
  const breakDown = (down: boolean) => {
    broken = down
  }
  return { clock, memory, ledger, ask, spend, seen, lag, breakDown }
}

const GRANTED = { code: 'OK', asked: true }
const REFUSED = { code: 'DENIED', asked: true }
const RECALLED = { code: 'DENIED', asked: false }

describe('withDenyCache', () => {
  it('999 ms refuses, 1,000 ms grants, and the ledger hears of the first and the last alone', async () => {
    const { clock, ask, spend, seen } = fixture()
    await spend(3)
    expect(await ask()).toMatchObject(REFUSED)
    for (let ms = 0; ms < 999; ms += 1) {
      clock.advance(1)
      expect(await ask()).toMatchObject(RECALLED)
    }
    clock.advance(1)
    expect(await ask()).toMatchObject(GRANTED)
    expect(seen).toEqual({ calls: 5, hits: 999 })
  })

  it('says at any millisecond what the ledger itself would say: denied, levels and time', async () => {
    const { clock, memory, ledger, spend } = fixture()
    await spend(3)
    await ledger.admit(asked({ cost: 2 }))
    for (let ms = 0; ms < 2_000; ms += 7) {
      const truth = await memory.admit(asked({ cost: 2, op: 'Q' }))
      const reply = await ledger.admit(asked({ cost: 2 }))
      expect(reply).toEqual({ ...truth, remembered: true })
      clock.advance(7)
    }
  })

  it('a slow answer makes no refusal longer: time counts from before the question', async () => {
    const { clock, ask, spend, lag } = fixture()
    await spend(3)
    lag(400)
    // Decided 400 ms after it was asked, with 600 ms left then.
    expect(await ask()).toMatchObject({ ...REFUSED, levels: [400_000, 0, 0, 97_400_000] })
    lag(0)
    clock.advance(599)
    expect(await ask()).toMatchObject(REFUSED)
    clock.advance(1)
    expect(await ask()).toMatchObject(GRANTED)
  })

  it('answers higher costs without the ledger; what would fit by now is asked for', async () => {
    const { clock, ask, spend } = fixture({})
    await spend(1)
    expect(await ask({ cost: 3 })).toMatchObject({ ...REFUSED, denied: [1] })
    expect(await ask({ cost: 3 })).toMatchObject(RECALLED)
    expect(await ask({ cost: 2 })).toMatchObject(GRANTED)
    expect(await ask({ cost: 2 })).toMatchObject(REFUSED)
    clock.advance(1_000)
    expect(await ask({ cost: 2 })).toMatchObject(RECALLED)
    expect(await ask({ cost: 3 })).toMatchObject(RECALLED)
    expect(await ask({ cost: 1 })).toMatchObject(GRANTED)
  })

  it('names all rates that refuse what is asked now, and no longer one that has healed', async () => {
    const { clock, ask, spend } = fixture()
    await spend(3, { tenantBurst: 4 })
    expect(await ask({ tenantBurst: 4 })).toMatchObject({ ...REFUSED, denied: [1] })
    expect(await ask({ cost: 2, tenantBurst: 4 })).toMatchObject({ ...RECALLED, denied: [1, 3] })
    clock.advance(1_000)
    expect(await ask({ cost: 2, tenantBurst: 4 })).toMatchObject({ ...RECALLED, denied: [1] })
  })

  it('asks again whenever a quota refuses: as seen, or for what is asked now', async () => {
    const { ask, spend } = fixture()
    const op = 'R'
    await spend(3, { op, bytes: 300 })
    for (let time = 0; time < 3; time += 1) {
      expect(await ask({ op, bytes: 101 })).toMatchObject({ ...REFUSED, denied: [1, 2] })
    }
    expect(await ask({ op, bytes: 100 })).toMatchObject(REFUSED)
    expect(await ask({ op, bytes: 100 })).toMatchObject({ ...RECALLED, denied: [1] })
    expect(await ask({ op, bytes: 101 })).toMatchObject({ ...REFUSED, denied: [1, 2] })
    expect(await ask({ op, bytes: 101, burst: 100 })).toMatchObject({ ...REFUSED, denied: [2] })
    expect(await ask({ op, bytes: 101, burst: 100 })).toMatchObject({ ...REFUSED, denied: [2] })
  })

  it('never answers a look, nor a request with a caller’s key', async () => {
    const { ledger, ask, spend, seen } = fixture()
    const first = asked({ op: 'R', replayable: true })
    await ledger.admit(first)
    await spend(2)
    expect(await ask()).toMatchObject(REFUSED)
    expect(await ledger.admit(first)).toMatchObject({ code: 'EXISTS' })
    expect(await ask({ op: 'R', replayable: true })).toMatchObject(REFUSED)
    expect(await ask({ op: 'Q' })).toMatchObject(REFUSED)
    expect(await ask({ op: 'R' })).toMatchObject(RECALLED)
    expect(seen.hits).toBe(1)
  })

  it('a limit that was raised, lowered or replaced takes effect on the next decision', async () => {
    const { ask, spend } = fixture()
    await spend(3)
    expect(await ask()).toMatchObject(REFUSED)
    expect(await ask({ burst: 4 })).toMatchObject(GRANTED)
    expect(await ask({ burst: 4 })).toMatchObject(REFUSED)
    expect(await ask({ burst: 2 })).toMatchObject(REFUSED)
    expect(await ask({ burst: 2 })).toMatchObject(RECALLED)
    // Twice as many per second, and a burst of as many seconds: the same room, half the cost.
    expect(await ask({ burst: 3 })).toMatchObject(REFUSED)
    expect(await ask({ burst: 3, cost: 0.5 })).toMatchObject(RECALLED)
  })

  it('does not carry quotas over into the next window', async () => {
    const { clock, ask, spend } = fixture()
    clock.advance(HOUR_MS - 100)
    await spend(3)
    expect(await ask()).toMatchObject(REFUSED)
    expect(await ask()).toMatchObject(RECALLED)
    clock.advance(100)
    expect(await ask()).toMatchObject({ code: 'PERIOD', asked: true })
    expect(await ask({ window: WINDOW + 60 })).toMatchObject(REFUSED)
    expect(await ask({ window: WINDOW + 60 })).toMatchObject(RECALLED)
  })

  it('remembers what never fits for a second: it has no end', async () => {
    const { clock, ask } = fixture()
    expect(await ask({ cost: 4 })).toMatchObject(REFUSED)
    clock.advance(999)
    expect(await ask({ cost: 4 })).toMatchObject(RECALLED)
    expect(await ask({ cost: 3, op: 'Q' })).toMatchObject(GRANTED)
    clock.advance(1)
    expect(await ask({ cost: 4 })).toMatchObject(REFUSED)
  })

  it('a batch is refused by what is remembered of one, and not the other way round', async () => {
    const { ledger, ask, spend, seen } = fixture()
    const batch = (count: number): AdmitCommand => {
      const command = asked({ op: 'R', cost: count, bytes: count }) as ReserveCommand
      const each = Array.from({ length: count }, (_, n) => ({
        rid: n === 0 ? command.rid : `${command.rid}-${n}`,
        hold: command.hold.with(3, 1),
        note: '{}',
      }))
      return { ...command, each }
    }
    await spend(1)
    const refused = { code: 'DENIED', denied: [1] }
    expect(await ledger.admit(batch(3))).toMatchObject(refused)
    expect(await ledger.admit(batch(3))).toMatchObject({ ...refused, remembered: true })
    expect(await ask({ op: 'R' })).toMatchObject(GRANTED)
    expect(await ledger.admit(batch(1))).toMatchObject({ code: 'OK' })
    expect(await ask({ op: 'R' })).toMatchObject(REFUSED)
    const calls = seen.calls
    expect(await ledger.admit(batch(2))).toMatchObject({ ...refused, remembered: true })
    expect(seen.calls).toBe(calls)
  })

  it('one user’s refusal is not another’s', async () => {
    const { ask, spend } = fixture()
    await spend(3)
    expect(await ask()).toMatchObject(REFUSED)
    expect(await ask({ user: 'u-bob' })).toMatchObject(GRANTED)
    expect(await ask()).toMatchObject(RECALLED)
  })

  it('overwrites of ever new objects are one flood, not as many', async () => {
    const { ask, spend, seen } = fixture()
    await spend(3)
    for (let object = 0; object < 50; object += 1) {
      const refused = { code: 'DENIED', denied: [1] }
      expect(await ask({ op: 'R', lock: `o-${object}` })).toMatchObject(refused)
    }
    expect(seen).toEqual({ calls: 4, hits: 49 })
  })

  it('remembers at most so many: the oldest is asked again', async () => {
    const { ask, spend } = fixture({ maxEntries: 2 })
    for (const user of ['u-1', 'u-2', 'u-3']) {
      await spend(3, { user })
      expect(await ask({ user })).toMatchObject(REFUSED)
    }
    expect(await ask({ user: 'u-3' })).toMatchObject(RECALLED)
    expect(await ask({ user: 'u-2' })).toMatchObject(RECALLED)
    expect(await ask({ user: 'u-1' })).toMatchObject(REFUSED)
    expect(await ask({ user: 'u-2' })).toMatchObject(REFUSED)
  })

  it('asks when our clock has stepped back, as it cannot tell what has passed', async () => {
    const { clock, ask, spend } = fixture()
    await spend(3)
    expect(await ask()).toMatchObject(REFUSED)
    clock.advance(-1)
    expect(await ask()).toMatchObject({ asked: true })
  })

  it('forgets what our clock cannot date any more, whatever becomes of the question', async () => {
    const { clock, ask, spend, breakDown } = fixture()
    await spend(3)
    expect(await ask()).toMatchObject(REFUSED)
    clock.advance(-1)
    breakDown(true)
    await expect(ask()).rejects.toThrow('away')
    breakDown(false)
    clock.advance(1)
    expect(await ask()).toMatchObject(REFUSED)
  })

  it('hands everything else through, and asks for the salt only when somebody wants it', () => {
    const clock = new TestClock()
    const unknown = { ...openMemoryLedger({ clock }) }
    Object.defineProperty(unknown, 'salt', {
      get: () => {
        throw new Error('not known yet')
      },
    })
    const ledger = withDenyCache(unknown, { clock, ledgerTime: clock })
    expect(ledger.partitions).toBe(unknown.partitions)
    expect(() => ledger.salt).toThrow('not known yet')
    Object.defineProperty(unknown, 'salt', { get: () => 'known' })
    expect(ledger.salt).toBe('known')
  })
})
