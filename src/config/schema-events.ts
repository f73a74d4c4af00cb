import * as z from 'zod/mini'
import { described } from '../described.ts'
import { list, members, oneOf, secretSchema, text } from './schema-values.ts'

/** `stores.*.events`: deliveries that a store may send to `POST /v1/events/{store}`. */
export const eventsSchema = members({
  secret: described(
    z.optional(
      z.union([
        secretSchema,
        members({
          current: described(secretSchema, 'The secret that deliveries shall bring.'),
          previous: described(z.optional(secretSchema), 'Still taken, until it is taken out.'),
        }),
      ]),
    ),
    'Proves a delivery: what the store sends as bearer token or OpaqueData, or signs with (B2); any forwarder may send it as bearer token. At least 32 characters.',
  ),
  shape: described(
    z.optional(
      oneOf(['aws', 'minio', 'rustfs', 'ceph', 'r2', 'b2', 'tigris', 'gcs', 'storj', 'seaweedfs']),
    ),
    "Whose events they look like. Default: the provider's.",
  ),
  topicArns: described(
    z.optional(
      list(
        text(512).check(
          z.regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}(?:\.fifo)?$/, {
            error: 'must be the ARN of a topic, like arn:aws:sns:eu-central-1:123456789012:uploads',
          }),
        ),
        1,
      ),
    ),
    'Topics of SNS that are believed. Default: none, and nothing is fetched.',
  ),
  audience: described(
    z.optional(text(2048)),
    'Audience of the tokens of Pub/Sub, as set at its subscription.',
  ),
  serviceAccount: described(
    z.optional(
      text(320).check(
        z.regex(/^[^\s@]+@[^\s@]+$/, { error: 'must be the e-mail address of a service account' }),
      ),
    ),
    'E-mail address of the service account whose tokens Pub/Sub sends.',
  ),
})

export type EventsInput = z.output<typeof eventsSchema>
