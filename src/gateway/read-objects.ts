import { credentialName, type Principal } from '../auth/principal.ts'
import { GatewayError } from '../errors.ts'
import { hasControl, ObjectKey } from '../object-key.ts'
import { accessDenied, authorize, readablePrefixes } from '../policy/authorize.ts'
import type { Bucket } from '../stores/bucket.ts'
import { placeNew } from '../stores/place-object.ts'
import { isReservedKey } from '../stores/reserved-keys.ts'
import type { HeadResult, ListedObject } from '../stores/store-client.ts'
import { chargeRequests } from './charge-requests.ts'
import type { GatewayContext } from './context.ts'
import { openCursor, sealCursor } from './cursor.ts'
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
  const place = placeNew(bucket, key)
  assertCallable(context, place.placement.store)
  await chargeRequests(context, principal, 1)
  const head = await context.storeClient.head(place, versionId)
  if (!head.found) throw new GatewayError('NoSuchKey', 'Cannot find the object: no such key')
  return head
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
  const position =
    cursor === undefined ? { prefix: 0 } : parsePosition(openCursor(context, scope, cursor))
  const within = prefixes[position.prefix]
  if (within === undefined) return { objects: [] }
  const [placement] = bucket.placements
  assertCallable(context, placement.store)
  await chargeRequests(context, principal, 1)
  const page = await context.storeClient.list(placement, {
    prefix: within,
    limit,
    ...(position.after !== undefined && { after: position.after }),
  })
  const next = nextPosition(position.prefix, page.next, prefixes.length)
  return {
    objects: page.objects.filter(({ key }) => !isReservedKey(placement.prefix + key)),
    ...(next !== undefined && { nextCursor: sealCursor(context, scope, JSON.stringify(next)) }),
  }
}

interface Position {
  readonly prefix: number
  readonly after?: string
}

function nextPosition(prefix: number, after: string | undefined, count: number) {
  if (after !== undefined) return { prefix, after }
  return prefix + 1 < count ? { prefix: prefix + 1 } : undefined
}

// Only text that we sealed comes here.
function parsePosition(text: string): Position {
  return JSON.parse(text) as Position
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
