import type { Answer, Call } from './call.ts'
import type { StoredObject } from './memory-bucket.ts'
import { versionHeaders } from './put-object.ts'
import { accessDenied, notImplemented, S3Error } from './s3-error.ts'
import { xmlOf } from './xml-of.ts'

/** `response-*` of a GET and the header that each stands for (S3 API, GetObject). */
const OVERRIDES = [
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-type',
  'expires',
]

/** GET and HEAD of an object. */
export function readObject(call: Call): Answer {
  const object = readable(call)
  const headers = {
    ...Object.fromEntries(object.headers),
    ...versionHeaders(object),
    etag: object.etag,
    'last-modified': new Date(object.modifiedMs).toUTCString(),
    'accept-ranges': 'bytes',
    ...tagCount(call, object),
    ...overridesOf(call),
  }
  const condition = conditionalStatus(call, object)
  if (condition !== undefined) return { status: condition, headers }
  const range = /^bytes=(\d+)-(\d*)$/.exec(call.header('range') ?? '')
  if (range === null) return { status: 200, headers, body: object.body }
  const { length } = object.body
  const from = Number(range[1])
  const to = Math.min(range[2] === '' ? length - 1 : Number(range[2]), length - 1)
  if (from >= length) throw new S3Error(416, 'InvalidRange', 'The range is not satisfiable')
  return {
    status: 206,
    headers: { ...headers, 'content-range': `bytes ${from}-${to}/${length}` },
    body: object.body.subarray(from, to + 1),
  }
}

/** GET ?tagging. */
export function readTags(call: Call): Answer {
  call.demand('read')
  if (call.lies('tagsRefused')) throw notImplemented('Tagging')
  if (call.lies('tagsHidden') || call.lies('tagsUncounted')) throw accessDenied()
  const tags = [...new URLSearchParams(present(call).tags)]
  const set = tags.map(
    ([key, value]) =>
      [
        'Tag',
        [
          ['Key', key],
          ['Value', value],
        ],
      ] as const,
  )
  return xml(xmlOf('Tagging', [['TagSet', set]]))
}

/** GET ?acl. */
export function readAcl(call: Call): Answer {
  call.demand('read')
  const { acl } = present(call)
  const group = 'http://acs.amazonaws.com/groups/global/AllUsers'
  const owner =
    '<Grant><Grantee><ID>owner</ID></Grantee><Permission>FULL_CONTROL</Permission></Grant>'
  const all = `<Grant><Grantee><URI>${group}</URI></Grantee><Permission>READ</Permission></Grant>`
  const grants = `${owner}${acl.startsWith('public-read') ? all : ''}`
  return xml(
    `<AccessControlPolicy><Owner><ID>owner</ID></Owner><AccessControlList>${grants}</AccessControlList></AccessControlPolicy>`,
  )
}

/** DELETE of an object or of one version. */
export function deleteObject(call: Call): Answer {
  call.demand('delete')
  const marker = call.bucket.remove(call.key, call.world.nowMs(), call.query('versionId'))
  const headers =
    marker === undefined ? {} : { ...versionHeaders(marker), 'x-amz-delete-marker': 'true' }
  return { status: 204, headers }
}

/** A body of XML, with 200. */
export function xml(body: string): Answer {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body }
}

/** What is there for whoever asks; anonymous ones see what is public. */
function readable(call: Call): StoredObject {
  if (call.credential !== undefined) {
    call.demand('read')
    return present(call)
  }
  const object = call.bucket.find(call.key)
  if (object === undefined || !object.acl.startsWith('public-read')) throw accessDenied()
  return object
}

function present(call: Call): StoredObject {
  const object = call.bucket.find(call.key, call.query('versionId'))
  if (object === undefined) {
    throw new S3Error(404, 'NoSuchKey', 'The specified key does not exist')
  }
  if (object.isMarker === true) {
    throw new S3Error(405, 'MethodNotAllowed', 'The method is not allowed against this resource')
  }
  return object
}

function conditionalStatus(call: Call, { etag }: StoredObject): number | undefined {
  const [match, none] = [call.header('if-match'), call.header('if-none-match')]
  if (match !== undefined && match !== etag) return 412
  return none === etag ? 304 : undefined
}

function tagCount(call: Call, { tags }: StoredObject): Record<string, string> {
  if (tags === '' || call.lies('tagsUncounted')) return {}
  return { 'x-amz-tagging-count': String([...new URLSearchParams(tags)].length) }
}

/** Only for those who signed them (S3 API, GetObject); the first of a name, but for a lie. */
function overridesOf(call: Call): Record<string, string> {
  if (call.lies('overridesDropped') || call.credential === undefined) return {}
  const headers: Record<string, string> = {}
  for (const name of OVERRIDES) {
    if (name === 'content-type' && call.lies('overridesTypeDropped')) continue
    const all = call.received.pairs.filter(([other]) => other === `response-${name}`)
    const value = (call.lies('duplicateOverride') ? all.at(-1) : all[0])?.[1]
    if (value !== undefined) headers[name] = value
  }
  return headers
}
