import { readCapped } from '../read-capped.ts'
import { type CorsRule, corsRulesXml, parseCorsRules } from './cors-rules.ts'
import { bucketLocation } from './object-url.ts'
import { errorCodeOf, type SignedCall, type StoreCall, unavailable } from './signed-call.ts'
import type { Placement } from './store.ts'
import type { StoreClient } from './store-client.ts'
import { usableAnswer } from './usable-answer.ts'

/** The part of a store client that is about pages of other origins. */
export type CorsCalls = Pick<StoreClient, 'corsRules' | 'putCorsRules'>

/** MD5 of UTF-8 text, 16 bytes. */
export type Md5Of = (text: string) => Uint8Array

// S3 takes 64 KiB (User Guide, CORS), and may send it back with other blanks.
const MAX_RULES_BYTES = 256 * 1024
/** How stores say that they do not know `?cors`. */
const NO_API: readonly number[] = [400, 405, 501]

/**
 * GetBucketCors and PutBucketCors by the `manage` key. Without `md5` no `content-md5` is sent, which some
 * stores ask for (AWS).
 */
export function createCorsCalls(call: SignedCall, md5: Md5Of | undefined): CorsCalls {
  return {
    corsRules: (placement) => readRules(call, placement),
    putCorsRules: (placement, rules) => writeRules(call, { placement, rules, md5 }),
  }
}

async function readRules(
  call: SignedCall,
  placement: Placement,
): Promise<readonly CorsRule[] | undefined> {
  const wanted: StoreCall = {
    ...ofBucket(placement),
    verb: 'read the CORS rules',
    method: 'GET',
    accepts: ({ status }) => status === 200 || status === 404 || NO_API.includes(status),
  }
  const response = await call(wanted)
  if (response.status === 200) {
    return usableAnswer(wanted, async () =>
      parseCorsRules(await readCapped(response, MAX_RULES_BYTES)),
    )
  }
  const code = await errorCodeOf(response)
  if (response.status !== 404) return undefined
  if (code === 'NoSuchCORSConfiguration') return []
  throw unavailable(wanted, { status: 404, code })
}

async function writeRules(
  call: SignedCall,
  {
    placement,
    rules,
    md5,
  }: { placement: Placement; rules: readonly CorsRule[]; md5: Md5Of | undefined },
): Promise<boolean> {
  const body = corsRulesXml(rules)
  const response = await call({
    ...ofBucket(placement),
    verb: 'set the CORS rules',
    method: 'PUT',
    headers: new Map([
      ['content-type', 'application/xml'],
      ...(md5 === undefined ? [] : [['content-md5', toBase64(md5(body))] as const]),
    ]),
    body,
    // 400 is no answer here: rules that a store finds fault with were not put, and may be by another.
    accepts: ({ status }) => status === 200 || status === 204 || status === 405 || status === 501,
  })
  await response.body?.cancel()
  return response.status === 200 || response.status === 204
}

function ofBucket({ store, bucket }: Placement) {
  return {
    store,
    location: bucketLocation(store, 'endpoint', bucket),
    query: new Map([['cors', '']]),
  }
}

function toBase64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
}
