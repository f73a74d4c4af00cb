import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { defineProfile, type Profile } from '../../src/stores/profile.ts'
import { PROVIDERS, profileOf } from '../../src/stores/profile-of.ts'
import page from './providers-page.json' with { type: 'json' }

/** Values by the names that the page of providers has for them. */
type Flags = Readonly<Record<string, unknown>>

const { default: DEFAULTS, ...OWN }: Record<string, Flags> = page

/** Flags of the page that a profile does not hold: there is no signer for another dialect. */
const NOT_HELD: ReadonlySet<string> = new Set(['dialect'])

/** Where a profile says something else than the page, flag by flag, and why. */
const DELIBERATE: Readonly<Record<string, Flags>> = {
  // d: the vendor documents Content-MD5 for every PUT.
  aws: { contentMd5: 'yes' },
  // Measured on 16.2.15 (`stores.md` section 4).
  ceph: { acl: 'yes', contentMd5: 'yes', equalParts: false },
  // "As long as only an aws4 signer exists" (section 2, below the profiles).
  gcs: { writeOnce: 'refused', ifMatch: 'refused', putSizeRange: false, postPolicy: 'probe' },
  // Measured on 2.30.1: conditions 501, checksums not looked at, 403 to right and wrong payloads.
  swift: {
    contentMd5: 'yes',
    equalParts: false,
    checksums: 'probe',
    payloadHash: 'probe',
    unsignedCopySource: 'open',
    unsignedHeaders: 'accept',
    writeOnce: 'probe',
  },
}

function flagsOf(profile: Profile): Flags {
  const { capabilities, traits, endpoint, basePath, addressing, region } = profile
  return { ...capabilities, ...traits, endpoint, basePath, addressing, region }
}

describe('what is expected of providers', () => {
  it('is written down for every one of the page, and for the demo besides', () => {
    expect(new Set([...Object.keys(OWN), 'embedded'])).toEqual(new Set(PROVIDERS))
  })

  it.each(Object.keys(OWN))('%s: is what the page says, but for what was measured', (provider) => {
    const held = flagsOf(profileOf(provider) ?? defineProfile({}))
    // What the page does not give a size for is ours to choose.
    const said: Flags = {
      basePath: '',
      preferredPartBytes: 8 * 2 ** 20,
      ...DEFAULTS,
      ...OWN[provider],
    }
    const different = Object.keys(said).filter(
      (name) => !NOT_HELD.has(name) && JSON.stringify(said[name]) !== JSON.stringify(held[name]),
    )
    const deliberate = DELIBERATE[provider] ?? {}
    expect(Object.fromEntries(different.map((name) => [name, held[name]]))).toEqual(deliberate)
  })

  it.each(PROVIDERS)('%s: counts on SHA-256 where it is among its checksums', (provider) => {
    const { capabilities, traits } = profileOf(provider) ?? defineProfile({})
    const { checksums } = traits
    const sha256 = checksums === 'probe' ? 'probe' : checksums.includes('SHA256') ? 'yes' : 'no'
    expect(capabilities.checksumSha256).toBe(sha256)
  })

  it('has a mark at every flag, of where it comes from', () => {
    const folder = new URL('../../src/stores/profiles/', import.meta.url)
    const unmarked: string[] = []
    for (const file of readdirSync(folder)) {
      const lines = readFileSync(new URL(file, folder), 'utf8').split('\n')
      lines.forEach((line, index) => {
        // Flags stand four spaces in; what is below them belongs to one that is marked above it.
        if (!/^ {4}[a-zA-Z0-9]+: /.test(line)) return
        const marked = MARK.test(line) || /^ {4}\/\//.test(lines[index - 1] ?? '')
        if (!marked) unmarked.push(`${file}: ${line.trim()}`)
      })
    }
    expect(unmarked).toEqual([])
  })
})

/** d, s, r, m or ?, alone or several, and then whatever there is to say. */
const MARK = /\/\/ [dsrm?](?:, [dsrm?])*(?::|;|$)/
