import { epochKey } from '../../src/ledger/redis/keys.ts'
import type { RedisCommand, RedisLink } from '../../src/ledger/redis/redis-link.ts'
import { admitCall } from '../../src/ledger/redis/script-calls.ts'
import { scriptTexts } from '../../src/ledger/redis/scripts/load-scripts.ts'
import { PARTITIONS } from '../../src/ledger/redis/tags.ts'
import { openLink, TEST_SALT } from '../ledger/redis-fixture.ts'
import { reservations } from './ledger-load.ts'

/** Some 3 ms of Redis: short enough to go through without losing the processor now and then. */
const DECISIONS = 128
const BATCH = 64

/** Decisions on one server, straight to its scripts: what Redis itself says they cost. */
export interface CostProbe {
  /** Microseconds of Redis a decision, over 128 of them. */
  decide(): Promise<number>
  /** The same of a script that does nothing. */
  idle(): Promise<number>
  close(): Promise<void>
}

/** For an initialised server. */
export async function openCostProbe(port: number): Promise<CostProbe> {
  const link = await openLink(port)
  const next = reservations({ partitions: PARTITIONS, salt: TEST_SALT })
  const epoch = await ask(link, 'GET', epochKey(next().partition))
  const reserve = await ask(link, 'SCRIPT', 'LOAD', scriptTexts().reserve)
  const empty = await ask(link, 'SCRIPT', 'LOAD', '#!lua\nreturn 1')

  function reserveCommand(): RedisCommand {
    const { keys, args } = admitCall(next(), epoch)
    return { name: 'EVALSHA', args: [reserve, keys.length, ...keys, ...args] }
  }

  /** Packed before the clock runs, so that the gateway's side does not compete with the server. */
  async function measure(command: () => RedisCommand): Promise<number> {
    const commands = Array.from({ length: DECISIONS }, command)
    await ask(link, 'CONFIG', 'RESETSTAT')
    for (let at = 0; at < DECISIONS; at += BATCH) {
      for (const result of await link.send(commands.slice(at, at + BATCH))) mustBeFine(result)
    }
    const stats = await ask(link, 'INFO', 'commandstats')
    const micros = /cmdstat_evalsha:calls=\d+,usec=\d+,usec_per_call=([\d.]+)/.exec(stats)?.[1]
    if (micros === undefined) throw new Error('Cannot measure: Redis counted no script')
    return Number(micros)
  }

  return {
    decide: () => measure(reserveCommand),
    idle: () => measure(() => ({ name: 'EVALSHA', args: [empty, 0] })),
    close: () => link.close(),
  }
}

/** One command; throws on an error. */
export async function ask(
  link: RedisLink,
  name: string,
  ...args: RedisCommand['args']
): Promise<string> {
  const [result] = await link.send([{ name, args }])
  if (result?.kind !== 'reply') throw new Error(`Cannot measure: ${result?.message}`)
  return String(result.reply)
}

function mustBeFine(result: Awaited<ReturnType<RedisLink['send']>>[number]): void {
  if (result.kind !== 'reply') throw new Error(`Cannot measure: ${result.message}`)
  const code = Array.isArray(result.reply) ? result.reply[0] : 'OK'
  if (code !== 'OK' && code !== 'PERIOD') throw new Error(`Cannot measure: it answered ${code}`)
}
