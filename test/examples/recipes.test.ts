import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import type { LoadedConfig } from '../../src/config/load-config.ts'
import { whatIsSigned } from '../../src/gateway/what-is-signed.ts'
import { profileOf } from '../../src/stores/profile-of.ts'
import { TestClock } from '../support/test-clock.ts'
import { byText } from './credential-tour.ts'
import {
  loadRecipe,
  placementOf,
  RECIPE_ENV,
  RECIPES,
  type RecipeName,
  recipeSays,
  recipeText,
} from './recipe-fixture.ts'
import { promisesOf } from './recipe-promises.ts'

/** Endpoint, region and addressing as the vendors have them. */
const ADDRESSES: Readonly<Record<RecipeName, readonly [string, string, 'path' | 'virtual']>> = {
  aws: ['https://s3.eu-central-1.amazonaws.com', 'eu-central-1', 'virtual'],
  b2: ['https://s3.us-west-004.backblazeb2.com', 'us-west-004', 'path'],
  ceph: ['https://s3.example.com', 'default', 'path'],
  garage: ['https://garage.example.com', 'garage', 'path'],
  gcs: ['https://storage.googleapis.com', 'auto', 'path'],
  hetzner: ['https://fsn1.your-objectstorage.com', 'fsn1', 'path'],
  minio: ['https://minio.internal.example:9000', 'us-east-1', 'path'],
  ovh: ['https://s3.gra.io.cloud.ovh.net', 'gra', 'path'],
  r2: ['https://0123456789abcdef0123456789abcdef.r2.cloudflarestorage.com', 'auto', 'path'],
  scaleway: ['https://s3.fr-par.scw.cloud', 'fr-par', 'path'],
  seaweedfs: ['https://seaweedfs.internal.example:8333', 'us-east-1', 'path'],
  wasabi: ['https://s3.eu-central-1.wasabisys.com', 'eu-central-1', 'path'],
}

/** What nobody may overlook about a store: words that its recipe has. */
const MUST_SAY: Readonly<Record<RecipeName, readonly RegExp[]>> = {
  aws: [
    /STS/,
    /s3:signatureAge/,
    /s3:authType/,
    /UNSIGNED-PAYLOAD/,
    /AbortIncompleteMultipartUpload/,
  ],
  b2: [/master key/, /another version/, /lifecycle/, /no write-once/],
  ceph: [
    /CVE-2026-54330/,
    /If-None-Match does depends on the release/,
    /OpaqueData/,
    /persistent=true/,
  ],
  garage: [/region must be s3_region/, /no write-once/, /No tags/, /no events/],
  gcs: [/HMAC/, /GOOG4/, /No tags/, /Pub\/Sub/],
  hetzner: [/No tags, no events, no domain/, /probe's word/],
  minio: [/must not read/, /archived/, /stale_uploads_expiry/, /Host must come through/],
  ovh: [/without quotes/, /both conditions/, /no policies of buckets/, /No events/],
  r2: [/No forms, no tags, no ACLs/, /domain of one's own/, /Parts have one size/, /Worker/],
  scaleway: [/1,000 parts/, /No events/],
  seaweedfs: [/Without identities/, /2026-04-17/, /filer's own webhook/],
  wasabi: [/Checksum headers were refused/, /minimum time/],
}

const oneLine = (lines: readonly string[]) => lines.join(' ').replaceAll(/\s+/g, ' ')

describe.each(RECIPES)('the recipe for %s', (name) => {
  let loaded: LoadedConfig
  beforeAll(async () => {
    loaded = await loadRecipe(name)
  })

  it('loads for production without a warning, with secrets from the environment alone', () => {
    const { config, warnings } = loaded
    expect([config.environment, warnings]).toEqual(['production', []])
    const { store } = placementOf(config)
    expect(store.provider).toBe(name)
    const secrets = Object.entries(RECIPE_ENV).filter(([variable]) => !variable.endsWith('_ID'))
    for (const [, secret] of secrets) expect(recipeText(name)).not.toContain(secret)
  })

  it('names its schema, its endpoint, its region and how buckets are addressed', () => {
    const { endpoint, region, addressing } = placementOf(loaded.config).store
    expect([endpoint, region, addressing]).toEqual(ADDRESSES[name])
    expect(recipeText(name).split('\n')[0]).toBe(
      '# yaml-language-server: $schema=../signet.schema.json',
    )
  })

  it('has a key pair for each purpose', () => {
    const { write, read, manage } = placementOf(loaded.config).store.credentials
    expect([write, read, manage].map(({ accessKeyId }) => accessKeyId)).toEqual([
      'WRITE',
      'READ',
      'MANAGE',
    ])
  })

  it('says what its profile expects, what waits for the probe, and what is signed before', () => {
    const { config } = loaded
    const placement = placementOf(config)
    const [signed] = whatIsSigned({ config, clock: new TestClock() }, placement)
    if (signed === undefined) throw new Error('no bucket')
    const lines = promisesOf(placement.store.capabilities, signed)
    expect(oneLine(recipeSays(name))).toContain(oneLine(lines.map((line) => line.slice(1))))
  })

  it('says how pages are let in, by the gateway where the store has an API for it', () => {
    const says = oneLine(recipeSays(name))
    const byGateway = 'stores cors main --origin https://app.example --apply'
    const known = profileOf(name)?.traits.corsApi
    if (known === 'yes' && name !== 'r2') expect(says).toContain(byGateway)
    if (known === 'no') expect(says).not.toContain('--apply')
    expect(says).toContain('CORS')
  })

  it('says what must be said of this store, and of the clock', () => {
    const says = oneLine([recipeText(name)]).replaceAll(' # ', ' ')
    for (const words of [...MUST_SAY[name], /clock right/]) expect(says).toMatch(words)
  })

  it('shows in comments how its events come in, where it has any, which loads as well', async () => {
    const shown = recipeText(name).replaceAll(/^ {4}# (?=events:| {2})/gm, '    ')
    const { config, warnings } = await loadRecipe(name, shown)
    const { events, traits } = placementOf(config).store
    expect(warnings).toEqual([])
    expect(events !== undefined).toBe(traits.events.shape !== 'none')
  })
})

describe('the recipes', () => {
  it('differ in their store and bucket alone', () => {
    const rest = (name: RecipeName) => {
      const [before = '', after = ''] = recipeText(name).split(/^stores:[\s\S]*?^plans:/m)
      return [before.replaceAll(/^#.*\n/gm, ''), after]
    }
    for (const name of RECIPES) expect(rest(name)).toEqual(rest('aws'))
  })

  it('are all in the list of the README', () => {
    const readme = readFileSync(join(import.meta.dirname, '../../README.md'), 'utf8')
    const listed = [...readme.matchAll(/^\| .*\(config\/examples\/([a-z0-9]+)\.yaml\) \|/gm)]
    expect(listed.map(([, name = '']) => name).sort(byText)).toEqual([...RECIPES])
  })
})
