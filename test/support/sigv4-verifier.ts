import { createHash, createHmac } from 'node:crypto'

/** A request as a store receives it: nothing decoded, header names in lower case. */
export interface ReceivedRequest {
  method: string
  /** Path and query, byte for byte. */
  target: string
  /** With `host`, as sent. */
  headers: Readonly<Record<string, string | undefined>>
}

/** How a request was signed, however it says so. */
export interface ClaimedSignature {
  /** `YYYYMMDDTHHMMSSZ`. */
  readonly date: string
  /** Day, region, service and `aws4_request`. */
  readonly scope: readonly string[]
  readonly signedNames: readonly string[]
}

/**
 * Tells whether a presigned request is what the key's owner signed. Written from the AWS documents
 * ("Authenticating requests: using query parameters", "Create a signed request") with `node:crypto`
 * alone and none of Signet's code, so that it can contradict it. Whether it has expired is not asked.
 */
export function isRightlySigned(request: ReceivedRequest, secretAccessKey: string): boolean {
  const [, search = ''] = split(request.target, '?')
  const pairs = new Map(search.split('&').map((pair) => split(pair, '=')))
  const value = (name: string) => decodeURIComponent(pairs.get(name) ?? '')
  const claimed = {
    date: value('X-Amz-Date'),
    scope: value('X-Amz-Credential').split('/').slice(1),
    signedNames: value('X-Amz-SignedHeaders').split(';'),
  }
  return signatureOf(request, claimed, secretAccessKey) === value('X-Amz-Signature')
}

/** The same of a request that is signed in its `Authorization` header. */
export function isRightlyAuthorized(request: ReceivedRequest, secretAccessKey: string): boolean {
  const authorization = request.headers.authorization ?? ''
  const [, credential = '', names = '', signature = ''] =
    /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    ) ?? []
  // Without it nothing says what was signed of the body.
  if (request.headers['x-amz-content-sha256'] === undefined) return false
  const claimed = {
    date: request.headers['x-amz-date'] ?? '',
    scope: credential.split('/').slice(1),
    signedNames: names.split(';'),
  }
  return signatureOf(request, claimed, secretAccessKey) === signature
}

/** Whether a policy was signed by the key's owner; `fields` are those of the form. */
export function isRightlySignedPolicy(
  fields: Readonly<Record<string, string>>,
  secretAccessKey: string,
): boolean {
  const scope = (fields['x-amz-credential'] ?? '').split('/').slice(1)
  const { policy = '' } = fields
  return signatureOfText(policy, scope, secretAccessKey) === fields['x-amz-signature']
}

/**
 * The hexadecimal signature that a request ought to have, by query or by header: the same, for what
 * carries the signature is no part of it. By the same documents.
 */
export function signatureOf(
  request: ReceivedRequest,
  { date, scope, signedNames }: ClaimedSignature,
  secretAccessKey: string,
): string {
  const [path = '', search = ''] = split(request.target, '?')
  const pairs = search === '' ? [] : search.split('&').map((pair) => split(pair, '='))
  const canonicalRequest = [
    request.method,
    path.split('/').map(reencode).join('/'),
    pairs
      .filter(([name]) => name !== 'X-Amz-Signature')
      .map((pair) => pair.map(reencode).join('='))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      .join('&'),
    ...signedNames.map((name) => `${name}:${trimAll(request.headers[name] ?? '')}`),
    '',
    signedNames.join(';'),
    request.headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD',
  ].join('\n')
  const hash = createHash('sha256').update(canonicalRequest).digest('hex')
  const stringToSign = ['AWS4-HMAC-SHA256', date, scope.join('/'), hash].join('\n')
  return signatureOfText(stringToSign, scope, secretAccessKey)
}

/** The same of any text: of a form it is the policy in base64. */
export function signatureOfText(
  text: string,
  scope: readonly string[],
  secretAccessKey: string,
): string {
  let key: string | Buffer = `AWS4${secretAccessKey}`
  for (const part of scope) key = createHmac('sha256', key).update(part).digest()
  return createHmac('sha256', key).update(text).digest('hex')
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
