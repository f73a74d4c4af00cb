import * as z from 'zod'
import { TOKEN_ALGORITHMS } from '../auth/jwt/issuer.ts'
import { allowSchema, MAX_ALLOW_RULES } from './schema-allow.ts'
import {
  anyText,
  boundedList,
  flag,
  idSchema,
  integer,
  list,
  mapOf,
  members,
  nameSchema,
  oneOf,
  text,
} from './schema-values.ts'

const claimSchema = z
  .union([text(256), list(text(256), 1)])
  .describe('Path of a claim: names joined by dots, or a list of names where one has a dot in it.')

const conditionSchema = members({
  claim: claimSchema,
  value: z
    .union([anyText(1024), z.number(), flag()], { error: 'must be text, a number, true or false' })
    .optional()
    .describe(
      'What the claim is, or what a list has in it. Default: anything but null, false and what is empty.',
    ),
  word: text(256)
    .regex(/^[^ ]+$/, { error: 'must be one word' })
    .optional()
    .describe('A word of a text of words, as in "scope"; instead of value.'),
})

const mappingSchema = z.union([
  idSchema,
  members({
    claim: claimSchema,
    prefix: anyText(64).default('').describe('Put before what the claim says.'),
    map: mapOf(text(256), idSchema)
      .optional()
      .describe(
        'The only values that are taken, and what each stands for. Default: any, as it is.',
      ),
  }),
])

const jwksSchema = members({
  url: text(2048).optional().describe('Where the key set is: https:, without redirects.'),
  keys: z
    .union([
      text(64 * 1024),
      list(
        z.looseObject({
          kty: text(16).describe('RSA, EC or OKP; the other members as in RFC 7517.'),
        }),
        1,
      ),
    ])
    .optional()
    .describe('The public keys themselves: a list of JWKs, or file:PATH of a key set.'),
}).prefault({})

const tokenMembers = {
  issuer: text(2048).describe('"iss" of its tokens, exactly.'),
  audience: z
    .union([text(1024), list(text(1024), 1)])
    .describe('"aud" of tokens that are meant for this gateway; one of them, exactly.'),
  algorithms: list(oneOf(TOKEN_ALGORITHMS), 1)
    .default(['RS256', 'ES256'])
    .describe('Signatures that are taken.'),
  typ: text(64)
    .regex(/^[A-Za-z0-9.+_-]+$/, { error: 'must be a type like at+jwt, or none' })
    .default('at+jwt')
    .describe('"typ" in the header of its tokens; none: tokens without one.'),
  maxAgeSeconds: integer(60, 2_592_000)
    .default(86_400)
    .describe('Longest life of a token, from "iat" to "exp", in seconds.'),
  clockToleranceSeconds: integer(0, 60)
    .default(30)
    .describe('How far "iat" and "nbf" may be ahead of the clock, in seconds; "exp" is exact.'),
  jwks: jwksSchema.describe(
    'Where its public keys come from. Default: OpenID Connect discovery at the issuer.',
  ),
  require: list(conditionSchema, 0).default([]).describe('What each token has to say.'),
}

/** `issuers.*`. */
export const issuerSchema = members({
  ...tokenMembers,
  mandatory: flag().default(true).describe('The gateway is not ready before it had the keys once.'),
  tenant: mappingSchema.describe('Who the bearer belongs to: an id, or a claim that says it.'),
  user: mappingSchema
    .default({ claim: 'sub', prefix: '' })
    .describe('Who the bearer is. Default: the claim "sub".'),
  plan: mappingSchema
    .optional()
    .describe("A plan for the user, where the claim is there. Default: the tenant's."),
  allow: boundedList(
    allowSchema.extend({
      when: list(conditionSchema, 0)
        .default([])
        .describe('What a token has to say for the rule to hold.'),
    }),
    MAX_ALLOW_RULES,
  ).describe('What its tokens may do; all else is refused.'),
})

/** `admin`. */
export const adminSchema = members({
  oidc: members({
    name: nameSchema.default('oidc').describe('What the audit log calls the issuer.'),
    ...tokenMembers,
    roles: list(
      members({
        role: oneOf(['operator', 'viewer']).describe('A viewer may only read.'),
        when: conditionSchema.describe('What the token has to say.'),
      }),
      1,
    ).describe('The first one whose condition is met; tokens that meet none are refused.'),
  })
    .optional()
    .describe('Whose tokens open the admin listener, beside the admin token. Default: nobody.'),
}).prefault({})

export type IssuerInput = z.output<typeof issuerSchema>
export type AdminInput = z.output<typeof adminSchema>
export type TokenInput = Pick<IssuerInput, keyof typeof tokenMembers>
export type ConditionInput = z.output<typeof conditionSchema>
export type MappingInput = z.output<typeof mappingSchema>
