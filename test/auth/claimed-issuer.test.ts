import fc from 'fast-check'
import { decodeJwt } from 'jose'
import { expect, it } from 'vitest'
import { claimedIssuer } from '../../src/auth/claimed-issuer.ts'

const tokenOf = (claims: string) => `e30.${Buffer.from(claims).toString('base64url')}.c2ln`

function issuerByJose(token: string): string {
  try {
    const { iss } = decodeJwt(token)
    return typeof iss === 'string' ? iss : ''
  } catch {
    return ''
  }
}

it.each([
  ['{"iss":"https://a.example"}', 'https://a.example'],
  ['{"iss":["https://a.example"]}', ''],
  ['{"iss":7}', ''],
  ['{}', ''],
  ['[]', ''],
  ['null', ''],
  ['{"iss":', ''],
])('reads %s as %j', (claims, issuer) => {
  expect(claimedIssuer(tokenOf(claims))).toBe(issuer)
})

it('reads what the library for tokens reads', () => {
  const iss = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant(7))
  const claims = fc.oneof(
    fc.record({ iss }).map((value) => JSON.stringify(value)),
    fc.json(),
  )
  const damage = fc.constantFrom('', '.', '.e30', '*', 'é')
  fc.assert(
    fc.property(claims, damage, damage, (text, inside, after) => {
      const token = `e30.${Buffer.from(text).toString('base64url')}${inside}.c2ln${after}`
      expect(claimedIssuer(token)).toBe(issuerByJose(token))
    }),
    { numRuns: 300 },
  )
})

it('gives text for any text', () => {
  const texts = fc.oneof(fc.string(), fc.json().map(tokenOf))
  fc.assert(
    fc.property(texts, (text) => typeof claimedIssuer(text) === 'string'),
    { numRuns: 200 },
  )
})
