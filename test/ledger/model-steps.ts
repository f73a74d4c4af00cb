import fc from 'fast-check'
import type { Admission, Finishing, ModelClaim, ModelRate, Share } from './ledger-model.ts'
import { partsOf, sharesOf } from './model-batch.ts'

/** Where every history begins: two minutes before the day ends. */
export const START = Date.UTC(2026, 2, 28, 23, 58)

/** One random step; `createStepper` gives its numbers a meaning in the world as it is by then. */
export interface Step {
  readonly what: What
  readonly pick: number
  readonly variant: number
  readonly size: number
  readonly user: number
  readonly skewMs: number
}
export type What =
  | 'R'
  | 'Q'
  | 'C'
  | 'S'
  | 'V'
  | 'X'
  | 'M'
  | 'L'
  | 'G'
  | 'A'
  | 'claim'
  | 'again'
  | 'tick'
  | 'back'
  | 'limits'
  | 'loss'

const WEIGHTS: Readonly<Record<What, number>> = {
  R: 30,
  Q: 4,
  C: 5,
  S: 14,
  V: 6,
  X: 6,
  M: 5,
  L: 10,
  G: 5,
  A: 4,
  claim: 2,
  again: 10,
  tick: 18,
  back: 1,
  limits: 2,
  loss: 1,
}

/** The port's largest amount. */
const MOST = 2 ** 50

/** One history in thirty is of giants: put back often enough, they are more than a counter holds. */
export const steps = (length: number): fc.Arbitrary<Step[]> =>
  fc.oneof(
    { weight: 29, arbitrary: stepsOf(length, WEIGHTS, [0, 1, 5, 10, 25, 60, MOST]) },
    { weight: 1, arbitrary: stepsOf(length, { ...WEIGHTS, A: 60 }, [MOST, MOST - 7, MOST / 2, 0]) },
  )

const stepsOf = (length: number, weights: typeof WEIGHTS, sizes: readonly number[]) =>
  fc.array(
    fc.record({
      what: fc.oneof(
        ...Object.entries(weights).map(([what, weight]) => ({
          weight,
          arbitrary: fc.constant(what as What),
        })),
      ),
      pick: fc.nat(10_000),
      variant: fc.nat(99),
      size: fc.constantFrom(...sizes),
      user: fc.nat(1),
      // Gateways whose clocks are wrong: without them the period check could be left out unnoticed.
      skewMs: fc.oneof(
        { weight: 12, arbitrary: fc.constant(0) },
        { weight: 1, arbitrary: fc.constantFrom(-61_000, -30_000, 30_000, 61_000, -86_400_000) },
      ),
    }),
    { minLength: length, maxLength: length },
  )

const MINUTE = 60_000
const DAY = 86_400_000
const TICKS = [0, 1, 250, 1_000, 5_000, 20_000, MINUTE, MINUTE + 1, 10 * MINUTE, DAY]
const BACKS = [-1, -1_000, -30_000, -61_000, -10 * MINUTE]
const PLANS = [
  { bytes: 200, uploads: 20, requests: 60, stored: 400, slots: 8, objects: 30, burst: 20 },
  { bytes: 60, uploads: 4, requests: 15, stored: 120, slots: 3, objects: 6, burst: 4 },
  { bytes: 0, uploads: 1, requests: 2, stored: 1, slots: 1, objects: 1, burst: 1 },
  {
    bytes: 2 ** 50,
    uploads: 999,
    requests: 999,
    stored: 2 ** 50,
    slots: 99,
    objects: 999,
    burst: 99,
  },
]

interface Known {
  readonly rid: string
  readonly fingerprint: string
  readonly shares: readonly Share[]
  readonly step: Step
}

export type Ask = { readonly admit: Admission } | { readonly finish: Finishing }

/** The same limits with nothing asked of them: what a look at the usage does. */
const nothing = (share: Share): Share => ({
  ...share,
  rates: share.rates.map((rate) => ({ ...rate, costUs: 0 })),
  claims: share.claims.map((claim) => ({ ...claim, amount: 0 })),
})

