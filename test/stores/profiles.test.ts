import { readdir } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { NOTHING_KNOWN } from '../../src/stores/capabilities.ts'
import { PROVIDERS, profileOf } from '../../src/stores/profile-of.ts'

describe('provider profiles', () => {
  it('are one per file, and all can be named', async () => {
    const files = await readdir(new URL('../../src/stores/profiles/', import.meta.url))
    expect(PROVIDERS).toEqual(files.map((file) => file.replace(/\.ts$/, '')).sort())
  })

  it('assume nothing of a generic store, and know no other name', () => {
    expect(profileOf('generic')?.capabilities).toEqual(NOTHING_KNOWN)
    for (const name of ['s3', 'AWS', '__proto__', 'constructor', '']) {
      expect(profileOf(name)).toBeUndefined()
    }
  })

  it.each(PROVIDERS)('%s: an https origin to fill in, a style, a known lifetime', (provider) => {
    const profile = profileOf(provider)
    expect(profile?.endpoint).toMatch(/^https:\/\/[a-z0-9.{}-]+$/)
    expect(profile?.basePath).toMatch(/^(?:|\/[a-z0-9/]*[a-z0-9])$/)
    expect(profile?.addressing).toContain('path')
    expect(profile?.capabilities.backdateSeconds).toBe(30)
    expect(profile?.capabilities.maxExpiresSeconds).toBeGreaterThanOrEqual(604_800)
    expect(Object.isFrozen(profile?.capabilities)).toBe(true)
  })

  it.each(PROVIDERS)(
    '%s: parts that fit together, and no promise that is half kept',
    (provider) => {
      const capabilities = profileOf(provider)?.capabilities ?? NOTHING_KNOWN
      const { minPartBytes, preferredPartBytes, maxPartBytes, maxParts } = capabilities
      expect(preferredPartBytes).toBeGreaterThanOrEqual(minPartBytes)
      expect(maxPartBytes).toBeGreaterThanOrEqual(preferredPartBytes)
      expect(maxParts).toBeLessThanOrEqual(10_000)
      const { writeOnce, writeOnceMultipart } = capabilities
      if (writeOnce === 'ignored' || writeOnce === 'refused') expect(writeOnceMultipart).toBe('no')
    },
  )

  it('count on parts only where somebody has seen a presigned one', () => {
    const unseen = PROVIDERS.filter((name) => profileOf(name)?.capabilities.multipart !== 'yes')
    expect(unseen).toEqual([
      'digitalocean',
      'generic',
      'hetzner',
      'idrive',
      'ovh',
      'scaleway',
      'wasabi',
    ])
  })

  it('count on write-once for parts only where the vendor or its source says so', () => {
    const kept = PROVIDERS.filter(
      (name) => profileOf(name)?.capabilities.writeOnceMultipart === 'yes',
    )
    expect(kept).toEqual(['aws', 'minio'])
  })

  it('never let conditions of GOOG4 pass for those of AWS', () => {
    expect(profileOf('gcs')?.capabilities).toMatchObject({
      writeOnce: 'refused',
      ifMatch: 'refused',
    })
  })
})
