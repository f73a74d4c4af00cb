import type { Config, Secrets } from './config.ts'
import { sameSetting } from './same-setting.ts'

/** What was read of a file. */
export interface Settings {
  readonly config: Config
  readonly secrets: Secrets
}

/**
 * Names of what differs between two, as they stand in the file, one level below its top: `stores.main`,
 * `server.cors`, `secrets.pepper`. Keys are in their tenants.
 */
export function changedSettings(before: Settings, after: Settings): readonly string[] {
  const config = changedMembers(before.config, after.config).filter((name) => name !== 'keys')
  const names = [...config, ...(sameSetting(before.secrets, after.secrets) ? [] : ['secrets'])]
  const [some, others]: Record<string, unknown>[] = [before, after].map(
    ({ config: members, secrets }) => ({ ...members, secrets }),
  )
  return names.flatMap((name) => {
    const parts = changedMembers(some?.[name], others?.[name])
    return parts.length === 0 ? [name] : parts.map((part) => `${name}.${part}`)
  })
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
