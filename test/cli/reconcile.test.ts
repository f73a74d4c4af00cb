import { afterEach, beforeEach, expect, it } from 'vitest'
import type { ReconcileView } from '../../src/http/reconcile-routes.ts'
import { listenNode } from '../../src/runtime/listen-node.ts'
import { openReconcileWorld, type ReconcileWorld } from '../gateway/reconcile-world.ts'
import { askGateway } from './ask-gateway.ts'

let world: ReconcileWorld
let listening: Awaited<ReturnType<typeof listenNode>>
beforeEach(async () => {
  world = await openReconcileWorld()
  const { server } = world.context.config
  listening = await listenNode(world.admin.fetch, server.admin, server)
})
afterEach(async () => {
  await listening.stop(0)
  await world.close()
})

const run = (...args: string[]) => askGateway(['reconcile', ...args], listening.address.port)

it('goes through all pages, tells how far it is, and ends with what it found', async () => {
  for (const key of ['a', 'b', 'c']) await world.upload(key, 10)
  expect(await run()).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^3 objects.*\nok\n$/),
  })
  await world.rest()
  await world.lose('b')
  await world.arrive('d', 7)
  const seen = await run('--page', '1')
  expect(seen.code).toBe(1)
  expect(seen.stderr.match(/^\d objects, .*; next: main /gm)).toHaveLength(2)
  const lines = seen.stdout.split('\n').map((line) => line.trim().split(/ {2,}/))
  expect(lines).toContainEqual(['acme/alice', 'user-stored', '30', '20', 'open'])
  expect(lines.find(([kind]) => kind === 'unsettled')?.at(-1)).toBe('open')
  expect(seen.stdout).toContain('signet reconcile --repair')
  const mended = await run('--repair', '--json')
  expect(mended.code).toBe(0)
  const report = JSON.parse(mended.stdout) as ReconcileView
  expect(report).toMatchObject({ clean: true, repair: true, counts: { repaired: 5, open: 0 } })
  expect(report.findings).toHaveLength(5)
  expect(await world.totals()).toEqual([27, 27, 3])
})

it('1: says that a run is not lost when the gateway fails, and goes on with it', async () => {
  for (const key of ['a', 'b']) await world.upload(key, 10)
  const { storeClient } = world.context
  let left = 1
  const list: typeof storeClient.list = (...asked) => {
    left -= 1
    return left < 0 ? Promise.reject(new Error('away')) : storeClient.list(...asked)
  }
  Object.assign(world.context, { storeClient: { ...storeClient, list } })
  const cut = await run('--page', '1')
  expect([cut.code, cut.stdout]).toEqual([1, ''])
  expect(cut.stderr).toContain('the same command goes on with it')
  Object.assign(world.context, { storeClient })
  const goneOn = await run('--page', '1')
  expect(goneOn).toMatchObject({ code: 0, stdout: expect.stringContaining('2 objects') })
  // One page less to list: the first run's is behind it.
  expect(goneOn.stderr.match(/ next: main /g) ?? []).toHaveLength(0)
})

it('goes on with a bucket’s own run after a stop, beside one of all buckets', async () => {
  for (const key of ['a', 'b', 'c']) await world.upload(key, 10)
  await world.rest()
  await world.lose('c')
  const { lifecycle, storeClient } = world.context
  let left = 1
  const list: typeof storeClient.list = (...asked) => {
    left -= 1
    // As when the gateway is told to stop in the middle of the second page.
    if (left < 0) Object.assign(world.context, { lifecycle: { ...lifecycle, state: 'draining' } })
    return storeClient.list(...asked)
  }
  Object.assign(world.context, { storeClient: { ...storeClient, list } })
  const cut = await run('--bucket', 'media', '--page', '1')
  expect([cut.code, cut.stdout]).toEqual([1, ''])
  expect(cut.stderr).toContain('it was stopped in the middle of a step')
  Object.assign(world.context, { storeClient, lifecycle })
  const whole = await run('--json', '--page', '2')
  expect(JSON.parse(whole.stdout)).toMatchObject({ counts: { objects: 2, total: 3 } })
  const goneOn = await run('--bucket', 'media', '--json', '--page', '1')
  expect(goneOn.code).toBe(0)
  const report = JSON.parse(goneOn.stdout) as ReconcileView
  expect(report).toMatchObject({ bucket: 'media', counts: { objects: 2, total: 0 } })
  expect(report.run).not.toBe((JSON.parse(whole.stdout) as ReconcileView).run)
  // The first page was behind it, and totals are not compared.
  expect(goneOn.stderr.match(/ next: /g) ?? []).toHaveLength(0)
})

it('1: says what a run could not look at, until it is to be forgotten', async () => {
  await world.upload('a', 10)
  await world.context.state.put({
    name: 'reconcile-places/all',
    value: JSON.stringify([['main', 'left', 'x/']]),
  })
  await world.rest()
  await world.lose('a')
  world.clock.advance(3 * 86_400_000)
  const told = await run('--repair')
  expect(told.code).toBe(1)
  expect(told.stdout).toContain('Not configured any more: main left/x/.')
  expect(told.stdout).toMatch(/acme {2,}tenant-stored {2,}10 {2,}0 {2,}unclear/)
  const forgotten = await run('--repair', '--forget')
  expect(forgotten).toMatchObject({ code: 0, stdout: expect.stringContaining('adjusted') })
  expect(await world.totals()).toEqual([0, 0, 0])
})

it('2: a page must be 1 to 1,000 objects', async () => {
  for (const page of ['0', '1001', '1.5', 'x']) {
    expect(await run('--page', page)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('--page must be a whole number from 1 to 1000'),
    })
  }
})
