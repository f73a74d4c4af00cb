import { verify, X509Certificate } from 'node:crypto'
import type { VerifyWithCertificate } from '../stores/events/event-ports.ts'

const MIN_KEY_BITS = 2_048

/**
 * Checks a signature by the RSA key of a certificate. Its dates and issuer are not looked at: whoever
 * gives the certificate has fetched it from the host that vouches for it.
 */
export const verifyWithCertificate: VerifyWithCertificate = ({ pem, data, signature, hash }) => {
  try {
    const { publicKey } = new X509Certificate(pem)
    const { asymmetricKeyType, asymmetricKeyDetails } = publicKey
    const isStrong = (asymmetricKeyDetails?.modulusLength ?? 0) >= MIN_KEY_BITS
    if (asymmetricKeyType !== 'rsa' || !isStrong) return false
    return verify(hash === 'SHA-1' ? 'sha1' : 'sha256', data, publicKey, signature)
  } catch {
    return false
  }
}
