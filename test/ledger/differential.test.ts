import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { openRedisServer } from '../support/redis/redis-server.ts'
import {
  expectWorthwhile,
  type LogEvent,
  logOf,
  nameOf,
  type Outcome,
  type Player,
} from './history.ts'
import { steps } from './model-steps.ts'
import { decidePlayer, memoryPlayer, modelPlayer, sqlitePlayer } from './players.ts'
import { openLink } from './redis-fixture.ts'
import { redisPlayer } from './redis-player.ts'
import { newDatabasePath, removeSqliteFiles } from './sqlite-fixture.ts'

const RUNS = 540
const STEPS = 110
const MIN_COMMANDS = 100_000
/** It computes for 25 seconds all in all; a machine that others use as well may take much longer. */
const TIMEOUT_MS = 180_000
/** Before the test is ended, so that a failure has the time to say what it found. */
const STOP_AFTER_MS = 170_000
const FIXED_SEED = 20_260_328
const randomSeed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
const redis = inject('redis')

describe('one log on every implementation of the ledger', { timeout: TIMEOUT_MS }, () => {
  const opened = new AsyncDisposableStack()
  const players: Player[] = [modelPlayer, memoryPlayer]
  /** Commands decided, by implementation. */
  const played = new Map<string, number>()
  /** Replies, by operation and code. */
  const seen = new Map<string, number>()
  /** Operations that Lua was given under an epoch that is over. */
  const fenced = new Set<string>()
  let playing = Promise.resolve()

  beforeAll(async () => {
    const database = new DatabaseSync(newDatabasePath())
    opened.defer(() => database.close())
    players.push(sqlitePlayer(database))
    if (redis.kind === 'unavailable') return
    const server = opened.use(await openRedisServer())
    const link = await openLink(server.port)
    opened.defer(() => link.close())
    players.push(await redisPlayer(link))
  })
  afterAll(async () => {
    await opened.disposeAsync()
    removeSqliteFiles()
  })

  async function play(log: readonly LogEvent[], goesBack: boolean): Promise<void> {
    const able = players.filter(({ steady }) => !(goesBack && steady))
    // All at once: the server computes while we do.
    const [expected = [], ...others] = await Promise.all(
      [decidePlayer, ...able].map((player) => player.play(log)),
    )
    for (const [index, outcomes] of others.entries()) {
      const name = able[index]?.name ?? ''
      expectSame(name, outcomes, { log, expected })
      played.set(name, (played.get(name) ?? 0) + log.filter(isDecided).length)
    }
    for (const [index, event] of log.entries()) {
      if (event.what === 'fenced') fenced.add(nameOf(event.command))
      if (event.what !== 'command') continue
      const code = /"code","(\w+)"/.exec(expected[index] ?? '')?.[1]
      const reply = `${nameOf(event.command)} ${code}`
      seen.set(reply, (seen.get(reply) ?? 0) + 1)
    }
  }

  it.each([
    ['fixed', FIXED_SEED],
    ['random', randomSeed],
  ])('gives the same replies and leaves the same state (%s seed %d)', async (_, seed) => {
    const logs = fc.record({ list: steps(STEPS), dice: fc.nat(9) })
    const property = fc.asyncProperty(logs, async ({ list, dice }) => {
      const goesBack = dice === 0
      // One that was interrupted may still be under way, on the same servers.
      await playing.catch(() => undefined)
      playing = play(logOf(list, goesBack), goesBack)
      await playing
    })
    await fc.assert(property, { seed, numRuns: RUNS, interruptAfterTimeLimit: STOP_AFTER_MS })
  })

  it('has shown every reply of every operation, and has admitted what was asked', () => {
    expectWorthwhile(seen)
  })

  it.each(['the model', 'memory', 'SQLite'])(`has put ${MIN_COMMANDS} commands to %s`, (name) => {
    expect(played.get(name)).toBeGreaterThanOrEqual(MIN_COMMANDS)
  })

  it.skipIf(redis.kind === 'unavailable')(
    `has put ${MIN_COMMANDS} commands to Lua, and fenced each operation`,
    () => {
      expect(played.get('Lua')).toBeGreaterThanOrEqual(MIN_COMMANDS)
      expect(fenced).toEqual(new Set([...'RQCSVXMLGA', 'batch']))
    },
  )
})

function isDecided({ what }: LogEvent): boolean {
  return what === 'command' || what === 'claim'
}

/** Compares texts by themselves, as `expect` is slow; its words are for the first difference. */
function expectSame(
  name: string,
  outcomes: readonly Outcome[],
  { log, expected }: { log: readonly LogEvent[]; expected: readonly Outcome[] },
): void {
  for (const [index, event] of log.entries()) {
    if (outcomes[index] === expected[index]) continue
    const asked = 'command' in event ? JSON.stringify(event.command) : event.what
    expect(outcomes[index], `${name}, event ${index}: ${asked}`).toBe(expected[index])
  }
}
