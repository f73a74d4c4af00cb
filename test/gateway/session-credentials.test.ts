import { afterAll, beforeAll, expect, it } from 'vitest'
import { toTimestamp } from '../../src/clock.ts'
import { TestClock } from '../support/test-clock.ts'
import { TEST_STORE_SECRET } from '../support/test-config.ts'
import { openTestGateway, type TestGateway, uploadBody } from '../support/test-gateway.ts'

const LIFE_SECONDS = 600
const NOW_MS = Date.UTC(2026, 5, 1, 12)

let gateway: TestGateway

beforeAll(async () => {
  const pair = { accessKeyId: 'AKIATEST', secretAccessKey: TEST_STORE_SECRET }
  const ending = (afterSeconds: number) => ({
    ...pair,
    sessionToken: 'token',
    expiresAt: toTimestamp(NOW_MS + afterSeconds * 1000),
  })
  gateway = await openTestGateway({
    clock: new TestClock(NOW_MS),
    store: {
      credentials: { write: ending(LIFE_SECONDS), read: ending(LIFE_SECONDS / 2), manage: pair },
      capabilities: {
        signedLength: 'yes',
        signedType: 'yes',
        writeOnce: 'if-none-match',
        unsignedCopySource: 'closed',
        unsignedHeaders: 'reject',
        responseOverrides: 'yes',
        postPolicy: 'yes',
        multipart: 'yes',
      },
    },
    bucket: { upload: { expiresInSecondsMax: 3_600 }, download: { expiresInSecondsMax: 3_600 } },
  })
})
afterAll(() => gateway.close())

const DETAIL = 'Cannot sign for this store: its session credential ends before the grant would'

const upload = (changes: object, path = '/v1/uploads') =>
  gateway.call('POST', path, uploadBody({ ...changes }))

async function expectAway(answer: Response, detail = DETAIL): Promise<void> {
  expect(answer.status).toBe(503)
  expect(await answer.json()).toMatchObject({ code: 'StoreUnavailable', detail })
}

it('503: no upload outlives the credential that signs it, to the second, in any form', async () => {
  const forms = [{}, { mode: 'post', sizeBytes: undefined, maxSizeBytes: 10 }]
  for (const [index, form] of forms.entries()) {
    const key = `acme/alice/${index}`
    const just = await upload({ key, ...form, expiresInSeconds: LIFE_SECONDS })
    expect(just.status).toBe(201)
    await expectAway(await upload({ key, ...form, expiresInSeconds: LIFE_SECONDS + 1 }))
  }
  await expectAway(await upload({ mode: 'multipart', expiresInSeconds: LIFE_SECONDS + 1 }))
})

it('503: charges nothing for it, and a dry run says the same', async () => {
  const levels = async () => (await (await gateway.call('GET', '/v1/usage')).json()) as object
  const before = await levels()
  const long = { expiresInSeconds: LIFE_SECONDS + 1 }
  await expectAway(await upload(long))
  await expectAway(await upload(long, '/v1/uploads?dryRun=true'))
  expect(await levels()).toEqual(before)
})

it('503: nor does a download, whose credential is another', async () => {
  const wanted = { bucket: 'media', key: 'acme/alice/cat.jpg' }
  const download = (expiresInSeconds: number) =>
    gateway.call('POST', '/v1/downloads', { ...wanted, expiresInSeconds })
  expect((await download(LIFE_SECONDS / 2)).status).toBe(200)
  await expectAway(await download(LIFE_SECONDS / 2 + 1))
})
