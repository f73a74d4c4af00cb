import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Diagnosis } from '../../src/gateway/diagnosis.ts'
import { type BrowserUnderTest, describeInBrowser } from '../support/browser/browser-under-test.ts'
import { sampleImage } from '../support/browser/sample-image.ts'
import { sampleVideo } from '../support/browser/sample-video.ts'
import { runOnGateway } from '../support/cli-on-gateway.ts'
import { expectRefused } from '../support/expect-refused.ts'
import {
  APP_ORIGIN,
  describeOnCeph,
  describeOnSwift,
  embeddedStore,
  realStores,
} from '../support/stores/stores-under-test.ts'
import {
  openTemporaryDirectory,
  type TemporaryDirectory,
} from '../support/stores/temporary-directory.ts'
import {
  type AnyUpload,
  answersOf,
  type GatewayForPages,
  gatewayForPages,
  slowLine,
} from './gateway-for-pages.ts'
import { UNTIL_RELEASED_MS } from './gateway-on-store.ts'
import { createParts, PART_BYTES } from './multipart-fixture.ts'

const IMAGE_BYTES = 300 * 1024
const VIDEO_BYTES = 8 * 2 ** 20
const KEY = 'acme/alice/cat'
/** In bytes a second: a picture takes 0.3 s, a video 0.5 s, and progress comes every 0.05 s. */
const SLOW = 2 ** 20
const FAST = 16 * 2 ** 20
/** What scripts see of every answer that does not let their origin in, whatever its status. */
const NOT_ANSWERED = 'The store does not answer this page'
const BLOCKED = expect.stringMatching(/CORS policy: No 'Access-Control-Allow-Origin' header/)
const BLOCKED_BEFORE = expect.stringMatching(/CORS policy: Response to preflight request/)
/** CORS headers of an answer that is made up. */
const LETS_IN = {
  'access-control-allow-origin': APP_ORIGIN,
  'access-control-allow-headers': '*',
  'access-control-allow-methods': 'PUT',
  'access-control-expose-headers': 'etag',
}
const FREE = { used: 0, pending: 0 }

