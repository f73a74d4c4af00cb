import {
  type SharedCeph,
  type SharedEmbedded,
  type SharedSwift,
  storeClient,
} from './stores-under-test.ts'

/** Request headers that a browser needs for a grant, whatever it binds. */
const ALLOWED_HEADERS = [
  'content-type',
  'content-encoding',
  'content-disposition',
  'cache-control',
  'content-md5',
  'if-none-match',
  'if-match',
  'x-amz-*',
]
const ALLOWED_METHODS = ['PUT', 'POST', 'GET', 'HEAD']
const XMLNS = 'http://s3.amazonaws.com/doc/2006-03-01/'

/**
 * Lets pages of these origins (or `*`) use grants of a bucket: PUT, POST of forms, GET and HEAD, with
 * the headers that grants name; scripts may read the ETag. Replaces the bucket's rules. Answers that
 * refuse (403) carry no CORS header on Ceph: a page sees a network error. Throws unless the store takes it.
 */
export async function allowOrigins(
  store: SharedCeph | SharedEmbedded,
  bucket: string,
  origins: readonly string[],
): Promise<void> {
  const each = (name: string, values: readonly string[]) =>
    values.map((value) => `<${name}>${value}</${name}>`).join('')
  const rule = [
    each('AllowedOrigin', origins),
    each('AllowedMethod', ALLOWED_METHODS),
    each('AllowedHeader', ALLOWED_HEADERS),
    each('ExposeHeader', ['ETag']),
  ].join('')
  const response = await storeClient(store).fetch(`${store.endpoint}/${bucket}?cors`, {
    method: 'PUT',
    body: `<CORSConfiguration xmlns="${XMLNS}"><CORSRule>${rule}</CORSRule></CORSConfiguration>`,
  })
  const said = await response.text()
  if (!response.ok) throw new Error(`Cannot allow origins: ${response.status} ${said}`)
}

/**
 * Lets scripts of one origin read what a bucket of Swift answers, the ETag included; Swift has no CORS
 * API of S3, this is its own. Preflights are a setting of the server: it answers those of `APP_ORIGIN`,
 * for any method and header. Throws unless Swift takes it.
 */
export async function allowOriginOnSwift(
  swift: SharedSwift,
  bucket: string,
  origin: string,
): Promise<void> {
  const { accessKeyId, secretAccessKey } = swift.credentials.main
  const entered = await fetch(`${swift.endpoint}/auth/v1.0`, {
    headers: { 'x-storage-user': accessKeyId, 'x-storage-pass': secretAccessKey },
  })
  await entered.bytes()
  // Parts lie in a container of their own, which PUT makes unless it is there.
  for (const container of [bucket, `${bucket}%2Bsegments`]) {
    const response = await fetch(`${entered.headers.get('x-storage-url')}/${container}`, {
      method: 'PUT',
      headers: {
        'x-auth-token': entered.headers.get('x-auth-token') ?? '',
        'x-container-meta-access-control-allow-origin': origin,
        'x-container-meta-access-control-expose-headers': 'etag',
      },
    })
    const said = await response.text()
    if (!response.ok) throw new Error(`Cannot allow an origin: ${response.status} ${said}`)
  }
}
