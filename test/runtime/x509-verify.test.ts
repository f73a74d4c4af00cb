import { createSign, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { verifyWithCertificate } from '../../src/runtime/x509-verify.ts'
import { selfSignedCertificate } from '../support/self-signed-certificate.ts'

const data = new TextEncoder().encode('what is signed')
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const pem = selfSignedCertificate(rsa)
const signatureOf = (key: KeyObject, algorithm: string) =>
  createSign(algorithm).update(data).sign(key)

describe('a signature by the key of a certificate', () => {
  it('verifies with its hash, and no other', () => {
    for (const [hash, other, algorithm] of [
      ['SHA-1', 'SHA-256', 'RSA-SHA1'],
      ['SHA-256', 'SHA-1', 'RSA-SHA256'],
    ] as const) {
      const signature = signatureOf(rsa.privateKey, algorithm)
      expect(verifyWithCertificate({ pem, data, signature, hash })).toBe(true)
      expect(verifyWithCertificate({ pem, data, signature, hash: other })).toBe(false)
      const altered = Uint8Array.from(data, (byte, at) => (at === 0 ? byte ^ 1 : byte))
      expect(verifyWithCertificate({ pem, data: altered, signature, hash })).toBe(false)
    }
  })

  it('does not verify by a short key, nor by one that is not RSA', () => {
    const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 })
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    for (const keys of [weak, curve]) {
      const signature = signatureOf(keys.privateKey, 'sha256')
      const signed = { pem: selfSignedCertificate(keys), data, signature }
      expect(verifyWithCertificate({ ...signed, hash: 'SHA-256' })).toBe(false)
    }
  })

  it('does not verify, and does not throw, by what is no certificate', () => {
    const signature = signatureOf(rsa.privateKey, 'RSA-SHA256')
    const key = rsa.publicKey.export({ type: 'spki', format: 'pem' })
    for (const text of ['', 'no PEM', String(key), pem.slice(0, 200)]) {
      expect(verifyWithCertificate({ pem: text, data, signature, hash: 'SHA-256' })).toBe(false)
    }
    const none = new Uint8Array()
    expect(verifyWithCertificate({ pem, data, signature: none, hash: 'SHA-256' })).toBe(false)
  })
})
