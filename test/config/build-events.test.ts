import { describe, expect, it } from 'vitest'
import { configText, expectProblem, load, problemsOf, warningsOf } from './config-fixture.ts'

const SECRET = 'canary-event-secret-71ab04cd99ef'
const OLDER = 'canary-older-secret-c2390bd17f5e'
const TOPIC = 'arn:aws:sns:eu-central-1:123456789012:uploads'
const ACCOUNT = 'push@project.iam.gserviceaccount.com'

const events = (value: unknown) => ({ 'stores.main.events': value })
const settingsOf = async (value: unknown, given?: Parameters<typeof load>[1]) =>
  (await load(events(value), given)).config.stores.get('main')?.events

describe('events of a store', () => {
  it('are off unless they are configured', async () => {
    expect((await load()).config.stores.get('main')).not.toHaveProperty('events')
  })

  it('take one secret, or two while one replaces the other, and show neither', async () => {
    const one = await settingsOf({ shape: 'minio', secret: SECRET })
    expect(one?.secrets.map((secret) => secret.reveal())).toEqual([SECRET])
    const two = await settingsOf({ shape: 'minio', secret: { current: SECRET, previous: OLDER } })
    expect(two?.secrets.map((secret) => secret.reveal())).toEqual([SECRET, OLDER])
    expect(JSON.stringify(two)).not.toContain('canary')
  })

  it('read their secret from the environment or a file', async () => {
    const given = { env: { EVENTS: SECRET }, files: { 'older.txt': `${OLDER}\n` } }
    // biome-ignore lint/suspicious/noTemplateCurlyInString: this is how a reference is written
    const secret = { current: '${EVENTS}', previous: 'file:older.txt' }
    const settings = await settingsOf({ shape: 'ceph', secret }, given)
    expect(settings?.secrets.map((each) => each.reveal())).toEqual([SECRET, OLDER])
  })

  it.each([
    ['', 'is empty'],
    [SECRET.slice(1), 'is too short: it needs 32 characters'],
    ['change-me-change-me-change-me-change-me', 'is a placeholder, not a secret'],
    ['x'.repeat(64), 'repeats itself: it is no secret'],
    [`${SECRET} ${OLDER}`, 'must be printable ASCII without spaces'],
  ])('refuse the secret "%s"', async (secret, problem) => {
    const path = 'stores.main.events.secret'
    await expectProblem(events({ shape: 'b2', secret }), `${path}: ${problem}`)
    const rotating = { current: SECRET, previous: secret }
    await expectProblem(events({ shape: 'b2', secret: rotating }), `${path}.previous: ${problem}`)
  })

  it('refuse two secrets that are one', async () => {
    await expectProblem(
      events({ shape: 'minio', secret: { current: SECRET, previous: SECRET } }),
      'stores.main.events.secret.previous: must differ from the current one',
    )
  })

  it('need a shape where the provider is not known to send any', async () => {
    const garage = (value: unknown) => ({
      'stores.main.provider': 'garage',
      'stores.main.events': value,
    })
    await expectProblem(
      garage({ secret: SECRET }),
      'stores.main.events.shape: is required: this provider is not known to send events',
    )
    expect(await problemsOf(configText(garage({ secret: SECRET, shape: 'minio' })))).toEqual([])
  })

  it('have the shape and proof of their provider', async () => {
    const { config } = await load({
      'stores.main.provider': 'tigris',
      'stores.main.events': { secret: SECRET },
    })
    expect(config.stores.get('main')?.events).toMatchObject({
      shape: 'tigris',
      auth: 'basic-or-bearer',
      keys: 'raw',
    })
    expect(await settingsOf({ shape: 'seaweedfs', secret: SECRET })).toMatchObject({
      shape: 'seaweedfs',
      auth: 'bearer',
      keys: 'path',
    })
  })

  it('need something that proves a delivery', async () => {
    const path = 'stores.main.events.secret'
    for (const [shape, other] of [
      ['minio', ''],
      ['b2', ''],
      ['aws', ', or "topicArns"'],
      ['gcs', ', or "audience" and "serviceAccount"'],
    ]) {
      await expectProblem(
        events({ shape }),
        `${path}: is required${other}: nothing else proves a delivery`,
      )
    }
  })

  it('need no secret where SNS or Pub/Sub proves them', async () => {
    const sns = await settingsOf({ shape: 'aws', topicArns: [TOPIC] })
    expect(sns).toMatchObject({ secrets: [], auth: 'sns', topicArns: new Set([TOPIC]) })
    const oidc = { audience: 'https://signet.example', serviceAccount: ACCOUNT }
    expect(await settingsOf({ shape: 'storj', ...oidc })).toMatchObject({ auth: 'oidc', ...oidc })
  })

  it('hold tokens of Pub/Sub against audience and account, never against one alone', async () => {
    const path = 'stores.main.events'
    await expectProblem(
      events({ shape: 'gcs', audience: 'a' }),
      `${path}.serviceAccount: is required: a token is held against both`,
    )
    await expectProblem(
      events({ shape: 'gcs', secret: SECRET, serviceAccount: ACCOUNT }),
      `${path}.audience: is required: a token is held against both`,
    )
  })

  it.each([
    ['topicArns', 'minio', [TOPIC]],
    ['topicArns', 'gcs', [TOPIC]],
  ])('refuse %s where the shape is %s', async (name, shape, value) => {
    await expectProblem(
      events({ shape, secret: SECRET, [name]: value }),
      `stores.main.events.${name}: proves nothing for events of this shape`,
    )
  })

  it.each([
    'arn:aws:s3:::my-bucket',
    'arn:aws:sns:eu-central-1:123456789012:*',
    'arn:aws:sns:eu-central-1:12345678901:uploads',
    `${TOPIC}:subscription`,
  ])('refuse the topic %s', async (arn) => {
    await expectProblem(
      events({ shape: 'aws', topicArns: [arn] }),
      `stores.main.events.topicArns[0]: must be the ARN of a topic, like ${TOPIC}`,
    )
  })

  it('do not come in clear in production', async () => {
    const production = (shape: string, publicUrl?: string) => ({
      environment: 'production',
      ...events({ shape, secret: SECRET }),
      'server.publicUrl': publicUrl,
    })
    const inClear = 'would come in clear: "server.publicUrl" must be https: in production'
    for (const shape of ['ceph', 'minio']) {
      await expectProblem(
        production(shape, 'http://signet.example'),
        `stores.main.events.secret: ${inClear}`,
      )
    }
    expect(await problemsOf(configText(production('b2', 'http://signet.example')))).toEqual([])
    expect(await warningsOf(production('ceph', 'https://signet.example'))).toEqual([])
    expect(await warningsOf(production('ceph'))).toEqual([
      'stores.main.events.secret: comes in clear unless the store calls by https:; set "server.publicUrl"',
    ])
    expect(await warningsOf({ ...production('ceph'), environment: 'development' })).toEqual([])
  })
})
