import { describe, expect, it } from 'vitest'
import { createAdminAuthenticator } from '../../src/auth/admin-token.ts'
import { nodeHashing } from '../../src/runtime/node-hashing.ts'
import { Secret } from '../../src/secret.ts'
import { authorization, keyAndRecord, refusalOf } from './auth-fixture.ts'

const CURRENT = 'current-admin-token-0123456789abcdef'
const PREVIOUS = 'previous-admin-token-0123456789abcdef'

function authenticator(withPrevious: boolean) {
  const previous = { version: 1, secret: new Secret(PREVIOUS) }
  return createAdminAuthenticator({
    hashing: nodeHashing,
    tokens: () => ({
      current: { version: 2, secret: new Secret(CURRENT) },
      ...(withPrevious && { previous }),
    }),
  })
}

describe('the admin listener', () => {
  it('lets the admin token in', () => {
    expect(() => authenticator(false)(authorization(`Bearer ${CURRENT}`))).not.toThrow()
  })

  it('401: lets in no other token, no beginning of the right one, and no API key', () => {
    for (const token of [CURRENT.slice(0, -1), `${CURRENT}x`, PREVIOUS, keyAndRecord('k1').text]) {
      expect(refusalOf(() => authenticator(false)(authorization(`Bearer ${token}`))).code).toBe(
        'Unauthenticated',
      )
    }
  })

  it('401: wants a token', () => {
    expect(refusalOf(() => authenticator(false)(authorization(null))).code).toBe('Unauthenticated')
  })

  it('lets both tokens in while one replaces the other', () => {
    for (const token of [CURRENT, PREVIOUS]) {
      expect(() => authenticator(true)(authorization(`Bearer ${token}`))).not.toThrow()
    }
  })

  it('400: refuses the right token beside another credential', () => {
    const presented = { ...authorization(`Bearer ${CURRENT}`), hasOtherCredential: true }
    expect(refusalOf(() => authenticator(false)(presented)).code).toBe('AmbiguousCredentials')
  })
})
