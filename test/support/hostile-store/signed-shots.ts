import { AwsV4Signer } from 'aws4fetch'

/** A store, a bucket in it, and the key pair to sign with. */
export interface Target {
  readonly endpoint: string
  readonly bucket: string
  readonly credential: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

/** A request by a signed URL: what is signed, and what is sent instead. */
export interface Shot {
  readonly method?: string
  readonly key?: string
  /** Signed headers, which are sent too. */
  readonly signed?: Readonly<Record<string, string>>
  /** Sent over the signed ones; `undefined` leaves one out. */
  readonly sent?: Readonly<Record<string, string | undefined>>
  readonly query?: Readonly<Record<string, string>>
  readonly expires?: string
  readonly signedSecondsAgo?: number
  readonly body?: string
  readonly sentMethod?: string
  /** Makes another URL of the signed one. */
  readonly changed?: (url: string) => string
}

/** An answer in short: `403 AccessDenied`; the code only where there is one. */
export async function shoot(target: Target, shot: Shot): Promise<string> {
  const answer = await answerOf(target, shot)
  const code = /<Code>(\w+)<\/Code>/.exec(await answer.text())?.[1]
  return code === undefined ? String(answer.status) : `${answer.status} ${code}`
}

/** The answer whole. */
export async function answerOf(target: Target, shot: Shot): Promise<Response> {
  const { method = 'PUT', signed = {}, sent = {}, body } = shot
  const { changed = (url) => url } = shot
  const headers = Object.entries({ ...signed, ...sent }).flatMap(([name, value]) =>
    value === undefined || name === 'content-length' ? [] : [[name, value] as [string, string]],
  )
  return fetch(changed(await presigned(target, shot)), {
    method: shot.sentMethod ?? method,
    headers,
    ...(body !== undefined && { body: new TextEncoder().encode(body) }),
  })
}

/** The URL of a shot. */
export async function presigned(
  { endpoint, bucket, credential }: Target,
  { method = 'PUT', key = 'a', signed = {}, query = {}, ...shot }: Shot,
): Promise<string> {
  const url = new URL(`${endpoint}/${bucket}/${key.split('/').map(encodeURIComponent).join('/')}`)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  url.searchParams.set('X-Amz-Expires', shot.expires ?? '60')
  const dateMs = Date.now() - (shot.signedSecondsAgo ?? 0) * 1_000
  const signer = new AwsV4Signer({
    ...credential,
    method,
    url: url.href,
    headers: new Headers(signed),
    datetime: `${new Date(dateMs).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`,
    service: 's3',
    region: 'us-east-1',
    signQuery: true,
    allHeaders: true,
  })
  return (await signer.sign()).url.href
}
