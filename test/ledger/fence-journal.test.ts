import { expect, it } from 'vitest'
import { createFence, type FencedServer, REASSERT_MS } from '../../src/ledger/redis/fence.ts'
import type { Durability } from '../../src/ledger/redis/settings.ts'

const NOW_MS = Date.UTC(2026, 0, 15, 12)
const [FIRST = '', SECOND = '', THIRD = ''] = ['a', 'b', 'c'].map((letter) => letter.repeat(40))

/** A server with one canary, of partition 0, that moves by compare-and-set. */
function serverWith(text: string, replicationId: string): FencedServer & { canary: string } {
  const server = {
    canary: text,
    replicationId,
    has: () => true,
    moveCommand: (_key: string, from: string, to: string) => ({ name: 'MOVE', args: [from, to] }),
    async send(commands: readonly { name: string; args: readonly unknown[] }[]) {
      return commands.map(({ name, args: [from, to] }) => {
        if (name === 'MOVE' && from === server.canary) server.canary = String(to)
        return { kind: 'reply' as const, reply: name === 'MOVE' ? [server.canary] : server.canary }
      })
    },
  }
  return server
}

/** A fence whose gateway has yet to put back what it granted under the epochs that are not in `restated`. */
function fenceOf(durability: Durability, restated: ReadonlySet<string> = new Set()) {
  return createFence(durability, (_partition, epoch) => restated.has(epoch))
}

it('opens when the time is over and what this gateway granted has been put back, not before', async () => {
  const restated = new Set<string>()
  const fence = fenceOf('async', restated)
  const server = serverWith(`5:${FIRST}`, SECOND)
  const openAtMs = NOW_MS + REASSERT_MS
  await fence.recover(server, [0], NOW_MS)
  expect(server.canary).toBe(`r:6:${SECOND}:${openAtMs}`)
  await fence.recover(server, [0], openAtMs)
  expect(fence.of(0).state).toBe('reasserting')
  restated.add(`6:${SECOND}`)
  await fence.recover(server, [0], openAtMs - 1)
  expect(fence.of(0).state).toBe('reasserting')
  await fence.recover(server, [0], openAtMs)
  // The generation that everything was put back under, so that nobody does it twice.
  expect(fence.of(0)).toEqual({ state: 'open', epoch: `6:${SECOND}` })
})

it('stays shut here when another gateway opens, until this one has put back its own', async () => {
  const restated = new Set<string>()
  const fence = fenceOf('async', restated)
  const server = serverWith(`6:${SECOND}`, SECOND)
  await fence.recover(server, [0], NOW_MS)
  expect(fence.of(0).state).toBe('reasserting')
  restated.add(`6:${SECOND}`)
  await fence.recover(server, [0], NOW_MS)
  expect(fence.of(0).state).toBe('open')
})

it('does not close again for an entry that turns up when it has been open', async () => {
  const restated = new Set([`6:${SECOND}`])
  const fence = fenceOf('async', restated)
  const server = serverWith(`6:${SECOND}`, SECOND)
  await fence.recover(server, [0], NOW_MS)
  restated.clear()
  await fence.recover(server, [0], NOW_MS)
  expect(fence.of(0).state).toBe('open')
})

it('reasserts after a second failover that lost the move of the first', async () => {
  const fence = fenceOf('async', new Set([`6:${SECOND}`]))
  await fence.recover(serverWith(`5:${FIRST}`, SECOND), [0], NOW_MS)
  // The third never heard of generation 6, and gets one that nobody has had.
  const third = serverWith(`5:${FIRST}`, THIRD)
  await fence.recover(third, [0], NOW_MS)
  expect(third.canary).toBe(`r:7:${THIRD}:${NOW_MS + REASSERT_MS}`)
  expect(fence.of(0).state).toBe('reasserting')
})

it('stays closed on an old master that missed the failover, and on a backup', async () => {
  const fence = fenceOf('async', new Set([`5:${FIRST}`, `6:${SECOND}`]))
  await fence.recover(serverWith(`6:${SECOND}`, SECOND), [0], NOW_MS)
  for (const canary of [`5:${FIRST}`, `r:5:${FIRST}:${NOW_MS}`]) {
    const old = serverWith(canary, FIRST)
    await fence.recover(old, [0], NOW_MS)
    expect(old.canary).toBe(canary)
    expect(fence.of(0)).toEqual({ state: 'closed', why: 'older' })
  }
})

it('stays closed on older data of any server without a journal', async () => {
  const fence = createFence('disk')
  await fence.recover(serverWith(`6:${SECOND}`, SECOND), [0], NOW_MS)
  const other = serverWith(`5:${FIRST}`, THIRD)
  await fence.recover(other, [0], NOW_MS)
  expect(other.canary).toBe(`5:${FIRST}`)
  expect(fence.of(0)).toEqual({ state: 'closed', why: 'older' })
})
