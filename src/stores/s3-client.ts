import { type Clock, systemClock } from '../clock.ts'
import { lazily } from '../lazily.ts'
import { readCapped } from '../read-capped.ts'
import type { AccessRules } from './acl-answer.ts'
import type { Md5Of } from './cors-calls.ts'
import { parseHeadAnswer, storeTime } from './head-answer.ts'
import { bucketLocation, objectLocation, placedKey } from './object-url.ts'
import { USUAL_LISTING } from './profile.ts'
import { profileOf } from './profile-of.ts'
import {
  createSignedCall,
  type SendRequest,
  type SignedCall,
  type StoreCall,
  saysAway,
} from './signed-call.ts'
import type { Placement } from './store.ts'
import type { HeadResult, ListPage, ObjectPlace, StoreClient } from './store-client.ts'
import type { StoreHealth } from './store-health.ts'
import { usableAnswer } from './usable-answer.ts'

/** What the gateway's own calls need of the world. */
export interface StoreClientOptions {
  readonly fetch: SendRequest
  /** Dates the signatures. Default: the machine's clock. */
  readonly clock?: Clock
  /** Sees every call, and says which ones may be made. Default: nobody does. */
  readonly health?: StoreHealth
  /** Default: bodies go without `content-md5`. */
  readonly md5?: Md5Of
}

// 100 grants (S3 User Guide, access control list overview), and their surroundings.
const MAX_ACL_BYTES = 128 * 1024
// 1,000 keys of 1,024 bytes, each byte percent-encoded, and their surroundings, twice over.
const MAX_LIST_BYTES = 8 * 1024 * 1024

// What reads XML: no grant of a PUT or a form needs it.
const aclAnswer = lazily(() => import('./acl-answer.ts'))
const listAnswer = lazily(() => import('./list-answer.ts'))

/** Query name of the next page, by version. */
const AFTER = { 1: 'marker', 2: 'continuation-token' } as const
/** Query name of the key to begin after, by version. */
const START_AFTER = { 1: 'marker', 2: 'start-after' } as const

/** The S3 API as the gateway itself uses it, for stores of any provider. */
export function createStoreClient({
  fetch,
  clock = systemClock,
  health,
  md5,
}: StoreClientOptions): StoreClient {
  const call = createSignedCall({ send: fetch, clock, health })
  const multipart = lazily(async () => {
    const { createMultipartCalls } = await import('./multipart-calls.ts')
    return createMultipartCalls(call, clock)
  })
  const cors = lazily(async () => {
    const { createCorsCalls } = await import('./cors-calls.ts')
    return createCorsCalls(call, md5)
  })
  return {
    head: (place, versionId) => headObject(call, place, versionId),
    acl: (place) => readAcl(call, place),
    remove: (place) => removeObject(call, place),
    headBucket: (placement, check) => headBucket(call, placement, check),
    list: (placement, request) => listObjects(call, placement, request),
    createMultipart: async (...asked) => (await multipart()).createMultipart(...asked),
    listParts: async (...asked) => (await multipart()).listParts(...asked),
    completeMultipart: async (...asked) => (await multipart()).completeMultipart(...asked),
    abortMultipart: async (...asked) => (await multipart()).abortMultipart(...asked),
    listMultiparts: async (...asked) => (await multipart()).listMultiparts(...asked),
    corsRules: async (...asked) => (await cors()).corsRules(...asked),
    putCorsRules: async (...asked) => (await cors()).putCorsRules(...asked),
  }
}

async function headObject(
  call: SignedCall,
  place: ObjectPlace,
  versionId: string | undefined,
): Promise<HeadResult> {
  const wanted: StoreCall = {
    store: place.placement.store,
    verb: 'look at the object',
    method: 'HEAD',
    location: locationOf(place),
    query: new Map(versionId === undefined ? [] : [['versionId', versionId]]),
    background: place.background,
    isOfName: true,
    accepts: (response) => response.status === 200 || isAbsent(response),
  }
  const response = await call(wanted)
  if (isAbsent(response)) return { found: false, ...storeTime(response.headers) }
  return usableAnswer(wanted, () => parseHeadAnswer(response.headers))
}

// 405 with this header is a HEAD of a delete marker by its version (S3 API, HeadObject).
function isAbsent({ status, headers }: Response): boolean {
  return status === 404 || (status === 405 && headers.get('x-amz-delete-marker') === 'true')
}

/** Not known, and no failure: no such operation, no permission for it, or no object any more. */
const NO_ACL: readonly number[] = [400, 403, 404, 405, 501]

async function readAcl(call: SignedCall, place: ObjectPlace): Promise<AccessRules> {
  const wanted: StoreCall = {
    store: place.placement.store,
    verb: 'read the access rules',
    method: 'GET',
    location: locationOf(place),
    query: new Map([['acl', '']]),
    background: place.background,
    accepts: ({ status }) => status === 200 || NO_ACL.includes(status),
  }
  const response = await call(wanted)
  if (response.status !== 200) {
    await response.body?.cancel()
    return 'unknown'
  }
  const text = await usableAnswer(wanted, () => readCapped(response, MAX_ACL_BYTES))
  return (await aclAnswer()).parseAclAnswer(text)
}

async function removeObject(call: SignedCall, place: ObjectPlace): Promise<void> {
  const response = await call({
    store: place.placement.store,
    verb: 'remove the object',
    method: 'DELETE',
    location: locationOf(place),
    query: new Map(),
    background: place.background,
    accepts: ({ status }) => status === 204 || status === 200 || status === 404,
  })
  await response.body?.cancel()
}

async function headBucket(
  call: SignedCall,
  { store, bucket }: Placement,
  check?: { readonly signal: AbortSignal },
): Promise<void> {
  await call({
    store,
    verb: 'look at the bucket',
    method: 'HEAD',
    location: bucketLocation(store, 'endpoint', bucket),
    query: new Map(),
    background: true,
    isCheck: check !== undefined,
    signal: check?.signal,
    accepts: (response) => !saysAway(response),
  })
}

async function listObjects(
  call: SignedCall,
  { store, bucket, prefix }: Placement,
  request: Parameters<StoreClient['list']>[1],
): Promise<ListPage> {
  const listing = profileOf(store.provider)?.listing ?? USUAL_LISTING
  const wanted: StoreCall = {
    store,
    verb: 'list the objects',
    method: 'GET',
    location: bucketLocation(store, 'endpoint', bucket),
    query: new Map([
      ...(listing.version === 2 ? [['list-type', '2'] as const] : []),
      ['encoding-type', 'url'],
      ['max-keys', String(request.limit)],
      ['prefix', prefix + request.prefix],
      ...(request.after === undefined ? [] : [[AFTER[listing.version], request.after] as const]),
      ...(request.startAfter === undefined
        ? []
        : [[START_AFTER[listing.version], prefix + request.startAfter] as const]),
    ]),
    background: request.background,
    accepts: ({ status }) => status === 200,
  }
  const response = await call(wanted)
  return usableAnswer(wanted, async () => {
    const text = await readCapped(response, MAX_LIST_BYTES)
    return (await listAnswer()).parseListAnswer(text, { prefix, listing })
  })
}

function locationOf(place: ObjectPlace) {
  const { store, bucket } = place.placement
  return objectLocation(store, 'endpoint', bucket, placedKey(place))
}
