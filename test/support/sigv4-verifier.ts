import { createHash, createHmac } from 'node:crypto'

/** A request as a store receives it: nothing decoded, header names in lower case. */
export interface ReceivedRequest {
  method: string
  /** Path and query, byte for byte. */
  target: string
  /** With `host`, as sent. */
  headers: Readonly<Record<string, string | undefined>>
}

/**
 * Tells whether a presigned request is what the key's owner signed. Written from the AWS documents
 * ("Authenticating requests: using query parameters", "Create a signed request") with `node:crypto`
 * alone and none of Signet's code, so that it can contradict it. Whether it has expired is not asked.
 */
export function isRightlySigned(request: ReceivedRequest, secretAccessKey: string): boolean {
  const pairs = pairsOf(request)
  const value = (name: string) => decodeURIComponent(new Map(pairs).get(name) ?? '')
  return isSignature(request, secretAccessKey, {
    names: value('X-Amz-SignedHeaders').split(';'),
    scope: value('X-Amz-Credential').split('/').slice(1),
    date: value('X-Amz-Date'),
    pairs: pairs.filter(([name]) => name !== 'X-Amz-Signature'),
    payload: request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD',
    signature: value('X-Amz-Signature'),
  })
}

/** The same of a request that is signed in its `Authorization` header. */
export function isRightlyAuthorized(request: ReceivedRequest, secretAccessKey: string): boolean {
  const authorization = request.headers.authorization ?? ''
  const [, credential = '', names = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    ) ?? []
  return isSignature(request, secretAccessKey, {
    names: names.split(';'),
    scope: credential.split('/').slice(1),
    date: request.headers['x-amz-date'] ?? '',
    pairs: pairsOf(request),
    payload: request.headers['x-amz-content-sha256'] ?? '',
    signature,
  })
}

interface Signed {
  readonly names: readonly string[]
  readonly scope: readonly string[]
  readonly date: string
  readonly pairs: readonly (readonly [string, string])[]
  readonly payload: string
  readonly signature: string
}

function isSignature(request: ReceivedRequest, secretAccessKey: string, signed: Signed): boolean {
  const { names, scope, date, pairs, payload, signature } = signed
  const [path = ''] = split(request.target, '?')
  const canonicalRequest = [
    request.method,
    path.split('/').map(reencode).join('/'),
    pairs
      .map((pair) => pair.map(reencode).join('='))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .join('&'),
    ...names.map((name) => `${name}:${trimAll(request.headers[name] ?? '')}`),
    '',
    names.join(';'),
    payload,
  ].join('\n')
  const hash = createHash('sha256').update(canonicalRequest).digest('hex')
  const stringToSign = ['AWS4-HMAC-SHA256', date, scope.join('/'), hash].join('\n')
  return keyedHex(secretAccessKey, [...scope, stringToSign]) === signature
}

/** Whether a policy was signed by the key's owner; `fields` are those of the form. */
export function isRightlySignedPolicy(
  fields: Readonly<Record<string, string>>,
  secretAccessKey: string,
): boolean {
  const scope = (fields['x-amz-credential'] ?? '').split('/').slice(1)
  const { policy = '' } = fields
  return keyedHex(secretAccessKey, [...scope, policy]) === fields['x-amz-signature']
}

function keyedHex(secretAccessKey: string, parts: readonly string[]): string {
  let key: string | Buffer = `AWS4${secretAccessKey}`
  for (const part of parts) key = createHmac('sha256', key).update(part).digest()
  return Buffer.isBuffer(key) ? key.toString('hex') : ''
}

function pairsOf({ target }: ReceivedRequest): [string, string][] {
  const [, search = ''] = split(target, '?')
  return search === '' ? [] : search.split('&').map((pair) => split(pair, '='))
}

function split(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}

/** `UriEncode` of the AWS documents: bytes other than `A-Za-z0-9-._~` as `%XX`. */
function reencode(text: string): string {
  let encoded = ''
  for (const byte of Buffer.from(decodeURIComponent(text))) {
    const character = String.fromCharCode(byte)
    const plain = /[A-Za-z0-9\-._~]/.test(character)
    encoded += plain ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
  }
  return encoded
}

function trimAll(text: string): string {
  return text.trim().replaceAll(/ +/g, ' ')
}
