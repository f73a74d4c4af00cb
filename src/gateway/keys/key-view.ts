import { parseStoredHash } from '../../auth/api-key.ts'
import type { RotatingSecret } from '../../auth/rotating-secret.ts'
import { toTimestamp } from '../../clock.ts'
import { allowRule } from '../../config/allow-rule.ts'
import { type KeyStatus, keyStatus } from '../../config/directory/change-key.ts'
import type { AllowInput } from '../../config/schema-allow.ts'
import type { GatewayContext } from '../context.ts'
import type { StoredKey } from './stored-key.ts'

/** What may be shown of a key: nothing that makes it again, and no digest of it. */
export interface KeyView {
  readonly id: string
  readonly tenant: string
  readonly user: string
  readonly label?: string
  readonly source: StoredKey['source']
  readonly status: KeyStatus
  /** Why it is not in force, whatever its status. */
  readonly problem?: string
  /** As it was written for a key of the admin API; for one of the configuration without variables. */
  readonly allow: readonly AllowInput[]
  readonly createdAt?: string
  readonly expiresAt?: string
  readonly revokedAt?: string
  /** The secrets that work, newest first. */
  readonly secrets: readonly SecretView[]
}

export interface SecretView {
  /** The last four characters of the key's text; absent for a key of the configuration. */
  readonly last4?: string
  readonly createdAt?: string
  /** Absent: with the key. */
  readonly expiresAt?: string
  readonly pepperVersion: number
  /** Which of the peppers that are set that is; `gone`: the secret does not work any more. */
  readonly pepper: PepperAge
}

export type PepperAge = 'current' | 'previous' | 'gone'

/** A key as operators see it. */
export function keyView(
  { clock, live }: Pick<GatewayContext, 'clock' | 'live'>,
  stored: StoredKey,
): KeyView {
  const nowMs = clock.nowMs()
  const { key, source, problem } = stored
  const { id, tenant, user, label } = key
  const dates = stored.source === 'admin' ? stored.key : undefined
  return {
    id,
    tenant,
    user,
    ...(label !== undefined && { label }),
    source,
    status: keyStatus(key, nowMs),
    ...(problem !== undefined && { problem }),
    allow: stored.source === 'admin' ? stored.key.allow : stored.key.permissions.map(allowRule),
    ...timestamps({
      createdAt: dates?.createdAtMs,
      expiresAt: key.expiresAtMs,
      revokedAt: dates?.revokedAtMs,
    }),
    secrets: liveSecrets(key, nowMs).map((secret) => secretView(secret, live.secrets.pepper)),
  }
}

type AnySecret = StoredKey['key']['hashes'][number]

/** The secrets of a key that have not ended, newest first; the key itself may have. */
export function liveSecrets({ hashes }: StoredKey['key'], nowMs: number): readonly AnySecret[] {
  return hashes.filter(({ expiresAtMs = Infinity }) => expiresAtMs > nowMs)
}

function secretView(secret: AnySecret, peppers: RotatingSecret): SecretView {
  const pepperVersion = parseStoredHash(secret.hash)?.version ?? 0
  return {
    ...('last4' in secret && { last4: secret.last4 }),
    ...timestamps({
      createdAt: 'createdAtMs' in secret ? secret.createdAtMs : undefined,
      expiresAt: secret.expiresAtMs,
    }),
    pepperVersion,
    pepper: pepperAge(peppers, pepperVersion),
  }
}

/** Which of the peppers a version is. */
export function pepperAge({ current, previous }: RotatingSecret, version: number): PepperAge {
  if (version === current.version) return 'current'
  return version === previous?.version ? 'previous' : 'gone'
}

function timestamps<Name extends string>(
  moments: Readonly<Record<Name, number | undefined>>,
): Partial<Record<Name, string>> {
  const told: Partial<Record<Name, string>> = {}
  for (const [name, atMs] of Object.entries<number | undefined>(moments)) {
    if (atMs !== undefined) told[name as Name] = toTimestamp(atMs)
  }
  return told
}
