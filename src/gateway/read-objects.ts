import { credentialName, type Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import { hasControl, ObjectKey } from '../object-key.ts'
import { accessDenied, authorize, readablePrefixes } from '../policy/authorize.ts'
import type { Bucket } from '../stores/bucket.ts'
import { placeAt } from '../stores/place-object.ts'
import { placementsOf } from '../stores/placement-order.ts'
import { isReservedKey } from '../stores/reserved-keys.ts'
import type { HeadResult, ListedObject } from '../stores/store-client.ts'
import { chargeRequests } from './charge-requests.ts'
import type { GatewayContext } from './context.ts'
import { openCursor, sealCursor } from './cursor.ts'
import { assertSearchable, findObject, type ObjectToLocate } from './locate-object.ts'
import { mergedPage } from './merge-listings.ts'
import { assertCallable } from './store-fitness.ts'

/**
 * HEAD of an object below what the caller may read, or of one of its versions, which needs a permission
 * of its own. Throws `AccessDenied`, `NoSuchKey`.
 */
export async function headObject(
  context: GatewayContext,
  principal: Principal,
  target: { bucket: string; key: ObjectKey; versionId?: string | undefined },
): Promise<Extract<HeadResult, { found: true }>> {
  const { key, versionId } = target
  authorize(principal, { operation: 'download', bucket: target.bucket, key })
  if (versionId !== undefined) {
    authorize(principal, { operation: 'versions', bucket: target.bucket, key })
  }
  const bucket = bucketOf(context, target.bucket)
  const { tenant, region } = principal
  const object = { tenant, region, key, versionId }
  assertSearchable(context, bucket, object)
  await chargeRequests(context, principal, 1)
  const head = await headWherever(context, bucket, object)
  if (!head.found) throw new GatewayError('NoSuchKey', 'Cannot find the object: no such key')
  return head
}

async function headWherever(
  context: GatewayContext,
  bucket: Bucket,
  object: ObjectToLocate,
): Promise<HeadResult> {
  const { key, versionId } = object
  if (bucket.placements.length === 1) {
    return context.storeClient.head(placeAt(bucket.placements[0], key), versionId)
  }
  const found = await findObject(context, bucket, object)
  if (found === undefined) return { found: false }
  if (versionId === undefined || found.head.versionId === versionId) return found.head
  return context.storeClient.head(found.place, versionId)
}

export interface ListObjectsRequest {
  readonly principal: Principal
  readonly bucket: string
  readonly prefix: string
  /** 1 to 1,000. */
  readonly limit: number
  readonly cursor?: string | undefined
}

export interface ObjectPage {
  readonly objects: readonly ListedObject[]
  readonly nextCursor?: string
}

/**
 * Lists what the caller may list below `prefix`. A prefix above the caller's own shows the caller's
 * own part of it, one permitted prefix after the other; one beside it is `AccessDenied`. What a probe
 * has written is not shown.
 */
export async function listObjects(
  context: GatewayContext,
  { principal, bucket: name, prefix, limit, cursor }: ListObjectsRequest,
): Promise<ObjectPage> {
  assertPrefix(prefix)
  const prefixes = permittedPrefixes(principal, name, prefix)
  const bucket = bucketOf(context, name)
  const scope = [
    'objects',
    principal.tenant,
    principal.user,
    credentialName(principal),
    name,
    prefix,
  ]
  const position: Position =
    cursor === undefined ? { prefix: 0 } : parsePosition(openCursor(context, scope, cursor))
  const within = prefixes[position.prefix]
  if (within === undefined) return { objects: [] }
  const asked = placementsOf(bucket, { tenant: principal.tenant, key: within })
  for (const { store } of asked) assertCallable(context, store)
  await chargeRequests(context, principal, 1)
  const { prefix: at, ...from } = position
  const page = await pageOf(context, bucket, { principal, prefix: within, limit, from })
  const next = nextPosition(at, page.next, prefixes.length)
  return {
    objects: page.objects,
    ...(next !== undefined && { nextCursor: sealCursor(context, scope, JSON.stringify(next)) }),
  }
}

/** How far a list below one prefix has come: the store's token, or the last key of several stores' lists. */
interface ListedUpTo {
  readonly after?: string
  readonly last?: string
}

interface Position extends ListedUpTo {
  /** Which of the permitted prefixes. */
  readonly prefix: number
}

async function pageOf(
  context: GatewayContext,
  bucket: Bucket,
  {
    principal: { tenant, region },
    prefix,
    limit,
    from,
  }: Pick<ListObjectsRequest, 'principal' | 'prefix' | 'limit'> & { readonly from: ListedUpTo },
): Promise<{ readonly objects: readonly ListedObject[]; readonly next?: ListedUpTo }> {
  const [placement, ...others] = bucket.placements
  // Where there were several of them, or only one, when the list began, its place is known all the same or not.
  if (others.length > 0 && from.after !== undefined) throw movedMeanwhile()
  if (others.length > 0) {
    const { last, ...page } = await mergedPage(context, bucket, {
      ...{ tenant, region, prefix, limit },
      ...(from.last !== undefined && { startAfter: from.last }),
    })
    return { ...page, ...(last !== undefined && { next: { last } }) }
  }
  const { last: startAfter, after } = from
  const { objects, next } = await context.storeClient.list(placement, {
    ...{ prefix, limit },
    ...(after !== undefined && { after }),
    ...(startAfter !== undefined && { startAfter }),
  })
  return {
    objects: objects.filter(({ key }) => !isReservedKey(placement.prefix + key)),
    ...(next !== undefined && { next: { after: next } }),
  }
}

function nextPosition(
  prefix: number,
  next: ListedUpTo | undefined,
  count: number,
): Position | undefined {
  if (next !== undefined) return { prefix, ...next }
  return prefix + 1 < count ? { prefix: prefix + 1 } : undefined
}

// Only text that we sealed comes here.
function parsePosition(text: string): Position {
  return JSON.parse(text) as Position
}

function movedMeanwhile(): GatewayError {
  return new GatewayError('InvalidRequest', 'Cannot list: the bucket lay elsewhere before', {
    fields: [{ path: 'cursor', message: 'is of a list that has to begin anew' }],
  })
}

function bucketOf(context: Pick<GatewayContext, 'config'>, name: string): Bucket {
  const bucket = context.config.buckets.get(name)
  if (bucket === undefined) throw accessDenied()
  return bucket
}

/** What may be listed of `prefix`: itself below a permitted one, or the permitted ones below it. */
function permittedPrefixes(principal: Principal, bucket: string, prefix: string): string[] {
  const permitted = readablePrefixes(principal, bucket, 'list')
  if (permitted.some((own) => prefix.startsWith(own))) return [prefix]
  const below = permitted.filter((own) => own.startsWith(prefix))
  if (below.length === 0) throw accessDenied()
  return below
}

/** A prefix is refused when no key could have it. */
function assertPrefix(prefix: string): void {
  if (prefix === '') return
  // A key below the prefix: what the grammar refuses there, no object can have.
  const example = prefix.endsWith('/') ? `${prefix}x` : prefix
  const cutSegment = /(?:^|\/)\.{1,2}$/.test(prefix)
  if (hasControl(prefix)) throw invalidPrefix()
  try {
    ObjectKey.parse(cutSegment ? `${example}x` : example)
  } catch (cause) {
    throw invalidPrefix(cause)
  }
}

function invalidPrefix(cause?: unknown): GatewayError {
  return new GatewayError('InvalidRequest', 'Cannot list: no key could have this prefix', {
    fields: [{ path: 'prefix', message: 'is no beginning of an object key' }],
    cause,
  })
}