describeInBrowser('a page of another origin', (open) => {
  const image = sampleImage(IMAGE_BYTES)
  const video = sampleVideo(VIDEO_BYTES)
  let directory: TemporaryDirectory
  let opened: BrowserUnderTest
  let page: Page
  let problems: string[]
  let gateway: GatewayForPages

  beforeAll(async () => {
    directory = await openTemporaryDirectory()
    await writeFile(join(directory.path, 'cat.png'), image.bytes)
    await writeFile(join(directory.path, 'cat.mp4'), video.bytes)
    opened = await open()
    page = await opened.browser.newPage()
  })
  afterAll(async () => {
    await opened?.close()
    await directory?.close()
  })
  beforeEach(async () => {
    await page.goto(APP_ORIGIN)
    problems = []
    page.on('console', (message) => problems.push(message.text()))
  })
  afterEach(async () => {
    page.removeAllListeners()
    await gateway.close()
  })
  const choose = (name: 'cat.png' | 'cat.mp4') =>
    page.setInputFiles('#file', join(directory.path, name))
  const stored = async () => (await gateway.usage())['tenant-stored']

  describe.each(realStores())('with $kind', (store) => {
    it('puts a picture straight into the store, with progress; exactly its size is charged', async () => {
      gateway = await gatewayForPages(store)
      const answers = answersOf(page, store)
      await using _ = await slowLine(page, SLOW)
      await choose('cat.png')
      const { upload, progress } = await gateway.upload(page, { key: KEY, mode: 'put' })
      expect(problems).toEqual([])
      expect(upload).toMatchObject({ status: 'completed', sizeBytes: IMAGE_BYTES })
      expect(answers).toEqual(['PUT 200'])
      expectToGrow(progress, IMAGE_BYTES)
      expect(await stored()).toEqual({ used: IMAGE_BYTES, pending: 0 })
    })

    it('gets it back byte for byte by a pre-signed GET: shown inline, or saved under its name', async () => {
      gateway = await gatewayForPages(store)
      await choose('cat.png')
      await gateway.upload(page, { key: KEY, mode: 'put' })
      const inline = await gateway.linkTo(KEY, { disposition: 'inline' })
      expect(await page.evaluate((url) => window.page.get(url), inline)).toEqual({
        status: 200,
        sizeBytes: IMAGE_BYTES,
        type: 'image/png',
        sha256: sha256(image.bytes),
      })
      expect(await page.evaluate((url) => window.page.imageSize(url), inline)).toEqual([
        image.width,
        image.height,
      ])
      const attachment = await gateway.linkTo(KEY, {
        disposition: 'attachment',
        filename: 'holiday.png',
      })
      const saving = page.waitForEvent('download')
      await page.evaluate((url) => window.location.assign(url), attachment)
      const saved = await saving
      expect(saved.suggestedFilename()).toBe('holiday.png')
      expect(image.bytes.equals(await readFile(await saved.path()))).toBe(true)
    })

    it('sends a video in parts of the smallest size, with progress over all of them', async () => {
      gateway = await gatewayForPages(store)
      const answers = answersOf(page, store)
      await using _ = await slowLine(page, FAST)
      await choose('cat.mp4')
      const { upload, progress, error } = await gateway.upload(page, {
        key: KEY,
        mode: 'multipart',
      })
      expect([error, problems]).toEqual([undefined, []])
      expect(upload).toMatchObject({ status: 'completed', sizeBytes: VIDEO_BYTES })
      expect(answers).toEqual(['PUT 200', 'PUT 200'])
      expectToGrow(progress, VIDEO_BYTES)
      expect(await stored()).toEqual({ used: VIDEO_BYTES, pending: 0 })
      const link = await gateway.linkTo(KEY, { disposition: 'inline' })
      expect(await page.evaluate((url) => window.page.get(url), link)).toMatchObject({
        status: 200,
        sha256: sha256(video.bytes),
      })
    })

    it('206: plays a video from a moment near its end, and reads any range of it', async () => {
      gateway = await gatewayForPages(store)
      await choose('cat.mp4')
      await gateway.upload(page, { key: KEY, mode: 'put' })
      const link = await gateway.linkTo(KEY, { disposition: 'inline' })
      const answers = answersOf(page, store)
      const range = `bytes=${PART_BYTES - 5}-${PART_BYTES + 4}`
      expect(
        await page.evaluate(([url, bytes]) => window.page.get(url, bytes), [link, range] as const),
      ).toMatchObject({
        status: 206,
        sizeBytes: 10,
        sha256: sha256(video.bytes.subarray(PART_BYTES - 5, PART_BYTES + 5)),
      })
      const { width, height, seconds } = video
      expect(
        await page.evaluate(([url, from]) => window.page.playFrom(url, from), [
          link,
          seconds * 0.75,
        ] as const),
      ).toEqual({ width, height, seconds })
      expect(new Set(answers)).toEqual(new Set(['GET 206']))
      expect(answers.length).toBeGreaterThan(1)
    })

    it('stores the Cache-Control that was signed, and not what the browser sends by itself', async () => {
      gateway = await gatewayForPages(store)
      const devTools = await page.context().newCDPSession(page)
      // As the box in its tools does: Chromium then sends "no-cache", and stores keep what is unsigned.
      await devTools.send('Network.enable')
      await devTools.send('Network.setCacheDisabled', { cacheDisabled: true })
      await choose('cat.png')
      const cacheControl = 'private, max-age=3600'
      await gateway.upload(page, { key: KEY, mode: 'put', cacheControl })
      await devTools.detach()
      const link = await gateway.linkTo(KEY)
      expect((await fetch(link)).headers.get('cache-control')).toBe(cacheControl)
    })

    it('403: a file longer, shorter or of another type than was signed; nothing is charged', async () => {
      gateway = await gatewayForPages(store)
      const answers = answersOf(page, store)
      await choose('cat.png')
      for (const [sizeBytes, contentType] of [
        [IMAGE_BYTES - 1, 'image/png'],
        [IMAGE_BYTES + 1, 'image/png'],
        [IMAGE_BYTES, 'image/jpeg'],
      ] as const) {
        const wanted = { key: `${KEY}-${sizeBytes}-${contentType}`, sizeBytes, contentType }
        const { request, ...upload } = await gateway.create({ mode: 'put', ...wanted })
        if (request === undefined) throw new Error('the upload has no grant')
        const headers = { ...request.headers, 'content-type': 'image/png' }
        const sent = await gateway.send(page, { ...upload, request: { ...request, headers } })
        // Refusals of Ceph and Swift have no CORS headers: only the console tells that one came.
        if (store.kind === 'embedded') {
          expect([sent.error, answers.pop()]).toEqual(['The store says 403', 'PUT 403'])
        } else {
          expect([sent.error, problems.splice(0)]).toEqual([
            NOT_ANSWERED,
            expect.arrayContaining([BLOCKED]),
          ])
        }
        expect(await gateway.sizeAtStore(wanted.key)).toBeUndefined()
        await expectRefused(await gateway.complete(upload.id), {
          status: 409,
          code: 'UploadIncomplete',
        })
      }
      expect(answers).toEqual([])
      gateway.clock.advance(UNTIL_RELEASED_MS)
      expect(await gateway.sweepAll()).toBe(3)
      expect(await stored()).toEqual(FREE)
    })
  })

  // On Swift, preflights are a setting of the server.
  describe.each(realStores().filter(({ kind }) => kind !== 'swift'))('with $kind', (store) => {
    it('is stopped by a missing CORS rule before anything is sent, and not any more once it is put', async () => {
      gateway = await gatewayForPages(store, { rule: false })
      const answers = answersOf(page, store)
      await choose('cat.png')
      const modes = store.kind === 'ceph' ? ['put', 'post', 'multipart'] : ['put', 'multipart']
      const uploads: AnyUpload[] = []
      for (const mode of modes) {
        const wanted = { key: `${KEY}-${mode}`, sizeBytes: IMAGE_BYTES, contentType: 'image/png' }
        const upload = await gateway.create({ ...wanted, mode })
        uploads.push(upload)
        expect([mode, await gateway.send(page, upload)]).toEqual([mode, { error: NOT_ANSWERED }])
        expect([mode, problems.splice(0)]).toEqual([mode, expect.arrayContaining([BLOCKED_BEFORE])])
        expect([mode, await foundOf(gateway, upload)]).toEqual([mode, ['cors-refused']])
      }
      expect(answers).toEqual([])

      const cors = ['stores', 'cors', 'main', '--origin', APP_ORIGIN, '--apply']
      expect(await runOnGateway(gateway, cors)).toMatchObject({ code: 0, stderr: '' })
      for (const [index, upload] of uploads.entries()) {
        const mode = modes[index]
        expect([mode, await foundOf(gateway, upload)]).toEqual([mode, []])
        const { error, parts } = await gateway.send(page, upload)
        expect([mode, error]).toEqual([mode, undefined])
        const body = parts === undefined ? {} : { parts }
        const answer = await gateway.call('POST', `/v1/uploads/${upload.id}/complete`, body)
        expect([mode, answer.status]).toEqual([mode, 200])
      }
      expect(answers).toEqual(modes.map((mode) => (mode === 'post' ? 'POST 201' : 'PUT 200')))
    })
  })

  describeOnSwift('with Swift', (swift) => {
    it('may have uploaded although the answer is hidden from it: only complete knows', async () => {
      gateway = await gatewayForPages(swift, { rule: false })
      await choose('cat.png')
      const wanted = { key: KEY, sizeBytes: IMAGE_BYTES, contentType: 'image/png', mode: 'put' }
      const upload = await gateway.create(wanted)
      expect(await gateway.send(page, upload)).toEqual({ error: NOT_ANSWERED })
      expect(problems[0]).toEqual(BLOCKED)
      expect(await foundOf(gateway, upload)).toEqual(['answer-hidden'])
      expect(await foundOf(gateway, upload, 'hint')).toContain('object-unsettled')
      expect((await gateway.complete(upload.id)).status).toBe(200)
      expect(await stored()).toEqual({ used: IMAGE_BYTES, pending: 0 })
    })
  })

  it('200: has parts signed one by one, where they did not come with the upload', async () => {
    gateway = await gatewayForPages(embeddedStore())
    await choose('cat.mp4')
    const wanted = { key: KEY, sizeBytes: VIDEO_BYTES, contentType: 'video/mp4' }
    const upload = await createParts(gateway, wanted)
    const first = { ...upload.multipart, parts: upload.multipart.parts.slice(0, 1) }
    const { parts } = await gateway.send(page, { ...upload, multipart: first })
    const answer = await gateway.call('POST', `/v1/uploads/${upload.id}/complete`, { parts })
    expect(await answer.json()).toMatchObject({ status: 'completed', sizeBytes: VIDEO_BYTES })
  })

  it('200: signs a part again that has ended, or that the store would not take', async () => {
    const store = embeddedStore()
    gateway = await gatewayForPages(store)
    await choose('cat.mp4')
    const wanted = { key: KEY, sizeBytes: VIDEO_BYTES, contentType: 'video/mp4' }
    const upload = await createParts(gateway, wanted)
    // They would be refused: not one of them may be used.
    const parts = upload.multipart.parts.map((part) => {
      return { ...part, request: { ...part.request, url: `${part.request.url}&X-Amz-Expires=1` } }
    })
    const ended = { ...upload.multipart, parts, partsExpireAt: '2020-01-01T00:00:00Z' }
    const refused = { times: 0 }
    await page.route(`${store.endpoint}/**`, async (route) => {
      const isFirst = /[?&]partNumber=1(?:&|$)/.test(route.request().url())
      if (isFirst && refused.times++ < 2) await route.fulfill({ status: 403, headers: LETS_IN })
      else await route.continue()
    })
    const answers = answersOf(page, store)
    const sent = await gateway.send(page, { ...upload, multipart: ended })
    await page.unrouteAll()
    expect(sent.error).toBeUndefined()
    expect(sorted(answers)).toEqual(['PUT 200', 'PUT 200', 'PUT 403', 'PUT 403'])
    const told = { parts: sent.parts }
    const answer = await gateway.call('POST', `/v1/uploads/${upload.id}/complete`, told)
    expect(await answer.json()).toMatchObject({ status: 'completed', sizeBytes: VIDEO_BYTES })
  })

  it('begins no other part when one has failed for good', async () => {
    const store = embeddedStore()
    gateway = await gatewayForPages(store)
    await choose('cat.mp4')
    const upload = await createParts(gateway, { key: KEY, sizeBytes: VIDEO_BYTES })
    const [first] = upload.multipart.parts
    if (first === undefined) throw new Error('the upload has no parts')
    const partSizeBytes = VIDEO_BYTES / 8
    const parts = Array.from({ length: 8 }, (_, index) => {
      const url = `${store.endpoint}/part?partNumber=${index + 1}`
      return { partNumber: index + 1, sizeBytes: partSizeBytes, request: { ...first.request, url } }
    })
    const multipart = { ...upload.multipart, partSizeBytes, partCount: 8, parts }
    const seen: string[] = []
    const failed = Promise.withResolvers<void>()
    await page.route(`${store.endpoint}/**`, async (route) => {
      const url = new URL(route.request().url())
      const part = url.searchParams.get('partNumber') ?? 'later'
      seen.push(part)
      if (part === '2' || part === '3') await failed.promise
      const headers = { ...LETS_IN, etag: '"e"' }
      await route.fulfill({ status: part === '1' ? 403 : 200, headers })
    })
    const { error } = await gateway.send(page, { ...upload, multipart })
    const others = Promise.all(
      ['2', '3'].map((part) =>
        page.waitForResponse((answer) => answer.url().endsWith(`partNumber=${part}`)),
      ),
    )
    failed.resolve()
    await others
    // Whatever the page had begun after those answers would have come before this.
    await page.evaluate((url) => fetch(url), `${store.endpoint}/later`)
    await page.unrouteAll()
    expect(error).toBe('The store says 403')
    expect(sorted(seen)).toEqual(['1', '1', '1', '2', '3', 'later'])
  })

  describeOnCeph('with forms on Ceph', (ceph) => {
    it('201: sends a picture with progress; it counts as its own size once the form has ended', async () => {
      gateway = await gatewayForPages(ceph)
      const answers = answersOf(page, ceph)
      await using _ = await slowLine(page, SLOW)
      await choose('cat.png')
      const wanted = { key: KEY, mode: 'post', maxSizeBytes: 2 * IMAGE_BYTES }
      const { upload, progress } = await gateway.upload(page, wanted)
      expect([problems, answers]).toEqual([[], ['POST 201']])
      expectToGrow(progress, IMAGE_BYTES)
      expect(upload).toMatchObject({ status: 'completed', sizeBytes: IMAGE_BYTES })
      expect(await stored()).toEqual({ used: 0, pending: 2 * IMAGE_BYTES })
      gateway.clock.advance(UNTIL_RELEASED_MS)
      await gateway.sweepAll()
      expect(await stored()).toEqual({ used: IMAGE_BYTES, pending: 0 })
      const link = await gateway.linkTo(KEY, { disposition: 'inline' })
      expect(await page.evaluate((url) => window.page.get(url), link)).toMatchObject({
        status: 200,
        type: 'image/png',
        sha256: sha256(image.bytes),
      })
    })

    it('400: a file of a byte more than the form takes, and nothing is charged', async () => {
      gateway = await gatewayForPages(ceph)
      const answers = answersOf(page, ceph)
      await choose('cat.png')
      const wanted = { key: KEY, mode: 'post', maxSizeBytes: IMAGE_BYTES - 1 }
      const sent = await gateway.upload(page, { ...wanted, contentType: 'image/png' })
      // Of this refusal Ceph says it with CORS headers.
      expect([sent.error, answers]).toEqual(['The store says 400', ['POST 400']])
      gateway.clock.advance(UNTIL_RELEASED_MS)
      await gateway.sweepAll()
      expect(await stored()).toEqual(FREE)
    })
  })
})

/** What the gateway finds about an upload that a page could not send: codes of one level. */
async function foundOf(
  gateway: GatewayForPages,
  { id }: AnyUpload,
  level = 'problem',
): Promise<string[]> {
  const answer = await gateway.call('GET', `/v1/uploads/${id}/diagnosis?origin=${APP_ORIGIN}`)
  const { findings } = (await answer.json()) as Diagnosis
  const codes = findings.filter((each) => each.level === level).map(({ code }) => code)
  // Of parts that nobody could send, some are missing.
  return codes.filter((code) => code !== 'parts-missing')
}

/** Progress that never goes back and ends at the whole size. */
function expectToGrow(progress: readonly (readonly [number, number])[], sizeBytes: number): void {
  const sent = progress.map(([bytes]) => bytes)
  expect(sent.length).toBeGreaterThan(1)
  expect(sent.at(-1)).toBe(sizeBytes)
  expect(sent).toEqual([...sent].sort((a, b) => a - b))
  for (const [, total] of progress) expect(total).toBe(sizeBytes)
}

function sorted(texts: readonly string[]): string[] {
  return [...texts].sort((a, b) => (a < b ? -1 : 1))
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}
