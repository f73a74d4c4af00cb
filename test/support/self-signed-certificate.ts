import { type KeyObject, sign } from 'node:crypto'

/** Algorithms that these certificates are signed with, DER: `sha256WithRSAEncryption`, `ecdsa-with-SHA256`. */
const ALGORITHMS: Readonly<Record<string, string>> = {
  rsa: '300d06092a864886f70d01010b0500',
  ec: '300a06082a8648ce3d040302',
}

/** An X.509 certificate for a key pair, PEM, signed by itself (RFC 5280 section 4.1). */
export function selfSignedCertificate(keys: {
  readonly publicKey: KeyObject
  readonly privateKey: KeyObject
}): string {
  const algorithm = Buffer.from(ALGORITHMS[keys.publicKey.asymmetricKeyType ?? ''] ?? '', 'hex')
  // One relative name: commonName (2.5.4.3) "signet".
  const name = sequence(
    tagged(0x31, sequence(Buffer.from('0603550403', 'hex'), tagged(0x0c, 'signet'))),
  )
  const validity = sequence(tagged(0x17, '200101000000Z'), tagged(0x17, '491231235959Z'))
  const toBeSigned = sequence(
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.from([1])),
    algorithm,
    name,
    validity,
    name,
    keys.publicKey.export({ type: 'spki', format: 'der' }),
  )
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', toBeSigned, keys.privateKey)])
  const der = sequence(toBeSigned, algorithm, tagged(0x03, signature))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n')
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts))
}

/** DER: tag, length, content (X.690 section 8.1). */
function tagged(tag: number, content: Buffer | string): Buffer {
  const bytes = Buffer.from(content)
  const { length } = bytes
  const head = length < 128 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(head), bytes])
}
