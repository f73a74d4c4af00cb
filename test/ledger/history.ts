import { expect } from 'vitest'
import type { AdmitCommand, FinishCommand } from '../../src/ledger/port.ts'
import type { LedgerModel } from './ledger-model.ts'
import {
  admitCommand,
  digestOfModel,
  digestOfRecords,
  digestOfSubjects,
  finishCommand,
  recordsOfModel,
} from './model-encoding.ts'
import { type Ask, createStepper, START, type Step } from './model-steps.ts'

/** One thing that happens to every implementation, at a time of the ledger's clock. */
export type LogEvent = { readonly nowMs: number } & (
  | { readonly what: 'command'; readonly ask: Ask; readonly command: AdmitCommand | FinishCommand }
  /** The same command, of a gateway that believes in an epoch that is over. */
  | { readonly what: 'fenced'; readonly command: AdmitCommand | FinishCommand }
  | { readonly what: 'claim' }
  /** A subject's state is gone: evicted, or its deletion came too early. */
  | { readonly what: 'loss'; readonly subject: string }
  /** All that is stored is compared. */
  | { readonly what: 'look' }
)

/**
 * What became of each event, as text that two implementations can compare: a reply, claimed rids, or
 * all that is stored. `undefined`: not asked of this one.
 */
export type Outcome = string | undefined

/** Plays a whole log on a fresh, empty ledger. */
export interface Player {
  readonly name: string
  /** Its clock never goes back: of no use for a log whose clock does. */
  readonly steady: boolean
  play(log: readonly LogEvent[]): Promise<Outcome[]>
}

export const CLAIM = { partition: 0, limit: 3, leaseMs: 30_000 }

const LOOK_EVERY = 30

/** Steps as a log. `goesBack`: the clock may step back; else such steps stay where they are. */
export function logOf(steps: readonly Step[], goesBack: boolean): LogEvent[] {
  const stepper = createStepper()
  const log: LogEvent[] = []
  let nowMs = START
  for (const [index, step] of steps.entries()) {
    const moveMs = stepper.tickOf(step)
    if (moveMs > 0 || goesBack) nowMs += moveMs
    const { what, pick, user, variant } = step
    if (what === 'loss') {
      log.push({ nowMs, what, subject: pick % 2 === 0 ? 'tenant' : `user-${user}` })
    }
    if (what === 'claim') log.push({ nowMs, what })
    const ask = stepper.askOf(step, nowMs)
    if (ask !== undefined) {
      const command = 'admit' in ask ? admitCommand(ask.admit) : finishCommand(ask.finish)
      if (variant % 25 === 7) log.push({ nowMs, what: 'fenced', command })
      log.push({ nowMs, what: 'command', ask, command })
      // The reply was lost, and the same command comes at once again.
      if (variant % 5 === 0 && command.op !== 'C')
        log.push({ nowMs, what: 'command', ask, command })
    }
    if (index % LOOK_EVERY === LOOK_EVERY - 1) log.push({ nowMs, what: 'look' })
  }
  log.push({ nowMs, what: 'look' })
  return log
}

/** A reply as text; the order of its members says nothing. */
export function replyText(reply: object): string {
  return JSON.stringify(Object.entries(reply).sort(([a], [b]) => (a < b ? -1 : 1)))
}

export function claimText(rids: readonly string[]): string {
  return `claimed ${rids.join(' ')}`
}

export function stateText(
  subjects: Parameters<typeof digestOfSubjects>[0],
  records: Parameters<typeof digestOfRecords>[0],
): string {
  return `${digestOfSubjects(subjects)}\n${digestOfRecords(records)}`
}

export function stateTextOfModel(model: LedgerModel): string {
  return `${digestOfModel(model)}\n${digestOfRecords(recordsOfModel(model))}`
}

/** Every reply that a history can bring out, by operation. */
const EVERY_REPLY = {
  R: 'OK EXISTS CONFLICT DENIED STALE PERIOD',
  batch: 'OK EXISTS CONFLICT DENIED STALE PERIOD',
  Q: 'OK DENIED STALE PERIOD',
  C: 'OK DENIED STALE PERIOD',
  S: 'OK DUP TERMINAL UNKNOWN CONFLICT CORRUPT',
  V: 'OK DUP TERMINAL UNKNOWN CONFLICT CORRUPT',
  X: 'OK DUP TERMINAL UNKNOWN CONFLICT CORRUPT EARLY',
  M: 'OK TERMINAL UNKNOWN CONFLICT',
  L: 'OK DENIED EXISTS CONFLICT CORRUPT',
  G: 'OK TERMINAL UNKNOWN CONFLICT',
  A: 'OK EXISTS CONFLICT CORRUPT',
}
const LEAST_ADMITTED = 0.3

/** What a command is counted as: its operation, and a batch by itself. */
export function nameOf(command: AdmitCommand | FinishCommand): string {
  return command.op === 'R' && command.each !== undefined ? 'batch' : command.op
}

/** That the histories were worth playing: no reply is missing, and enough was let in. */
export function expectWorthwhile(seen: ReadonlyMap<string, number>): void {
  const expected = Object.entries(EVERY_REPLY).flatMap(([op, codes]) =>
    codes.split(' ').map((code) => `${op} ${code}`),
  )
  expect(new Set(seen.keys())).toEqual(new Set(expected))
  const decided = ['OK', 'DENIED', 'STALE', 'PERIOD'].map((code) => seen.get(`R ${code}`) ?? 0)
  const all = decided.reduce((sum, number) => sum + number, 0)
  expect((seen.get('R OK') ?? 0) / all).toBeGreaterThanOrEqual(LEAST_ADMITTED)
}
