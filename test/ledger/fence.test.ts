import { describe, expect, it } from 'vitest'
import { createFence, type Fence, type FencedServer } from '../../src/ledger/redis/fence.ts'
import { whyFenced } from '../../src/ledger/redis/fence-log.ts'
import { initLedger } from '../../src/ledger/redis/init-ledger.ts'
import { recordKey } from '../../src/ledger/redis/keys.ts'
import type { RedisCommand, RedisResult } from '../../src/ledger/redis/redis-link.ts'
import { PARTITIONS } from '../../src/ledger/redis/tags.ts'

const REPLICATION = 'a'.repeat(40)
const ALL = Array.from({ length: PARTITIONS }, (_, partition) => partition)

/** Canaries and records in memory, with the few commands that a fence and an init need. */
function serverOf(data: Map<string, string>): FencedServer {
  let seconds = 1_700_000_000
  const answer = ({ name, args }: RedisCommand): unknown => {
    const [first = '', second = '', key = '', from = '', to = ''] = args.map(String)
    switch (name) {
      case 'GET':
        return data.get(first) ?? null
      case 'SET':
        return data.set(first, second) && 'OK'
      case 'EXISTS':
        return args.filter((each) => data.has(String(each))).length
      case 'INFO':
        return `master_replid:${REPLICATION}\r\n`
      case 'TIME':
        seconds += 1
        return [String(seconds), '0']
      default:
        if ((data.get(key) ?? '') === from) data.set(key, to)
        return [data.get(key) ?? '']
    }
  }
  return {
    replicationId: REPLICATION,
    has: () => true,
    send: async (commands) =>
      commands.map((command): RedisResult => ({ kind: 'reply', reply: answer(command) })),
    moveCommand: (key, from, to) => ({ name: 'EVAL', args: ['', 1, key, from, to] }),
  }
}

async function init(server: FencedServer, acceptLoss: boolean): Promise<void> {
  const target = { partitions: ALL, send: server.send }
  await initLedger([target], { salt: 'salt-of-a-test', acceptLoss })
}

async function looked(fence: Fence, server: FencedServer): Promise<string> {
  await fence.recover(server, [0], 1_000)
  const place = fence.of(0)
  return place.state === 'closed' ? whyFenced(place) : place.state
}

describe('a fence before an empty Redis', () => {
  it('sends who has never seen the ledger to a first initialisation', async () => {
    const server = serverOf(new Map())
    const fence = createFence('disk')
    expect(await looked(fence, server)).toMatch(/"signet ledger init"$/)
    await init(server, false)
    expect(await looked(fence, server)).toBe('open')
  })

  it.each(['disk', 'strict', 'async'] as const)(
    '%s: tells who has seen it open that a loss is to be accepted',
    async (durability) => {
      const data = new Map<string, string>()
      const server = serverOf(data)
      await init(server, false)
      const fence = createFence(durability)
      expect(await looked(fence, server)).toBe('open')
      data.clear()
      expect(await looked(fence, server)).toMatch(/gone: see "signet ledger init --accept-loss"$/)
      await init(server, true)
      expect(await looked(fence, server)).toBe('open')
    },
  )

  it('an init that comes before the look closes it once more, until a loss is accepted', async () => {
    const data = new Map<string, string>()
    const server = serverOf(data)
    await init(server, false)
    const fence = createFence('disk')
    await looked(fence, server)
    data.set(recordKey(0, 'up_1'), 'granted')
    fence.witness(0, 'up_1', 1_000)
    data.clear()
    await init(server, false)
    expect(await looked(fence, server)).toMatch(/gone: see "signet ledger init --accept-loss"$/)
    expect(await looked(fence, server)).toMatch(/gone: see "signet ledger init --accept-loss"$/)
    await init(server, true)
    expect(await looked(fence, server)).toBe('open')
  })
})
