import { expect, it } from 'vitest'
import { createLogger } from '../../src/log.ts'
import { createDirectoryFollower } from '../../src/runtime/follow-directory.ts'
import { inScope } from '../../src/runtime/request-scope.ts'
import { TestClock } from '../support/test-clock.ts'

/** Requests that read a directory, which answers or does not. */
function open() {
  const clock = new TestClock()
  const events: unknown[] = []
  const log = createLogger({ write: (line) => void events.push(JSON.parse(line).event), clock })
  const follow = createDirectoryFollower({ stopwatch: clock, log, waitMs: 1 })
  const never = Promise.withResolvers<void>()
  let heardAtMs = clock.nowMs()
  const directory = {
    answers: true,
    reads: 0,
    staleMs: () => clock.nowMs() - heardAtMs,
    async sync() {
      this.reads += 1
      await (this.answers ? undefined : never.promise)
      heardAtMs = clock.nowMs()
    },
  }
  const closing = new AsyncDisposableStack()
  const life = { waitUntil() {} }
  const request = () => inScope({ life, own: new Map(), closing }, () => follow(directory))
  return { clock, directory, events, request, fail: () => never.reject(new Error('gone')) }
}

it('reads the directory when half a second has gone by, for the request that comes then', async () => {
  const { clock, directory, request } = open()
  clock.advance(499)
  await request()
  expect(directory.reads).toBe(0)
  clock.advance(1)
  await request()
  expect([directory.reads, directory.staleMs()]).toEqual([1, 0])
})

it('while it does not answer, no request waits but one in two seconds, and none for long', async () => {
  const { clock, directory, events, request, fail } = open()
  directory.answers = false
  clock.advance(500)
  // Would never end, if it waited for an answer.
  await request()
  for (let waitedMs = 0; waitedMs < 2_000; waitedMs += 100) {
    await request()
    clock.advance(100)
  }
  expect(directory.reads).toBe(1)
  await request()
  expect(directory.reads).toBe(2)
  fail()
  await request()
  expect(events).toEqual(['directory.silent'])
  directory.answers = true
  clock.advance(2_000)
  await request()
  expect(events).toEqual(['directory.silent', 'directory.heard'])
  expect(directory.staleMs()).toBe(0)
})

it('a request that comes after a long rest does not go by what was known before', async () => {
  const { clock, directory, request } = open()
  clock.advance(3_600_000)
  await Promise.all([request(), request()])
  expect([directory.reads, directory.staleMs()]).toEqual([2, 0])
})
