import type { Config, Secrets } from '../config/config.ts'
import type { Identities } from '../config/directory/overlay.ts'
import type { Hashing } from '../hashing.ts'
import type { TicketKey } from '../ledger/ticket.ts'
import type { Logger } from '../log.ts'
import { createStoreTruth, type StoreTruth } from './store-truth.ts'

/** What was read from a configuration file and the secrets that it names. */
export interface FileSettings {
  readonly config: Config
  readonly secrets: Secrets
}

/** Keys that seal what travels: derived from the ticket key, so that any text makes them. */
export interface SealingKeys {
  /** Current first; older ones still verify. */
  readonly ticketKeys: readonly TicketKey[]
  /** Of list cursors; current first. */
  readonly cursorKeys: readonly Uint8Array[]
}

/**
 * The settings in force. They change between requests: when a file is read anew, when the directory
 * names somebody else, when a probe has seen a store. Each change makes new, frozen objects.
 */
export interface LiveConfig {
  /** As the file says, without the directory and without what probes have seen. */
  readonly file: Config
  readonly current: Config
  readonly secrets: Secrets
  readonly sealing: SealingKeys
  readonly storeTruth: StoreTruth
  /** Takes another file as a whole. */
  replaceFile(settings: FileSettings): void
  /** Asks again who is known. */
  refreshIdentities(): void
}

/** Begins with a file. `identitiesOver` adds the directory's entries to those of a file. */
export function createLiveConfig(
  begin: FileSettings,
  {
    hashing,
    log,
    identitiesOver = ({ config }) => config,
  }: {
    readonly hashing: Hashing
    readonly log: Logger
    readonly identitiesOver?: (settings: FileSettings) => Identities
  },
): LiveConfig {
  let settings = begin
  let sealing = sealingKeys(hashing, begin.secrets)
  let identities = identitiesOver(begin)
  const storeTruth = createStoreTruth(inForce(), log)

  function inForce(): Config {
    const { plans, tenants, keys } = identities
    return Object.freeze({ ...settings.config, plans, tenants, keys })
  }

  return {
    get file() {
      return settings.config
    },
    get current() {
      return storeTruth.config
    },
    get secrets() {
      return settings.secrets
    },
    get sealing() {
      return sealing
    },
    storeTruth,
    replaceFile(next) {
      settings = next
      sealing = sealingKeys(hashing, next.secrets)
      identities = identitiesOver(next)
      storeTruth.reconfigure(inForce())
    },
    refreshIdentities() {
      const next = identitiesOver(settings)
      // Users and keys come and go within the same maps.
      if (next === identities) return
      identities = next
      storeTruth.reconfigure(inForce())
    },
  }
}

function sealingKeys(hashing: Hashing, { ticketKey }: Secrets): SealingKeys {
  const { current, previous } = ticketKey
  const ticketKeys = (previous === undefined ? [current] : [current, previous]).map(
    ({ version, secret }): TicketKey => ({
      id: version,
      key: hashing.sha256(`signet ticket:${secret.reveal()}`),
    }),
  )
  const cursorKeys = ticketKeys.map(({ key }) => hashing.hmacSha256(key, 'signet cursor'))
  return Object.freeze({ ticketKeys, cursorKeys })
}