/** Turns steps into commands; remembers what was asked, so that it can come again. */
export function createStepper() {
  let plan = PLANS[0] as (typeof PLANS)[number]
  let serial = 0
  const reserved: Known[] = []
  const asked: Ask[] = []

  function share(step: Omit<Step, 'variant'>, nowMs: number, requestsOnly: boolean, lock: boolean) {
    const at = nowMs + step.skewMs
    const minute = Math.floor(at / MINUTE)
    const day = Math.floor(at / DAY) * 1_440
    const size = requestsOnly ? 0 : step.size
    const one = requestsOnly ? 0 : 1
    const claim = (
      id: number,
      counted: ModelClaim['counted'],
      window: number,
      amount: number,
      allowed: number,
    ) => ({ id, counted, window, amount, allowed })
    const rate = (id: number, factor: number): ModelRate => ({
      id,
      costUs: 1_000_000 * factor,
      burstUs: 1_000_000 * factor * plan.burst,
    })
    const shares: Share[] = [
      {
        subject: `user-${step.user}`,
        rates: [rate(1, 1), rate(2, 60)],
        claims: [
          claim(10, 'bytes', minute, size, plan.bytes),
          claim(11, 'uploads', minute, one, plan.uploads),
          claim(12, 'requests', minute, 1, plan.requests),
          claim(13, 'stored', 0, size, plan.stored),
          claim(14, 'slot', 0, one, plan.slots),
        ],
      },
      {
        subject: 'tenant',
        rates: [rate(3, 1)],
        claims: [
          claim(20, 'bytes', day, size, Math.min(MOST, plan.bytes * 4)),
          claim(21, 'objects', 0, one, plan.objects),
          claim(22, 'requests', day, 1, plan.requests * 3),
        ],
      },
    ]
    if (lock) {
      shares.push({
        subject: `lock-${step.pick % 2}`,
        rates: [],
        claims: [claim(30, 'slot', 0, 1, 1)],
      })
    }
    return {
      shares,
      from: Math.max(minute * MINUTE, day * MINUTE),
      until: Math.min((minute + 1) * MINUTE, day * MINUTE + DAY),
    }
  }

  function admission(step: Step, nowMs: number): Ask {
    const op = step.what as 'R' | 'Q' | 'C'
    const { variant, pick } = step
    const repeated =
      op === 'R' && variant < 8 ? reserved[pick % Math.max(1, reserved.length)] : undefined
    // The same rid always names the same subjects; windows may have moved on since.
    const { variant: first, ...who } = repeated?.step ?? step
    const measured = share(
      { ...who, skewMs: step.skewMs },
      nowMs,
      op === 'C',
      op === 'R' && first % 7 === 0,
    )
    const asking =
      op === 'Q' && variant % 2 === 0
        ? { ...measured, shares: measured.shares.map(nothing) }
        : measured
    const fresh = `up_${(serial++).toString(36).padStart(6, '0')}`
    const rid = repeated?.rid ?? fresh
    const fingerprint = variant % 2 === 0 ? (repeated?.fingerprint ?? `fp ${rid}`) : `fp ${rid}`
    const deadlineMs = variant >= 95 ? nowMs - 1 : variant >= 90 ? 0 : nowMs + 1_000
    const ttlMs = 5_000 + variant * 100
    const admit = {
      ...asking,
      op,
      rid,
      fingerprint: variant === 4 ? 'fp of another' : fingerprint,
      deadlineMs,
      ttlMs,
      lookMs: ttlMs / 2,
      note: `{"n":${serial}}`,
    }
    if (op === 'R' && repeated === undefined && pick % 6 === 1) {
      return { admit: batched(admit, step, nowMs) }
    }
    if (op === 'R' && repeated === undefined)
      reserved.push({ rid, fingerprint, shares: measured.shares, step })
    return { admit }
  }

  /** The same as a batch of two to four; now and then one of them is known already. */
  function batched(admit: Admission, step: Step, nowMs: number): Admission {
    const { pick, variant } = step
    const { rid, fingerprint } = admit
    const parts = partsOf(step.size, 2 + (pick % 3))
    const batch = parts.map((size, n) => {
      const own = { ...step, size }
      const { shares } = share(own, nowMs, false, false)
      const name = n === 0 ? rid : `${rid}-${n}`
      return { rid: name, shares, note: `{"n":"${name}"}`, step: { ...own, variant: 1 } }
    })
    for (const { note: _, ...one } of batch) reserved.push({ ...one, fingerprint })
    const known = reserved[pick % reserved.length]
    const last = batch.at(-1)
    if (variant % 4 === 0 && known && last && batch.every((one) => one.rid !== known.rid)) {
      batch.splice(-1, 1, { ...last, rid: known.rid })
    }
    return { ...admit, shares: sharesOf(batch), batch }
  }

  function finishing(step: Step, nowMs: number): Ask {
    const op = step.what as Finishing['op']
    const { variant, pick } = step
    // Mostly the youngest, as in life; sometimes any, sometimes one that the ledger never saw.
    const recent = reserved.slice(variant % 3 === 0 ? 0 : -6)
    const known =
      variant < 94 && !(op === 'A' && variant < 40) && !(op === 'L' && variant < 15)
        ? recent[pick % Math.max(1, recent.length)]
        : undefined
    const locked = pick % 2 === 0
    const lost = `up_lost-${step.user}-${op === 'A' ? pick : pick % 8}`
    const {
      rid,
      fingerprint,
      shares,
      step: { size },
    } = known ?? {
      rid: lost,
      fingerprint: `fp ${lost}`,
      step,
      shares: share(step, nowMs, false, locked).shares,
    }
    const bytes =
      variant % 10 === 0
        ? Math.min(MOST, size + 7)
        : variant % 10 === 1
          ? Math.floor(size / 2)
          : size
    const stored = variant % 10 === 2 ? bytes - 20 : variant % 10 === 3 ? -bytes : bytes
    const note =
      variant % 4 === 0 && op !== 'L' && op !== 'A' ? undefined : `{"by":"${op}","n":${pick}}`
    return {
      finish: {
        op,
        rid,
        fingerprint: variant === 33 ? 'fp of another' : fingerprint,
        // A plan may have changed since: limits are today's.
        shares: shares.map((s) => ({
          ...s,
          claims: s.claims.map((c) => ({ ...c, allowed: today(c) })),
        })),
        actual: { bytes, stored, objects: variant % 10 === 3 ? -1 : variant % 10 === 2 ? 0 : 1 },
        lookMs: op === 'M' && variant % 3 === 0 ? undefined : 1_000 + variant,
        expMs: op === 'M' && variant % 2 === 0 ? undefined : nowMs + variant * 500,
        note,
      },
    }
  }

  function today({ id, allowed }: ModelClaim): number {
    const limits: Record<number, number> = {
      10: plan.bytes,
      11: plan.uploads,
      12: plan.requests,
      13: plan.stored,
      14: plan.slots,
      20: Math.min(MOST, plan.bytes * 4),
      21: plan.objects,
      22: plan.requests * 3,
    }
    return limits[id] ?? allowed
  }

  return {
    /** The command of a step; none for one that only changes the world. */
    askOf(step: Step, nowMs: number): Ask | undefined {
      if (step.what === 'limits') plan = PLANS[step.pick % PLANS.length] ?? plan
      if (step.what === 'again')
        return asked[asked.length - 1 - (step.pick % Math.max(1, Math.min(asked.length, 12)))]
      if (!/^[A-Z]$/.test(step.what)) return undefined
      const ask = 'RQC'.includes(step.what) ? admission(step, nowMs) : finishing(step, nowMs)
      // A charge is never retried; all else may come again at any time.
      if (step.what !== 'C') asked.push(ask)
      return ask
    },
    tickOf({ what, pick }: Step): number {
      const moves = what === 'tick' ? TICKS : what === 'back' ? BACKS : [0]
      return moves[pick % moves.length] ?? 0
    },
  }
}
