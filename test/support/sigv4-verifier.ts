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
  const [path = '', search = ''] = split(request.target, '?')
  const pairs = search.split('&').map((pair) => split(pair, '='))
  const value = (name: string) => decodeURIComponent(new Map(pairs).get(name) ?? '')
  const signedNames = value('X-Amz-SignedHeaders').split(';')
  const scope = value('X-Amz-Credential').split('/').slice(1)
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
  const stringToSign = ['AWS4-HMAC-SHA256', value('X-Amz-Date'), scope.join('/'), hash].join('\n')
  let key: string | Buffer = `AWS4${secretAccessKey}`
  for (const part of [...scope, stringToSign]) key = createHmac('sha256', key).update(part).digest()
  return Buffer.isBuffer(key) && key.toString('hex') === value('X-Amz-Signature')
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
