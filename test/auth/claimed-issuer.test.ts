import fc from 'fast-check'
import { expect, it } from 'vitest'
import { claimedIssuer } from '../../src/auth/claimed-issuer.ts'

const tokenOf = (claims: string) => `e30.${Buffer.from(claims).toString('base64url')}.c2ln`

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

it('gives text for any text', () => {
  const texts = fc.oneof(fc.string(), fc.json().map(tokenOf))
  fc.assert(
    fc.property(texts, (text) => typeof claimedIssuer(text) === 'string'),
    { numRuns: 200 },
  )
})
