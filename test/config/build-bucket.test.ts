import { describe, expect, it } from 'vitest'
import { configText, expectProblem, load, problemsOf, warningsOf } from './config-fixture.ts'

describe('a bucket', () => {
  it('must name stores that are there', async () => {
    await expectProblem(
      { 'buckets.media.placements': [{ store: 'other', bucket: 'b1' }] },
      'buckets.media.placements[0].store: names no store: "other"',
    )
    expect(await problemsOf(configText({ 'buckets.media.placements': [] }))).toEqual([
      'buckets.media.placements: must have at least 1 item',
    ])
  })

  it('refuses two placements in the same place: an object would have two names', async () => {
    const placement = { store: 'main', bucket: 'bucket' }
    await expectProblem(
      { 'buckets.media.placements': [placement, { ...placement, prefix: 'b/' }] },
      'buckets.media.placements[1]: shares objects with placements[0]',
    )
  })

  it.each(['a', '/a/', '../a/', 'a//../', 'a\\b/'])(
    'refuses the placement prefix %s',
    async (prefix) => {
      const problems = await problemsOf(
        configText({ 'buckets.media.placements': [{ store: 'main', bucket: 'bucket', prefix }] }),
      )
      expect(problems).toHaveLength(1)
      expect(problems[0]).toContain('buckets.media.placements[0].prefix: must ')
    },
  )

  it.each([
    [{}, 'buckets.media.keys: must have either "template" or "callerPrefix"'],
    [
      { template: '{uuid}', callerPrefix: 'a/' },
      'buckets.media.keys: must have either "template" or "callerPrefix"',
    ],
    [
      { callerPrefix: '' },
      'buckets.media.keys.callerPrefix: is empty: write "wholeBucket: true" if that is meant',
    ],
    [{ callerPrefix: '{tenant}/{user}' }, 'buckets.media.keys.callerPrefix: must end in "/"'],
    [
      { callerPrefix: '{tenant}-{user}/' },
      'buckets.media.keys.callerPrefix: must have {tenant} and {user} alone between slashes',
    ],
    [
      { callerPrefix: '{date}/' },
      'buckets.media.keys.callerPrefix: can hold {tenant} and {user} only',
    ],
    [
      { callerPrefix: 'a/', wholeBucket: true },
      'buckets.media.keys.wholeBucket: goes with an empty "callerPrefix" only',
    ],
    [
      { template: '{uuid}-{file}' },
      'buckets.media.keys.template: names "{file}"; there are {tenant}, {user}, {date}, {uuid}, {filename}, {key}',
    ],
  ])('refuses the keys %j', async (keys, problem) => {
    expect(await problemsOf(configText({ 'buckets.media.keys': keys }))).toContain(problem)
  })

  it('may give the whole bucket to its callers, when that is written', async () => {
    const { config } = await load({ 'buckets.media.keys': { callerPrefix: '', wholeBucket: true } })
    expect(config.buckets.get('media')?.keys).toEqual({ kind: 'caller', callerPrefix: '' })
  })

  it('warns of a template whose uploads can replace each other', async () => {
    const once = { 'buckets.media.upload.writeOnce': true }
    const template = { 'buckets.media.keys': { template: '{tenant}/{user}/{filename}' } }
    expect(await warningsOf(template)).toEqual([
      'buckets.media.keys.template: has no {uuid}, so uploads can replace each other: set upload.writeOnce: true',
    ])
    expect(await warningsOf({ ...template, ...once })).toEqual([])
  })

  it('warns where write-once is left open and the store does not keep it', async () => {
    const on = (writeOnce: string, keys: object, upload: object = {}) =>
      warningsOf({
        'stores.main.capabilities': { writeOnce },
        'buckets.media.keys': keys,
        'buckets.media.upload': upload,
      })
    const own = { template: '{tenant}/{user}/{uuid}' }
    const careless = [
      { callerPrefix: '{tenant}/{user}/' },
      { template: '{tenant}/{user}/{filename}' },
    ]
    const told =
      'buckets.media.upload.writeOnce: is not kept by store "main", so uploads can replace each other: set it to false, or have {uuid} in keys.template'
    for (const word of ['ignored', 'refused']) {
      for (const keys of careless) expect(await on(word, keys)).toEqual([told])
      expect(await on(word, own)).toEqual([])
      expect(await on(word, careless[0] ?? {}, { writeOnce: false })).toEqual([])
    }
    for (const word of ['if-none-match', 'probe']) {
      expect(await on(word, careless[0] ?? {})).toEqual([])
    }
  })

  it('cannot force downloads to be saved where the store drops the disposition', async () => {
    const on = (responseOverrides: string, disposition: string) =>
      problemsOf(
        configText({
          'stores.main.capabilities': { responseOverrides },
          'buckets.media.download': { disposition },
        }),
      )
    expect(await on('no', 'attachment')).toEqual([
      'buckets.media.download.disposition: must be inline: store "main" has no response overrides',
    ])
    expect(await on('no', 'inline')).toEqual([])
    for (const known of ['yes', 'probe']) expect(await on(known, 'attachment')).toEqual([])
  })

  it('cannot take more than one PUT does where the store takes no parts', async () => {
    const on = (multipart: string, maxSizeBytes: number) =>
      problemsOf(
        configText({
          'stores.main.capabilities': { multipart, maxPutBytes: 1_000 },
          'buckets.media.upload': { maxSizeBytes },
        }),
      )
    expect(await on('no', 1_001)).toEqual([
      'buckets.media.upload.maxSizeBytes: must be at most 1000: store "main" takes that in one PUT, and no parts',
    ])
    expect(await on('no', 1_000)).toEqual([])
    for (const known of ['yes', 'probe']) expect(await on(known, 1_001)).toEqual([])
  })

  it('cannot promise write-once where the store ignores or refuses it', async () => {
    const once = { 'buckets.media.upload.writeOnce': true }
    const on = (writeOnce: string, parts: Record<string, string> = {}) => {
      const capabilities = { writeOnce, writeOnceMultipart: 'no', ...parts }
      return { ...once, 'stores.main.capabilities': capabilities }
    }
    for (const word of ['ignored', 'refused']) {
      await expectProblem(
        on(word),
        `buckets.media.upload.writeOnce: cannot be kept by store "main": the condition is ${word}`,
      )
    }
    expect(await problemsOf(configText(on('if-none-match')))).toEqual([])
    // Uploads of parts can be write-once where one PUT is not.
    const parts = { multipart: 'yes', writeOnceMultipart: 'yes' }
    expect(await problemsOf(configText(on('refused', parts)))).toEqual([])
    expect(await problemsOf(configText(on('refused', { ...parts, multipart: 'no' })))).toHaveLength(
      1,
    )
    // The probe has the last word, and refuses uploads until then.
    expect(await warningsOf(on('probe'))).toEqual([])
  })

  it('cannot promise write-once where a name may be in two stores, and none can tell of the other', async () => {
    const on = (
      first: object,
      second: object,
      keys: object = { callerPrefix: '{tenant}/{user}/' },
    ) =>
      problemsOf(
        configText({
          'stores.main.capabilities': { writeOnce: 'if-none-match' },
          'buckets.media.upload.writeOnce': true,
          'buckets.media.keys': keys,
          'buckets.media.placements': [
            { store: 'main', bucket: 'one', ...first },
            { store: 'main', bucket: 'two', ...second },
          ],
        }),
      )
    const told = [
      'buckets.media.upload.writeOnce: cannot be kept where a name may be in two stores, as with weight 0, or takes by region, type, size, or by tenant without {tenant} in keys: have {uuid} in keys.template',
    ]
    const byTenant = [{ takes: { tenants: ['acme'] } }, { takes: { tenants: ['globex'] } }] as const
    expect(await on({}, {})).toEqual([])
    expect(await on({ weight: 0 }, {})).toEqual(told)
    expect(await on({ weight: 0 }, {}, { template: '{tenant}/{uuid}' })).toEqual([])
    expect(await on({}, { takes: { maxSizeBytes: 9 } })).toEqual(told)
    for (const template of ['shared/{key}', '{key}/{tenant}/x', 'of-{tenant}-{key}']) {
      expect([template, await on(...byTenant, { template })]).toEqual([template, told])
    }
    for (const keys of [{ callerPrefix: '{tenant}/' }, { template: '{date}/{tenant}/{key}' }]) {
      expect(await on(...byTenant, keys)).toEqual([])
    }
    expect(await on(...byTenant, { callerPrefix: '', wholeBucket: true })).toEqual(told)
  })

  it('caps lifetimes at what callers may ask for, the store and seven days', async () => {
    for (const rules of ['upload', 'download']) {
      const set = (expiresInSeconds: number | undefined, expiresInSecondsMax: number | undefined) =>
        configText({ [`buckets.media.${rules}`]: { expiresInSeconds, expiresInSecondsMax } })
      expect(await problemsOf(set(3_600, 3_600))).toEqual([])
      expect(await problemsOf(set(3_601, 3_600))).toEqual([
        `buckets.media.${rules}.expiresInSeconds: must be at most expiresInSecondsMax, 3600`,
      ])
      expect(await problemsOf(set(300, 604_770))).toEqual([])
      // 30 s of a URL's seven days go to backdating its signature.
      expect(await problemsOf(set(300, 604_771))).toEqual([
        `buckets.media.${rules}.expiresInSecondsMax: must be at most 604770, as its store has it`,
      ])
      for (const seconds of [0, -1, 0.5, '60', '', 604_801, 1e9]) {
        expect(await problemsOf(set(seconds as number, undefined))).toEqual([
          `buckets.media.${rules}.expiresInSeconds: must be a whole number from 1 to 604800`,
        ])
      }
    }
  })

  it('takes a default lifetime down to a cap that is lower', async () => {
    const { config } = await load({ 'buckets.media.upload': { expiresInSecondsMax: 60 } })
    expect(config.buckets.get('media')?.upload).toMatchObject({
      expiresInSeconds: 60,
      expiresInSecondsMax: 60,
    })
  })

  it('cannot show types inline that run script', async () => {
    const inline = { 'buckets.media.download': { disposition: 'inline' } }
    const types = { 'buckets.media.upload': { contentTypes: ['image/png', 'image/svg+xml'] } }
    await expectProblem(
      { ...inline, ...types },
      'buckets.media.upload.contentTypes[1]: runs script in browsers, so it cannot go with disposition: inline',
    )
    expect(await problemsOf(configText(types))).toEqual([])
    expect(await problemsOf(configText(inline))).toEqual([])
  })

  it.each(['Image/png', 'image/*', 'image', 'image/png; charset=utf-8'])(
    'cannot list the type %s',
    async (type) => {
      await expectProblem(
        { 'buckets.media.upload': { contentTypes: [type] } },
        'buckets.media.upload.contentTypes[0]: must be a content type in lower case: type/subtype',
      )
    },
  )

  it('warns when another bucket holds the same objects', async () => {
    const other = (prefix: string) => ({
      'buckets.other': {
        placements: [{ store: 'main', bucket: 'media-prod', prefix }],
        keys: { template: '{uuid}' },
      },
    })
    expect(await warningsOf(other('sub/'))).toEqual([
      'buckets.other.placements: share objects with "media"',
    ])
    const apart = {
      'buckets.media.placements': [{ store: 'main', bucket: 'media-prod', prefix: 'own/' }],
    }
    expect(await warningsOf({ ...other('sub/'), ...apart })).toEqual([])
  })

  it.each(['evil.com#', 'a/b', 'bkt?acl', '', '.hidden'])('cannot be named %j', async (name) => {
    const problems = await problemsOf(configText({ buckets: { [name]: {} } }))
    expect(problems[0]).toContain('must be named with 1 to 63')
  })
})
