import * as z from 'zod/mini'
import { TOKEN_ALGORITHMS } from '../auth/jwt/issuer.ts'
import { described } from '../described.ts'
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

const claimSchema = described(
  z.union([text(256), list(text(256), 1)]),
  'Path of a claim: names joined by dots, or a list of names where one has a dot in it.',
)

const conditionSchema = members({
  claim: claimSchema,
  value: described(
    z.optional(
      z.union([anyText(1024), z.number(), flag()], {
        error: 'must be text, a number, true or false',
      }),
    ),
    'What the claim is, or what a list has in it. Default: anything but null, false and what is empty.',
  ),
  word: described(
    z.optional(text(256).check(z.regex(/^[^ ]+$/, { error: 'must be one word' }))),
    'A word of a text of words, as in "scope"; instead of value.',
  ),
})

const mappingSchema = z.union([
  idSchema,
  members({
    claim: claimSchema,
    prefix: described(z._default(anyText(64), ''), 'Put before what the claim says.'),
    map: described(
      z.optional(mapOf(text(256), idSchema)),
      'The only values that are taken, and what each stands for. Default: any, as it is.',
    ),
  }),
])

const jwksSchema = z.prefault(
  members({
    url: described(z.optional(text(2048)), 'Where the key set is: https:, without redirects.'),
    keys: described(
      z.optional(
        z.union([
          text(64 * 1024),
          list(
            z.looseObject({
              kty: described(text(16), 'RSA, EC or OKP; the other members as in RFC 7517.'),
            }),
            1,
          ),
        ]),
      ),
      'The public keys themselves: a list of JWKs, or file:PATH of a key set.',
    ),
  }),
  {},
)

const tokenMembers = {
  issuer: described(text(2048), '"iss" of its tokens, exactly.'),
  audience: described(
    z.union([text(1024), list(text(1024), 1)]),
    '"aud" of tokens that are meant for this gateway; one of them, exactly.',
  ),
  algorithms: described(
    z._default(list(oneOf(TOKEN_ALGORITHMS), 1), ['RS256', 'ES256']),
    'Signatures that are taken.',
  ),
  typ: described(
    z._default(
      text(64).check(
        z.regex(/^[A-Za-z0-9.+_-]+$/, { error: 'must be a type like at+jwt, or none' }),
      ),
      'at+jwt',
    ),
    '"typ" in the header of its tokens; none: tokens without one.',
  ),
  maxAgeSeconds: described(
    z._default(integer(60, 2_592_000), 86_400),
    'Longest life of a token, from "iat" to "exp", in seconds.',
  ),
  clockToleranceSeconds: described(
    z._default(integer(0, 60), 30),
    'How far "iat" and "nbf" may be ahead of the clock, in seconds; "exp" is exact.',
  ),
  jwks: described(
    jwksSchema,
    'Where its public keys come from. Default: OpenID Connect discovery at the issuer.',
  ),
  require: described(z._default(list(conditionSchema, 0), []), 'What each token has to say.'),
}

/** `issuers.*`. */
export const issuerSchema = members({
  ...tokenMembers,
  mandatory: described(
    z._default(flag(), true),
    'The gateway is not ready before it had the keys once.',
  ),
  tenant: described(mappingSchema, 'Who the bearer belongs to: an id, or a claim that says it.'),
  user: described(
    z._default(mappingSchema, { claim: 'sub', prefix: '' }),
    'Who the bearer is. Default: the claim "sub".',
  ),
  plan: described(
    z.optional(mappingSchema),
    "A plan for the user, where the claim is there. Default: the tenant's.",
  ),
  allow: described(
    boundedList(
      z.extend(allowSchema, {
        when: described(
          z._default(list(conditionSchema, 0), []),
          'What a token has to say for the rule to hold.',
        ),
      }),
      MAX_ALLOW_RULES,
    ),
    'What its tokens may do; all else is refused.',
  ),
})

/** `admin`. */
export const adminSchema = z.prefault(
  members({
    oidc: described(
      z.optional(
        members({
          name: described(z._default(nameSchema, 'oidc'), 'What the audit log calls the issuer.'),
          ...tokenMembers,
          roles: described(
            list(
              members({
                role: described(oneOf(['operator', 'viewer']), 'A viewer may only read.'),
                when: described(conditionSchema, 'What the token has to say.'),
              }),
              1,
            ),
            'The first one whose condition is met; tokens that meet none are refused.',
          ),
        }),
      ),
      'Whose tokens open the admin listener, beside the admin token. Default: nobody.',
    ),
  }),
  {},
)

export type IssuerInput = z.output<typeof issuerSchema>
export type AdminInput = z.output<typeof adminSchema>
export type TokenInput = Pick<IssuerInput, keyof typeof tokenMembers>
export type ConditionInput = z.output<typeof conditionSchema>
export type MappingInput = z.output<typeof mappingSchema>
