import type { Issuer, TokenIssuer } from './issuer.ts'
import { createIssuerKeys, type IssuerKeys, type KeyPorts } from './issuer-keys.ts'

/** The keys of all issuers, kept while their settings change. */
export interface KeyRing {
  /** The same object for the same `issuer` and key source, whatever else is set. */
  of(issuer: TokenIssuer): IssuerKeys
  /** Names of mandatory issuers whose keys were never had: nobody of theirs gets in. */
  missing(issuers: Iterable<Issuer>): string[]
  /** Fetches what is missing or old of these, and forgets the keys of all others. Never throws. */
  refresh(issuers: Iterable<TokenIssuer>): Promise<void>
}

/** A ring without keys: each issuer's are fetched when first asked for, or by `refresh`. */
export function createKeyRing(ports: KeyPorts): KeyRing {
  const keys = new Map<string, IssuerKeys>()

  function of(issuer: TokenIssuer): IssuerKeys {
    const id = idOf(issuer)
    const known = keys.get(id)
    if (known !== undefined) return known
    const made = createIssuerKeys(issuer, ports)
    keys.set(id, made)
    return made
  }

  return {
    of,
    missing: (issuers) =>
      [...issuers]
        .filter((issuer) => issuer.mandatory && !of(issuer).isLoaded)
        .map(({ name }) => name),
    async refresh(issuers) {
      const all = [...issuers]
      const wanted = new Set(all.map(idOf))
      for (const id of keys.keys()) if (!wanted.has(id)) keys.delete(id)
      await Promise.all(all.map((issuer) => of(issuer).refresh()))
    },
  }
}

function idOf({ issuer, keys }: TokenIssuer): string {
  return JSON.stringify([issuer, keys])
}
