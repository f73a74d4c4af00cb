import type { StoreUnderTest } from '../support/stores/stores-under-test.ts'
import type { TestGatewayOptions } from '../support/test-gateway.ts'
import {
  AFTER_URL_MS,
  type Created,
  type GatewayOnStore,
  gatewayOnStore,
  storeSettings,
} from './gateway-on-store.ts'

/** The smallest part that a store takes before the last one. */
export const PART_BYTES = 5 * 2 ** 20
/** Two full parts and a rest. */
export const THREE_PARTS_BYTES = 2 * PART_BYTES + 3
/** Default of `upload.multipartLifetimeSeconds`, in milliseconds. */
export const LIFETIME_MS = 86_400_000

/** Default of `upload.expiresInSecondsMax`, in milliseconds: no part URL lasts longer. */
export const LONGEST_URL_MS = 3_600_000
/** From an abort until no store takes any part of the upload, in milliseconds, and a look after it. */
export const PARTS_OVER_MS = LONGEST_URL_MS + AFTER_URL_MS + 6_000

/** Lets the time pass after which aborted uploads are certainly over, and sweeps. */
export async function untilPartsAreOver({
  clock,
  sweepAll,
}: Pick<GatewayOnStore, 'clock' | 'sweepAll'>): Promise<void> {
  clock.advance(PARTS_OVER_MS)
  await sweepAll()
}

/** A part as the API's answer has it. */
export interface Part {
  readonly partNumber: number
  readonly sizeBytes: number
  readonly request: {
    readonly method: string
    readonly url: string
    readonly headers: Record<string, string>
  }
}

/** A created upload of parts. */
export interface CreatedParts extends Created {
  readonly multipart: {
    readonly partSizeBytes: number
    readonly partCount: number
    readonly parts: readonly Part[]
    readonly partsExpireAt: string
  }
}

/** A gateway on a real store that cuts into the smallest parts. */
export function gatewayForParts(
  store: StoreUnderTest,
  options: TestGatewayOptions & Parameters<typeof gatewayOnStore>[1] = {},
): Promise<GatewayOnStore> {
  const settings = storeSettings(store)
  const capabilities = {
    ...(settings.capabilities as Record<string, unknown>),
    preferredPartBytes: PART_BYTES,
    multipart: 'yes',
    writeOnceMultipart: 'no',
  }
  return gatewayOnStore(store, { ...options, store: { capabilities, ...options.store } })
}

/** POST /v1/uploads with mode "multipart": three parts unless the body says otherwise. */
export async function createParts(
  gateway: GatewayOnStore,
  body: Readonly<Record<string, unknown>> = {},
  headers: Record<string, string> = {},
): Promise<CreatedParts> {
  const wanted = { mode: 'multipart', sizeBytes: THREE_PARTS_BYTES, ...body }
  return (await gateway.create(wanted, headers)) as CreatedParts
}

/** Sends a part of zeros, or of other bytes; answers the store's status and the part's ETag. */
export async function putPart(
  { request, sizeBytes }: Part,
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(sizeBytes),
): Promise<{ status: number; etag: string }> {
  const { url, headers } = request
  const answer = await fetch(url, { method: 'PUT', headers, body: bytes })
  await answer.bytes()
  return { status: answer.status, etag: answer.headers.get('etag') ?? '' }
}

/** Sends all parts; what `complete` wants to hear of them. */
export async function putParts(
  parts: readonly Part[],
): Promise<{ partNumber: number; etag: string }[]> {
  const sent: { partNumber: number; etag: string }[] = []
  for (const part of parts) {
    const { status, etag } = await putPart(part)
    if (status !== 200) throw new Error(`Cannot send part ${part.partNumber}: ${status}`)
    sent.push({ partNumber: part.partNumber, etag })
  }
  return sent
}
