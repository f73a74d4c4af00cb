import { describe, expect, it } from 'vitest'
import {
  allowListSchema,
  MAX_ALLOW_RULES,
  MAX_ALLOWED_BUCKETS,
  MAX_ALLOWED_NETWORKS,
  MAX_ALLOWED_TYPES,
} from '../../src/config/schema-allow.ts'
import { issuerSchema } from '../../src/config/schema-issuers.ts'

const RULE = { operations: ['list'], buckets: ['media'], prefix: 'acme/' }
const many = (count: number, item: unknown) => Array.from({ length: count }, () => item)
const problemsOf = (allow: unknown) =>
  allowListSchema.safeParse(allow).error?.issues.map(({ message }) => message) ?? []

describe('lists of rules', () => {
  it.each([
    ['buckets', 'media', MAX_ALLOWED_BUCKETS],
    ['contentTypes', 'image/png', MAX_ALLOWED_TYPES],
    ['networks', '10.0.0.0/8', MAX_ALLOWED_NETWORKS],
  ])('have an end: %s of a rule', (member, item, most) => {
    expect(problemsOf([{ ...RULE, [member]: many(most, item) }])).toEqual([])
    const problem = `must have at most ${most} items`
    expect(problemsOf([{ ...RULE, [member]: many(most + 1, item) }])).toEqual([problem])
    expect(problemsOf([{ ...RULE, [member]: [] }])).toEqual(['must have at least 1 item'])
  })

  it('have an end themselves, those of an issuer too', () => {
    const problem = `must have at most ${MAX_ALLOW_RULES} items`
    expect(problemsOf(many(MAX_ALLOW_RULES, RULE))).toEqual([])
    expect(problemsOf(many(MAX_ALLOW_RULES + 1, RULE))).toEqual([problem])
    const ofIssuer = (count: number) => {
      const settings = { issuer: 'https://i.example', audience: 'signet', tenant: 'acme' }
      const result = issuerSchema.safeParse({ ...settings, allow: many(count, RULE) })
      return result.error?.issues.map(({ message }) => message) ?? []
    }
    expect(ofIssuer(MAX_ALLOW_RULES)).toEqual([])
    expect(ofIssuer(MAX_ALLOW_RULES + 1)).toEqual([problem])
  })
})
