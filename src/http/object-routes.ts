import type * as z from 'zod/mini'
import { GatewayError } from '../errors.ts'
import { lazily } from '../lazily.ts'
import type { ObjectKey } from '../object-key.ts'
import { objectTarget, rawPathOf, refuseDotSegments } from './raw-key.ts'
import { type Route, type RouteCall, route } from './route.ts'
import { listObjectsQuery, objectPageSchema, openObjectQuery } from './schemas.ts'

const deleting = lazily(() => import('../gateway/delete-object.ts'))
const reading = lazily(() => import('../gateway/read-objects.ts'))
const signing = lazily(() => import('../gateway/sign-download.ts'))

const listing = route({
  method: 'GET',
  path: '/v1/objects/:bucket',
  operationId: 'listObjects',
  summary: 'Objects of a bucket, within what the caller may list',
  query: listObjectsQuery,
  responses: { 200: { description: 'A page', schema: objectPageSchema } },
  errors: [
    'AccessDenied',
    'QuotaExceeded',
    'SlowDown',
    'LedgerUnavailable',
    'StoreUnavailable',
    'Overloaded',
  ],
  async handle(call) {
    const { bucket } = targetOf(call)
    const { prefix, limit, cursor } = call.query as z.output<typeof listObjectsQuery>
    const { context, principal } = call
    const { listObjects } = await reading()
    return Response.json(await listObjects(context, { principal, bucket, prefix, limit, cursor }))
  },
})

const open = route({
  method: 'GET',
  path: '/v1/objects/:bucket/*',
  operationId: 'openObject',
  summary: 'Redirect to a pre-signed GET of the object; HEAD answers size, type and ETag',
  query: openObjectQuery,
  responses: {
    307: {
      description:
        'Redirect to the store. Follow it without `Authorization`: a client that sends that along hands the API key to the store, and most stores refuse a request with two credentials',
      headers: { Location: 'The pre-signed GET' },
    },
    200: { description: 'HEAD: size, type and ETag in the headers' },
  },
  errors: [
    'InvalidKey',
    'AccessDenied',
    'NoSuchKey',
    'QuotaExceeded',
    'UnsupportedByStore',
    'SlowDown',
    'LedgerUnavailable',
    'StoreUnavailable',
    'Overloaded',
  ],
  async handle(call) {
    const { context, principal, requestId } = call
    const target = objectOf(call)
    const asked = call.query as z.output<typeof openObjectQuery>
    if (call.http.req.raw.method === 'HEAD') {
      return describe(call, { ...target, versionId: asked.versionId })
    }
    const wanted = [{ bucket: target.bucket, key: target.key.text, ...asked }] as const
    const { signDownloads } = await signing()
    const [grant] = await signDownloads(context, { principal, wanted, requestId })
    if (grant === undefined) throw new GatewayError('InternalError', 'Cannot redirect: no grant')
    return new Response(null, {
      status: 307,
      headers: {
        location: grant.url.reveal(),
        'referrer-policy': 'no-referrer',
        vary: 'Authorization',
      },
    })
  },
})

const remove = route({
  method: 'DELETE',
  path: '/v1/objects/:bucket/*',
  operationId: 'deleteObject',
  summary: 'Delete an object and credit stored totals with its real size; repeatable',
  responses: { 204: { description: 'It is not there (any more)' } },
  errors: [
    'InvalidKey',
    'AccessDenied',
    'QuotaExceeded',
    'SlowDown',
    'StoreUnavailable',
    'LedgerUnavailable',
    'Overloaded',
  ],
  async handle(call) {
    const { context, principal, requestId } = call
    const { deleteObject } = await deleting()
    await deleteObject(context, { principal, requestId, ...objectOf(call) })
    return new Response(null, { status: 204 })
  },
})

/** Routes of objects. */
export const OBJECT_ROUTES: readonly Route[] = [listing, open, remove]

async function describe(
  { context, principal }: RouteCall,
  target: { bucket: string; key: ObjectKey; versionId: string | undefined },
): Promise<Response> {
  const { headObject } = await reading()
  const head = await headObject(context, principal, target)
  const headers = new Headers({
    'content-length': String(head.sizeBytes),
    'content-type': head.contentType,
    etag: head.etag,
    vary: 'Authorization',
  })
  if (head.lastModified !== undefined) {
    headers.set('last-modified', new Date(head.lastModified).toUTCString())
  }
  if (head.versionId !== undefined) headers.set('x-amz-version-id', head.versionId)
  return new Response(null, { headers })
}

function objectOf(call: RouteCall): { bucket: string; key: ObjectKey } {
  const { bucket, key } = targetOf(call)
  if (key === undefined) throw new GatewayError('InvalidKey', 'Cannot use the path: no key in it')
  return { bucket, key }
}

function targetOf({ context, http }: RouteCall) {
  const raw = context.rawTargetOf?.(http.env)
  if (raw !== undefined) refuseDotSegments(rawPathOf(raw))
  return objectTarget(rawPathOf(http.req.url))
}
