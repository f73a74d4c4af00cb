import type { Call } from './call.ts'
import { CHECKSUMS, hash } from './checksums.ts'
import { S3Error } from './s3-error.ts'

/** Holds a body against every digest that came with it. Throws 400, as AWS words it. */
export function checkBody(call: Call, body: Buffer): void {
  checkMd5(call, body)
  checkPayloadHash(call, body)
  for (const { header, lie, of } of CHECKSUMS) {
    const sent = call.lies('checksumsByQuery') ? call.query(header) : call.header(header)
    if (sent === undefined) continue
    if (call.lies('checksumsRefused')) {
      throw new S3Error(400, 'InvalidArgument', `Unsupported header '${header}'`)
    }
    if (sent === of(body)) continue
    call.refuse(new S3Error(400, 'BadDigest', `The ${header} you specified did not match`), lie)
  }
}

function checkMd5(call: Call, body: Buffer): void {
  const sent = call.header('content-md5')
  if (sent === undefined || sent === hash('md5', body)) return
  const isDigest = /^[A-Za-z0-9+/]{22}==$/.test(sent)
  const error = isDigest
    ? new S3Error(400, 'BadDigest', 'The Content-MD5 you specified did not match')
    : new S3Error(400, 'InvalidDigest', 'The Content-MD5 you specified is not valid')
  call.refuse(error, 'md5Ignored')
}

function checkPayloadHash(call: Call, body: Buffer): void {
  const sent = call.header('x-amz-content-sha256')
  if (sent === undefined || sent === 'UNSIGNED-PAYLOAD') return
  const isByQuery = call.header('authorization') === undefined
  if (isByQuery && call.lies('payloadHashRefused')) {
    throw new S3Error(403, 'SignatureDoesNotMatch', 'The request signature does not match')
  }
  if (sent.startsWith('STREAMING-')) {
    throw new S3Error(501, 'NotImplemented', 'Chunked uploads are not implemented')
  }
  if (sent === Buffer.from(hash('sha256', body), 'base64').toString('hex')) return
  call.refuse(
    new S3Error(400, 'XAmzContentSHA256Mismatch', 'The provided hash does not match'),
    'payloadHashIgnored',
  )
}
