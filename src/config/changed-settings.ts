import type { Config, Secrets } from './config.ts'
import { sameSetting } from './same-setting.ts'

/** What was read of a file. */
export interface Settings {
  readonly config: Config
  readonly secrets: Secrets
}

/** What the file calls otherwise. */
const NAMES: Readonly<Record<string, string>> = { adminIssuer: 'admin.oidc' }

/**
 * Names of what differs between two, as they stand in the file, one level below its top: `stores.main`,
 * `server.cors`, `secrets.pepper`; a key is its tenant's.
 */
export function changedSettings(before: Settings, after: Settings): readonly string[] {
  const [some, others] = [before, after].map(
    ({ config, secrets }): Readonly<Record<string, unknown>> => ({ ...config, secrets }),
  )
  const names = changedMembers(some, others).flatMap((member) => {
    const parts = changedMembers(some?.[member], others?.[member])
    if (member === 'keys') return parts.map((id) => `tenants.${tenantOf(id, before, after)}`)
    const name = NAMES[member] ?? member
    return parts.length === 0 || name !== member ? [name] : parts.map((part) => `${name}.${part}`)
  })
  return [...new Set(names)]
}

function tenantOf(key: string, before: Settings, after: Settings): string | undefined {
  return (after.config.keys.get(key) ?? before.config.keys.get(key))?.tenant
}

function changedMembers(before: unknown, after: unknown): readonly string[] {
  const [some, others] = [membersOf(before), membersOf(after)]
  const names = new Set([...some.keys(), ...others.keys()])
  return [...names].filter((name) => !sameSetting(some.get(name), others.get(name)))
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  if (value instanceof Map) return value
  const isPlain = typeof value === 'object' && value !== null && !Array.isArray(value)
  return new Map(isPlain ? Object.entries(value) : [])
}
