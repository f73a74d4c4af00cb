import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ListeningGateway, openListeningGateway } from '../http/listening-gateway.ts'
import { createTestBucket, embeddedStore } from '../support/stores/stores-under-test.ts'
import { TestClock } from '../support/test-clock.ts'
import { uploadBody } from '../support/test-gateway.ts'
import { askGateway } from './ask-gateway.ts'

/** Cells of a table's lines. */
const cells = (text: string) => text.split('\n').map((line) => line.trim().split(/ {2,}/))

describe('signet stores', () => {
  let gateway: ListeningGateway
  let bucket: string
  const run = (...args: string[]) => askGateway(['stores', ...args], gateway.adminPort)
  beforeAll(async () => {
    const { endpoint, region, credentials } = embeddedStore()
    bucket = await createTestBucket(embeddedStore())
    gateway = await openListeningGateway({
      clock: new TestClock(Date.now()),
      store: { endpoint, region, credentials: credentials.main, capabilities: {} },
      bucket: { placements: [{ store: 'main', bucket }] },
      buckets: {
        elsewhere: {
          placements: [{ store: 'main', bucket: 'there-is-no-such-bucket' }],
          keys: { callerPrefix: '{tenant}/{user}/' },
        },
      },
    })
  })
  afterAll(() => gateway.close())

  it('list: says which nobody has looked at, and what is not signed because of it', async () => {
    const { code, stdout } = await run('list')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^main \(generic\) at http:\/\/127\.0\.0\.1:\d+\n/)
    expect(cells(stdout)).toContainEqual([bucket, 'not probed'])
    expect(cells(stdout)).toContainEqual(
      expect.arrayContaining(['media', 'no: unsignedCopySource', 'no: postPolicy']),
    )
  })

  it('list: says how each store does', async () => {
    const of = async (): Promise<string | undefined> => (await run('list')).stdout.split('\n')[1]
    expect(await of()).toBe('up, has not answered yet, checked every 60 s')
    const { storeHealth, config } = gateway.context
    const main = config.stores.get('main')
    if (main === undefined) throw new Error('no store')
    const check = { background: true, patienceMs: 1_000, isCheck: true }
    const visit = async (failed: boolean, status: number) =>
      (await storeHealth.visit(main, check)).ended({ failed, status })
    await visit(false, 200)
    const time = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ'
    const up = `up, last answer ${time}, checked every 60 s, last check answered 200 in 0 ms`
    expect(await of()).toMatch(new RegExp(`^${up}$`))
    for (let n = 0; n < 5; n += 1) await visit(true, 503)
    const down = `down since ${time}, last answer ${time}, checked every 60 s, last check failed 503 in 0 ms, times down 1`
    expect(await of()).toMatch(new RegExp(`^${down}$`))
    await visit(false, 200)
    expect(await of()).toMatch(new RegExp(`^${up}, times down 1$`))
  })

  it('probe: prints every step with what was seen, what is signed, and the gateway goes by it', async () => {
    const before = await gateway.call('POST', '/v1/uploads', uploadBody())
    expect(before.status).toBe(422)
    const { code, stdout, stderr } = await run('probe', 'main', '--bucket', 'media')
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      new RegExp(`^main, bucket ${bucket}: probed \\d{4}-.*Z, \\d+ requests of \\d+ bytes`),
    )
    const lines = cells(stdout)
    expect(lines).toContainEqual(['step', 'what', 'value', 'seen'])
    const names = lines.map(([, name]) => name)
    expect(names).toEqual(expect.arrayContaining(['signedLength', 'writeOnce', 'postPolicy']))
    expect(lines).toContainEqual(['signed for', 'PUT', 'form', 'parts', 'download'])
    expect(lines).toContainEqual([
      'media',
      'yes, exact size',
      'no: postPolicy',
      expect.any(String),
      'yes',
    ])
    expect(stdout).not.toMatch(/X-Amz-|https?:\/\//)
    const after = await gateway.call('POST', '/v1/uploads', uploadBody())
    expect(after.status).toBe(201)
  })

  it('probe --json: prints the answer of the admin API as one line', async () => {
    const { code, stdout } = await run('probe', 'main', '--bucket', 'media', '--json')
    expect(code).toBe(0)
    expect(stdout).toMatch(/^\{.*\}\n$/)
    const { store, buckets } = JSON.parse(stdout)
    expect([store, buckets.length]).toEqual(['main', 1])
    expect(buckets[0].lastProbe).toMatchObject({ complete: true, fresh: true, leftovers: [] })
  })

  it('list: shows when it was looked at, and what is signed now', async () => {
    const { stdout } = await run('list')
    expect(cells(stdout)).toContainEqual([bucket, expect.stringMatching(/^probed \d{4}-/)])
    const { stdout: json } = await run('list', '--json')
    expect(JSON.parse(json).stores[0]).toMatchObject({
      name: 'main',
      health: { breaker: 'closed' },
    })
  })

  it.each([
    ['a store that is not there', ['probe', 'nobody'], '404 NoSuchStore'],
    ['a bucket that is not in it', ['probe', 'main', '--bucket', 'nowhere'], '400 InvalidRequest'],
    [
      'a bucket that the store does not have',
      ['probe', 'main', '--bucket', 'elsewhere'],
      '503 StoreUnavailable',
    ],
  ])('1: %s', async (_, args, answer) => {
    const { code, stdout, stderr } = await run(...args)
    expect([code, stdout]).toEqual([1, ''])
    expect(stderr).toContain(answer)
  })

  it('2: no name, with what to type', async () => {
    const { code, stderr } = await run('probe')
    expect(code).toBe(2)
    expect(stderr).toContain('Usage: signet stores probe NAME')
  })
})
