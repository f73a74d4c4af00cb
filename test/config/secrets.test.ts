import { describe, expect, it } from 'vitest'
import { CANARIES, configText, errorOf, load, problemsOf } from './config-fixture.ts'

const GOOD = 'abcdefghijklmnopqrstuvwxyz012345'
const names = ['pepper', 'ticketKey', 'adminToken'] as const

describe('Signet’s own secrets', () => {
  it.each(names)('%s is required', async (name) => {
    expect(await problemsOf(configText({ [`secrets.${name}`]: undefined }))).toEqual([
      `secrets.${name}: is required`,
    ])
  })

  it.each(names)('%s must not be empty, a placeholder, short or one letter', async (name) => {
    for (const [value, problem] of [
      ['', 'is empty'],
      ['changeme', 'is a placeholder, not a secret'],
      ['minioadmin', 'is a placeholder, not a secret'],
      ['Password', 'is a placeholder, not a secret'],
      ['secret', 'is a placeholder, not a secret'],
      ['change-me-change-me-change-me-change-me', 'is a placeholder, not a secret'],
      [GOOD.slice(1), 'is too short: it needs 32 characters'],
      ['x'.repeat(64), 'repeats itself: it is no secret'],
    ]) {
      expect(await problemsOf(configText({ [`secrets.${name}`]: value }))).toEqual([
        `secrets.${name}: ${problem}`,
      ])
    }
  })

  it.each(names)('%s may have 32 characters', async (name) => {
    const { secrets } = await load({ [`secrets.${name}`]: GOOD })
    expect(secrets[name].current.secret.reveal()).toBe(GOOD)
  })

  it('must all be different', async () => {
    expect(
      await problemsOf(configText({ 'secrets.pepper': GOOD, 'secrets.adminToken': GOOD })),
    ).toEqual(['secrets: must all be different'])
  })

  it.each([
    'a token with spaces in it 0123456789',
    'a,token,with,commas,0123456789abcdef',
    'tökentökentöken-0123456789abcdefgh',
  ])('the admin token must fit into a header: %s does not', async (token) => {
    expect(await problemsOf(configText({ 'secrets.adminToken': token }))).toEqual([
      'secrets.adminToken: must be printable ASCII without spaces and commas',
    ])
  })
})

describe('a rotating secret', () => {
  const pair = (more: object) => ({
    'tenants.acme.keys': [],
    'secrets.pepper': { current: `new-${GOOD}`, previous: `old-${GOOD}`, ...more },
  })

  it('is version 1 when it stands alone', async () => {
    const { secrets } = await load()
    expect(secrets.pepper.current.version).toBe(1)
    expect(secrets.pepper.previous).toBeUndefined()
  })

  it('is version 2 beside a previous one, or what is written', async () => {
    const versions = async (more: object) => {
      const { pepper } = (await load(pair(more))).secrets
      return [pepper.current.version, pepper.previous?.version]
    }
    expect(await versions({})).toEqual([2, 1])
    expect(await versions({ version: 7 })).toEqual([7, 6])
    const alone = await load({
      'secrets.pepper': { current: GOOD, version: 3 },
      'tenants.acme.keys': [],
    })
    expect(alone.secrets.pepper.current.version).toBe(3)
  })

  it('cannot be version 1 beside a previous one, nor the same as it', async () => {
    expect(await problemsOf(configText(pair({ version: 1 })))).toEqual([
      'secrets.pepper.version: must be at least 2 beside a previous secret',
    ])
    expect(await problemsOf(configText(pair({ previous: `new-${GOOD}` })))).toEqual([
      'secrets.pepper.previous: must differ from the current one',
    ])
  })

  it('checks the previous one as well', async () => {
    expect(await problemsOf(configText(pair({ previous: 'short' })))).toEqual([
      'secrets.pepper.previous: is too short: it needs 32 characters',
    ])
  })
})

