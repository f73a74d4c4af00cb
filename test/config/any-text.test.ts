import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadConfig } from '../../src/config/load-config.ts'
import { ConfigError } from '../../src/config/problem.ts'
import { configText, sources } from './config-fixture.ts'

describe('any text at all', () => {
  async function onlyProblems(text: string): Promise<void> {
    try {
      await loadConfig(text, 'signet.yaml', sources())
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError)
      if (error instanceof ConfigError) expect(error.problems.length).toBeGreaterThan(0)
    }
  }

  it('gives problems and never another error', async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary' }), onlyProblems))
  })

  it('gives problems when a good configuration is damaged anywhere', async () => {
    const good = configText()
    const damage = fc.tuple(
      fc.nat(good.length),
      fc.nat(12),
      fc.oneof(
        fc.string(),
        fc.constantFrom(
          '{',
          '[',
          '- ',
          ': ',
          '\n',
          '&a',
          '*a',
          '!!x ',
          '"',
          // biome-ignore lint/suspicious/noTemplateCurlyInString: a reference
          '${A}',
          '~',
          '1e400',
          '<<: {}',
        ),
      ),
    )
    await fc.assert(
      fc.asyncProperty(damage, ([at, removed, put]) =>
        onlyProblems(good.slice(0, at) + put + good.slice(at + removed)),
      ),
      { numRuns: 200 },
    )
  })

  it('gives problems when any member has any value', async () => {
    const paths = [
      'server',
      'server.listen',
      'state',
      'secrets',
      'secrets.pepper',
      'stores',
      'stores.main',
      'stores.main.credentials',
      'stores.main.capabilities',
      'stores.main.provider',
      'buckets',
      'buckets.media.keys',
      'buckets.media.placements',
      'buckets.media.upload',
      'plans.standard',
      'plans.standard.quotas',
      'tenants',
      'tenants.acme.users',
      'tenants.acme.keys',
      'tenants.acme.timeZone',
    ]
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.jsonValue(), (path, value) =>
        onlyProblems(configText({ [path]: value })),
      ),
      { numRuns: 200 },
    )
  })

  it('is not followed into the depth: 100,000 brackets are a problem', async () => {
    await onlyProblems('['.repeat(100_000))
    await onlyProblems(`a: ${'{a: '.repeat(5_000)}`)
    await onlyProblems(`${'['.repeat(1_000)}${']'.repeat(1_000)}`)
  })
})
