import { expect, it } from 'vitest'
import { eventsIn } from '../support/log-lines.ts'
import { pause } from '../support/pause.ts'
import { expectSumsToAgree } from '../support/redis/ledger-contents.ts'
import { Answers, callsOf, openRedisSetUp, untilGranted } from '../support/redis/redis-gateway.ts'
import { describeOnRedis } from '../support/redis/redis-under-test.ts'
import { until } from '../support/until.ts'

/** Long, so that one and two of them can be told apart on a busy machine. */
const COMMAND_TIMEOUT_MS = 500
/** Room for a machine that is busy; less than one more command would take. */
const SLACK_MS = 300

describeOnRedis('a Redis that does not answer', () => {
  it('R03 black hole: nobody waits for longer than one command, then nobody waits', async () => {
    await using setUp = await openRedisSetUp({ ledger: { commandTimeoutMs: COMMAND_TIMEOUT_MS } })
    const { proxy, server } = setUp
    const gateway = await setUp.open()
    const { upload, download } = callsOf(gateway)
    const answers = new Answers()
    await answers.take(upload())
    await proxy.setMode('blackhole')
    // They come while the first batch waits: for its answer, and behind it.
    const first: Promise<number>[] = []
    for (let wave = 0; wave < 8; wave += 1) {
      for (let n = 0; n < 2; n += 1) first.push(answers.take(upload()))
      first.push(answers.take(download()))
      await pause(COMMAND_TIMEOUT_MS / 10)
    }
    await Promise.all(first)
    expect(answers.longestMs).toBeGreaterThan(COMMAND_TIMEOUT_MS / 2)
    expect(answers.longestMs).toBeLessThan(COMMAND_TIMEOUT_MS + SLACK_MS)
    expect(answers.statuses).toEqual(
      new Map([
        [201, 1],
        [503, 16],
        [200, 8],
      ]),
    )
    const later = new Answers()
    const isKnown = async () => eventsIn(gateway.log, 'ledger.unusable').length > 0
    await until('the server is known not to answer', isKnown)
    for (let n = 0; n < 200; n += 1) {
      await later.take(upload())
      await later.take(download())
    }
    expect(later.longestMs).toBeLessThan(COMMAND_TIMEOUT_MS / 2)
    expect(later.statuses).toEqual(
      new Map([
        [503, 200],
        [200, 200],
      ]),
    )
    await proxy.setMode('pass')
    await untilGranted(later, upload)
    expect([...answers.wrong, ...later.wrong]).toEqual([])
    const { records } = await expectSumsToAgree(server.port)
    expect(new Set(records.keys())).toEqual(new Set([...answers.granted, ...later.granted]))
    expect(eventsIn(gateway.log, 'ledger.usable')).toHaveLength(1)
  })

  it('R04 stopped: what it was sent meanwhile is not executed late, and nothing is granted', async () => {
    await using setUp = await openRedisSetUp({ ledger: { commandTimeoutMs: 250 } })
    const { server } = setUp
    const gateway = await setUp.open()
    const { upload, download } = callsOf(gateway)
    const answers = new Answers()
    await answers.take(upload())
    await server.kill('SIGSTOP')
    const stoppedMs = performance.now()
    await Promise.all(Array.from({ length: 30 }, () => answers.take(upload())))
    expect(answers.count(503)).toBe(30)
    // Longer than a decision may take by the ledger's clock.
    while (performance.now() - stoppedMs < 2_500) {
      await Promise.all([answers.take(upload()), answers.take(download())])
      await pause(50)
    }
    expect(answers.count(201)).toBe(1)
    await server.kill('SIGCONT')
    await untilGranted(answers, upload)
    expect(answers.wrong).toEqual([])
    const contents = await expectSumsToAgree(server.port)
    expect(new Set(contents.records.keys())).toEqual(new Set(answers.granted))
    // It did get them: they were late by its own clock.
    const { evalsha } = await callsIn(server)
    expect(evalsha).toBeGreaterThan(30)
  })

  it('R05 executed, reply lost: 503 without a URL, and the retry is the same upload, charged once', async () => {
    await using setUp = await openRedisSetUp({ ledger: { commandTimeoutMs: COMMAND_TIMEOUT_MS } })
    const { server, proxy } = setUp
    const gateway = await setUp.open()
    const { upload } = callsOf(gateway)
    const answers = new Answers()
    for (const mode of ['dropReply', 'cutReply'] as const) {
      await proxy.setMode({ kind: mode, when: /acme\/alice\/file/ })
      expect(await answers.take(upload(mode))).toBe(503)
      expect(proxy.mode.kind).toBe('pass')
      const executed = await expectSumsToAgree(server.port)
      await untilGranted(answers, () => upload(mode))
      const [rid = ''] = answers.granted.slice(-1)
      expect([...executed.records.keys()]).toContain(rid)
    }
    // Nobody has a key to ask for this one again: it ends by itself, and another one is granted.
    await proxy.setMode({ kind: 'dropReply', when: /acme\/alice\/file/ })
    expect(await answers.take(upload())).toBe(503)
    await untilGranted(answers, upload)
    const contents = await expectSumsToAgree(server.port)
    expect(new Set(answers.granted).size).toBe(3)
    expect(answers.granted.every((rid) => contents.records.get(rid)?.state === 'P')).toBe(true)
    expect(contents.records.size).toBe(4)
    expect(answers.wrong).toEqual([])
  })
})

async function callsIn(server: { info(section: string): Promise<Record<string, string>> }) {
  const stats = await server.info('commandstats')
  return { evalsha: Number(/calls=(\d+)/.exec(stats.cmdstat_evalsha ?? '')?.[1] ?? 0) }
}
