import type { Page, Response as PageResponse } from 'playwright-core'
import { listenNode } from '../../src/runtime/listen-node.ts'
import { allowOriginOnSwift, allowOrigins } from '../support/stores/bucket-cors.ts'
import { APP_ORIGIN, type StoreUnderTest } from '../support/stores/stores-under-test.ts'
import type { TestGatewayOptions } from '../support/test-gateway.ts'
import { type GatewayOnStore, gatewayOnStore, storeSettings } from './gateway-on-store.ts'
import { type CreatedParts, PART_BYTES } from './multipart-fixture.ts'

/** Where a page finds its gateway, and what it shows there. */
interface Signet {
  readonly url: string
  readonly token: string
}

/** A grant of any form. */
export type AnyUpload = Partial<CreatedParts> & {
  readonly id: string
  readonly form?: { readonly url: string; readonly fields: Record<string, string> }
}

/** An upload as the page has seen it. */
export interface PageUpload {
  readonly upload?: { readonly id: string; readonly key: string; readonly status: string }
  readonly error?: string
  /** Bytes sent and bytes in all, in the order of the events. */
  readonly progress: readonly (readonly [number, number])[]
}

/** What the page has to say after sending by a grant. */
interface PageSending {
  readonly error?: string
  readonly parts?: readonly { readonly partNumber: number; readonly etag: string }[]
}

declare global {
  interface Window {
    /** What `page.js` offers to tests. */
    page: {
      upload(signet: Signet, wanted: unknown): Promise<PageUpload>
      send(signet: Signet, upload: AnyUpload): Promise<PageSending>
      get(url: string, range?: string): Promise<Record<string, unknown>>
      imageSize(url: string): Promise<[number, number]>
      playFrom(url: string, seconds: number): Promise<Record<string, unknown>>
    }
  }
}

/** A gateway that listens, and whose real store pages of another origin may use. */
export interface GatewayForPages extends GatewayOnStore {
  /** The page uploads its chosen file and completes it. */
  upload(page: Page, wanted?: Readonly<Record<string, unknown>>): Promise<PageUpload>
  /** The page sends its chosen file by this grant, whatever it was meant for. */
  send(page: Page, upload: AnyUpload): Promise<PageSending>
  /** URL of a pre-signed GET. */
  linkTo(key: string, options?: Readonly<Record<string, unknown>>): Promise<string>
}

/**
 * Opens a gateway on loopback for pages of `APP_ORIGIN`, with parts of the smallest size. `rule`: whether
 * the store's bucket lets that origin in as well. Default true.
 */
export async function gatewayForPages(
  store: StoreUnderTest,
  { rule = true, ...options }: TestGatewayOptions & { readonly rule?: boolean } = {},
): Promise<GatewayForPages> {
  const capabilities = {
    preferredPartBytes: PART_BYTES,
    multipart: 'yes',
    writeOnceMultipart: 'no',
  }
  const gateway = await gatewayOnStore(store, {
    server: { cors: { origins: [APP_ORIGIN] } },
    store: {
      capabilities: { ...(storeSettings(store).capabilities as object), ...capabilities },
    },
    bucket: { download: { disposition: 'inline' } },
    ...options,
  })
  if (rule) await allowPage(store, gateway.storeBucket)
  const { server } = gateway.context.config
  const api = await listenNode(gateway.app.fetch, { host: '127.0.0.1', port: 0 }, server)
  const signet = { url: `http://127.0.0.1:${api.address.port}`, token: gateway.key() }
  return {
    ...gateway,
    upload: (page, wanted) =>
      page.evaluate(([to, what]) => window.page.upload(to, what), [
        signet,
        { bucket: 'media', ...wanted },
      ] as const),
    send: (page, upload) =>
      page.evaluate(([to, grant]) => window.page.send(to, grant), [signet, upload] as const),
    async linkTo(key, options) {
      const answer = await gateway.call('POST', '/v1/downloads', {
        bucket: 'media',
        key,
        ...options,
      })
      if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`)
      const { request } = (await answer.json()) as { request: { url: string } }
      return request.url
    },
    async close() {
      await api.stop(0)
      await gateway.close()
    },
  }
}

async function allowPage(store: StoreUnderTest, bucket: string): Promise<void> {
  if (store.kind === 'swift') await allowOriginOnSwift(store, bucket, APP_ORIGIN)
  else await allowOrigins(store, bucket, [APP_ORIGIN])
}

/** What the store answers to the page's requests, preflights left out, in order: method and status. */
export function answersOf(page: Page, store: StoreUnderTest): string[] {
  const seen: string[] = []
  page.on('response', (response: PageResponse) => {
    if (!response.url().startsWith(`${store.endpoint}/`)) return
    seen.push(`${response.request().method()} ${response.status()}`)
  })
  return seen
}

/**
 * Until it is disposed of, the page sends no more than this: then a script sees progress, and not only
 * the end of it.
 */
export async function slowLine(page: Page, bytesPerSecond: number): Promise<AsyncDisposable> {
  const devTools = await page.context().newCDPSession(page)
  await devTools.send('Network.emulateNetworkConditions', {
    offline: false,
    latency: 0,
    downloadThroughput: -1,
    uploadThroughput: bytesPerSecond,
  })
  return { [Symbol.asyncDispose]: () => devTools.detach() }
}