describe('references', () => {
  // biome-ignore-start lint/suspicious/noTemplateCurlyInString: this is how references are written
  it('${NAME} is an environment variable, in longer text too and outside of secrets', async () => {
    const { config, secrets } = await load(
      {
        'secrets.pepper': '${PEPPER}',
        'secrets.ticketKey': 'v-${A}${B}-${PEPPER}',
        'server.listen': '${HOST}:80',
      },
      { env: { PEPPER: GOOD, A: 'a', B: 'b', HOST: '127.0.0.1' } },
    )
    expect(secrets.pepper.current.secret.reveal()).toBe(GOOD)
    expect(secrets.ticketKey.current.secret.reveal()).toBe(`v-ab-${GOOD}`)
    expect(config.server.listen.host).toBe('127.0.0.1')
  })

  it('what an environment variable holds is no reference again', async () => {
    const value = '${OTHER}-file:./x-abcdefghijklmnopq'
    const { secrets } = await load({ 'secrets.pepper': '${PEPPER}' }, { env: { PEPPER: value } })
    expect(secrets.pepper.current.secret.reveal()).toBe(value)
  })

  it.each([
    ['${MISSING}', 'needs the environment variable "MISSING", which is not set'],
    ['x${EMPTY}', 'needs the environment variable "EMPTY", which is not set'],
    ['${toString}', 'needs the environment variable "toString", which is not set'],
    ['${', 'must hold "${" only before the name of an environment variable'],
    ['${A B}', 'must hold "${" only before the name of an environment variable'],
    ['${}', 'must hold "${" only before the name of an environment variable'],
    ['${UNCLOSED', 'must hold "${" only before the name of an environment variable'],
  ])('%s is one problem, which names the setting', async (text, problem) => {
    expect(
      await problemsOf(configText({ 'secrets.adminToken': text }), { env: { EMPTY: '' } }),
    ).toEqual([`secrets.adminToken: ${problem}`])
  })

  it('file:PATH is a file beside the configuration, without one newline at its end', async () => {
    for (const [content, value] of [
      [GOOD, GOOD],
      [`${GOOD}\n`, GOOD],
      [`${GOOD}\r\n`, GOOD],
      [`${GOOD}\n\n`, `${GOOD}\n`],
      [` ${GOOD}`, ` ${GOOD}`],
    ] as const) {
      const { secrets } = await load(
        { 'secrets.ticketKey': 'file:./ticket.key' },
        { files: { 'ticket.key': content } },
      )
      expect(secrets.ticketKey.current.secret.reveal()).toBe(value)
    }
  })

  it('file:PATH may hold a variable and be absolute', async () => {
    const { secrets } = await load(
      { 'secrets.pepper': 'file:${DIR}/pepper' },
      { env: { DIR: '/run/secrets' }, files: { '/run/secrets/pepper': GOOD } },
    )
    expect(secrets.pepper.current.secret.reveal()).toBe(GOOD)
  })

  it('file:PATH works for a store’s credentials, and means nothing elsewhere', async () => {
    const { config } = await load(
      { 'stores.main.credentials.secretAccessKey': 'file:s3.key', state: 'sqlite:file:x' },
      { files: { 's3.key': 'the-store-secret\n' } },
    )
    const write = config.stores.get('main')?.credentials.write
    expect(write?.secretAccessKey.reveal()).toBe('the-store-secret')
    expect(config.state).toEqual({ kind: 'sqlite', path: 'file:x' })
  })

  it('a file that is empty, missing or too long is one problem', async () => {
    const problem = (content: string | undefined) =>
      problemsOf(configText({ 'secrets.pepper': 'file:p' }), {
        files: content === undefined ? {} : { p: content },
      })
    expect(await problem(undefined)).toEqual(['secrets.pepper: names a file that cannot be read'])
    expect(await problem('')).toEqual(['secrets.pepper: is empty'])
    expect(await problem('\n')).toEqual(['secrets.pepper: is empty'])
    expect(await problem('x'.repeat(70_000))).toEqual([
      'secrets.pepper: names a file that is too long for a secret',
    ])
  })

  it('what they stand for is in no problem', async () => {
    const error = await errorOf(
      configText({
        'secrets.adminToken': '${TOKEN} ',
        'stores.main.endpoint': '${TOKEN}',
        'stores.main.credentials.accessKeyId': '${TOKEN}/',
        'server.listen': '${TOKEN}',
        'buckets.media.upload.contentTypes': ['${TOKEN}'],
        'tenants.acme.timeZone': '${TOKEN}',
      }),
      { env: { TOKEN: CANARIES.adminToken } },
    )
    expect(error?.problems).toHaveLength(6)
    expect(error?.message).not.toContain(CANARIES.adminToken)
  })
  // biome-ignore-end lint/suspicious/noTemplateCurlyInString: this is how references are written
})
