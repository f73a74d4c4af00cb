import { type CryptoKey, createLocalJWKSet, errors, type LocalJWKSet } from 'jose'
import type { Clock } from '../../clock.ts'
import { GatewayError } from '../../errors.ts'
import { describeError, type Logger } from '../../log.ts'
import type { Telemetry } from '../../telemetry.ts'
import { fetchKeys } from './fetch-keys.ts'
import type { PublicJwk, TokenIssuer } from './issuer.ts'
import { createPacedWork, isPast } from './paced-work.ts'

/** Rest between two fetches, whatever asks for them, in milliseconds. */
export const COOLDOWN_MS = 30_000
/** The same while no key is known, and nobody of this issuer gets in. */
export const FIRST_COOLDOWN_MS = 5_000
/** A set of this age is fetched again, while it serves on. */
export const REFRESH_MS = 10 * 60_000
/** A set of this age serves no more. */
export const MAX_STALE_MS = 24 * 3_600_000

/** What getting keys needs from outside. */
export interface KeyPorts {
  readonly clock: Clock
  readonly fetch: typeof globalThis.fetch
  readonly log: Logger
  readonly telemetry: Pick<Telemetry, 'issuerKeysFetched'>
  /** Longest that a request waits for a fetch, in milliseconds. Default 800. */
  readonly waitMs?: number | undefined
}

/** The public keys of one issuer. */
export interface IssuerKeys {
  /** Keys were had once. */
  readonly isLoaded: boolean
  /** Grows when other keys come; 0 while there are none that serve. */
  readonly version: number
  /**
   * The key for a token's header, of which `kid` and `alg` are read and nothing else. A key that is not
   * known is asked for at the issuer, at most once in 30 s. Throws an error of jose for a key that the
   * issuer does not have, `AuthUnavailable` when it cannot be asked.
   */
  keyFor(...asked: Parameters<LocalJWKSet>): Promise<CryptoKey>
  /** Fetches what is missing or old, unless that was tried just now. Never throws. */
  refresh(): Promise<void>
}

interface KeySet {
  readonly text: string
  readonly lookUp: LocalJWKSet
  loadedAtMs: number
}

/**
 * The keys of an issuer: one fetch at a time and per cooldown; the last good set serves for 24 h while the
 * issuer is away; no request waits for more than 0.8 s, and only those whose key is not known.
 */
export function createIssuerKeys(
  { name, issuer, keys: source }: TokenIssuer,
  { clock, fetch, log, telemetry, waitMs }: KeyPorts,
): IssuerKeys {
  let set: KeySet | undefined
  let version = 0
  const ageMs = ({ loadedAtMs }: KeySet) => clock.nowMs() - loadedAtMs
  const cooldownMs = () => (set === undefined ? FIRST_COOLDOWN_MS : COOLDOWN_MS)
  const fetching = createPacedWork({ clock, cooldownMs, work: fetchOnce, waitMs })
  if (source.kind === 'static') install(source.keys)

  function install(keys: readonly PublicJwk[]): void {
    const text = JSON.stringify(keys)
    const loadedAtMs = clock.nowMs()
    if (set?.text === text) set.loadedAtMs = loadedAtMs
    else {
      set = { text, lookUp: createLocalJWKSet({ keys: [...keys] }), loadedAtMs }
      version += 1
      log.info('issuer.keys_changed', { issuer: name, keys: keys.length })
    }
  }

  async function fetchOnce(): Promise<boolean> {
    // Nothing is to be got: what is not in the settings, the issuer does not have.
    if (source.kind === 'static') return true
    try {
      install(await fetchKeys({ issuer, keys: source }, fetch))
      telemetry.issuerKeysFetched({ issuer: name, outcome: 'ok' })
      return true
    } catch (error) {
      const ageSeconds = set && Math.floor(ageMs(set) / 1000)
      log.warn('issuer.keys_unavailable', { issuer: name, ageSeconds, error: describeError(error) })
      telemetry.issuerKeysFetched({ issuer: name, outcome: 'failed' })
      return false
    }
  }

  function serving(): KeySet | undefined {
    if (set === undefined || source.kind === 'static') return set
    return ageMs(set) < MAX_STALE_MS ? set : undefined
  }

  function startIfOld(): Promise<void> | undefined {
    const isFresh = set !== undefined && !isPast(ageMs(set), REFRESH_MS)
    return isFresh || source.kind === 'static' ? undefined : fetching.start()
  }

  return {
    get isLoaded() {
      return set !== undefined
    },
    get version() {
      return serving() === undefined ? 0 : version
    },
    async keyFor(...asked) {
      // In the background: a set serves on while it is fetched again.
      void startIfOld()
      const key = await lookUp(serving(), asked)
      if (key !== undefined) return key
      const hasWaited = await fetching.wait()
      const now = serving()
      const found = hasWaited ? await lookUp(now, asked) : undefined
      if (found !== undefined) return found
      // Whether the issuer has such a key, nobody knows while it does not answer.
      if (now === undefined || fetching.isUncertain) throw unavailable(name)
      throw new errors.JWKSNoMatchingKey()
    },
    async refresh() {
      await startIfOld()
    },
  }
}

/** `undefined` for a key that the set does not have. */
async function lookUp(
  set: KeySet | undefined,
  asked: Parameters<LocalJWKSet>,
): Promise<CryptoKey | undefined> {
  try {
    return await set?.lookUp(...asked)
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return undefined
    throw error
  }
}

function unavailable(issuer: string): GatewayError {
  return new GatewayError(
    'AuthUnavailable',
    'Cannot authenticate the request: the keys of its issuer cannot be had now',
    { facts: { issuer } },
  )
}
