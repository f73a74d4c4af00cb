import type { Config } from './config.ts'
import { deepFreeze } from './frozen.ts'
import { sameSetting } from './same-setting.ts'

/** Members that are asked for whenever they are used. What is not listed here needs a restart. */
const RELOADED: ReadonlySet<string> = new Set<keyof Config>([
  'environment',
  'stores',
  'buckets',
  'plans',
  'tenants',
  'keys',
  'issuers',
  'adminIssuer',
])

/** The same of members whose other members are asked for once, when something is opened with them. */
const RELOADED_WITHIN: Readonly<Record<string, ReadonlySet<string>>> = {
  server: new Set<keyof Config['server']>([
    'publicUrl',
    'cors',
    'maxConcurrentRequests',
    'shutdownDelaySeconds',
    'drainSeconds',
    'reloadSeconds',
    'trustedProxies',
    'callerRegion',
  ]),
  log: new Set<keyof Config['log']>(['level']),
  ledger: new Set<keyof Config['ledger']>(['gateways', 'whenAway']),
} satisfies { [Name in keyof Config]?: ReadonlySet<keyof Config[Name]> }

/** Who we are to Redis is kept with `state`, and mostly written in `ledger`. */
const OF_LEDGER: ReadonlySet<string> = new Set(['username', 'password', 'tls'])

/** Their members are called otherwise in the file. */
const NAMED_AS_A_WHOLE: ReadonlySet<string> = new Set<keyof Config>(['state', 'audit'])

type Members = Readonly<Record<string, unknown>>

/**
 * Settings that differ and stay as they are until the process starts again, by their names in the file:
 * `server.listen`, `state`. User, password and TLS of Redis are `ledger.…` wherever they are written.
 */
export function needsRestart(running: Config, wanted: Config): readonly string[] {
  const [before, after] = [membersOf(running), membersOf(wanted)]
  const names = changedNames(before, after)
    .filter((name) => !RELOADED.has(name))
    .flatMap((name) => {
      const changed = changedNames(membersOf(before[name]), membersOf(after[name]))
      const fixed = changed.filter((part) => RELOADED_WITHIN[name]?.has(part) !== true)
      if (changed.length === 0) return [name]
      return fixed.map((part) => {
        if (name === 'state' && OF_LEDGER.has(part)) return `ledger.${part}`
        return NAMED_AS_A_WHOLE.has(name) ? name : `${name}.${part}`
      })
    })
  return [...new Set(names)]
}

/**
 * The configuration that a running gateway can go by when `wanted` is what the file says: all of it but
 * what needs a restart, which stays as the gateway was started with. Members that say the same are those
 * of `running`. Frozen.
 */
export function reloaded(running: Config, wanted: Config): Config {
  const [before, after] = [membersOf(running), membersOf(wanted)]
  const members: Record<string, unknown> = {}
  for (const name of namesOf(before, after)) {
    const within = RELOADED_WITHIN[name]
    // What says the same stays the same object: others know it by that.
    if (sameSetting(before[name], after[name])) members[name] = before[name]
    else if (RELOADED.has(name)) members[name] = after[name]
    else if (within === undefined) members[name] = before[name]
    else members[name] = mixed(membersOf(before[name]), membersOf(after[name]), within)
  }
  // Every member is one of a whole configuration, under its own name.
  return deepFreeze(members as unknown as Config)
}

function mixed(before: Members, after: Members, fromAfter: ReadonlySet<string>): Members {
  const members: Record<string, unknown> = {}
  for (const name of namesOf(before, after)) {
    const from = fromAfter.has(name) ? after : before
    if (name in from) members[name] = from[name]
  }
  return members
}

function changedNames(before: Members, after: Members): readonly string[] {
  return namesOf(before, after).filter((name) => !sameSetting(before[name], after[name]))
}

function namesOf(before: Members, after: Members): readonly string[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
}

/** Empty for what has no members with names of settings. */
function membersOf(value: unknown): Members {
  const isPlain = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isPlain && !(value instanceof Map) ? (value as Members) : {}
}
