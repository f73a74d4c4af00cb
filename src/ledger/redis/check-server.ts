import { appendfsyncOf, infoOf } from './ask-server.ts'
import type { RedisLink } from './redis-link.ts'
import { type ServerFacts, serverFactsOf } from './server-facts.ts'
import type { RedisLedgerSettings } from './settings.ts'

const MIN_MAJOR_VERSION = 7

/** What is wrong with a server that `state` takes for a node of a cluster. */
export const NO_CLUSTER = '"cluster-enabled" must be yes for a state of redis+cluster:'
/** What is wrong with a replica that `state` names. */
export const REPLICA = 'it is a replica ("replicaof"): "state" must name the master'

/** What `CONFIG GET appendfsync` says; `undefined` where the command is not allowed. */
export interface Appendfsync {
  readonly appendfsync: string | undefined
}

/**
 * What makes a server unfit to hold the ledger, one clause each that names the setting; empty when it
 * is fit. `starting`: too few replicas refuse a start, but not a gateway that runs, whose `WAIT` tells.
 */
export function problemsOfServer(
  facts: ServerFacts & Appendfsync,
  settings: Pick<RedisLedgerSettings, 'durability' | 'replicas' | 'topology'>,
  { starting }: { readonly starting: boolean },
): string[] {
  const problems: string[] = []
  const major = Number(facts.version.split('.')[0])
  if (!(major >= MIN_MAJOR_VERSION)) {
    problems.push(`its version "${facts.version}" must be 7.0 or newer`)
  }
  if (facts.maxmemoryPolicy !== 'noeviction') {
    problems.push(
      `"maxmemory-policy" must be noeviction, not "${facts.maxmemoryPolicy}": an evicted counter forgets a quota`,
    )
  }
  if (settings.topology === 'cluster' && !facts.cluster) {
    problems.push(NO_CLUSTER)
  }
  if (settings.topology !== 'cluster' && facts.cluster) {
    problems.push('"cluster-enabled" is yes: name it by redis+cluster:')
  }
  return [...problems, ...durabilityProblems(facts, settings, starting)]
}

/**
 * Asks a server itself, a replica included, before anything is written to it. Throws `UnfitServer`
 * for a missing permission, `Error` when there is no answer.
 */
export async function problemsAt(
  link: RedisLink,
  settings: Pick<RedisLedgerSettings, 'durability' | 'replicas' | 'topology'>,
  { starting }: { readonly starting: boolean },
): Promise<string[]> {
  const facts = serverFactsOf(await infoOf(link))
  const appendfsync = await appendfsyncOf(link)
  const problems = problemsOfServer({ ...facts, appendfsync }, settings, { starting })
  return facts.role === 'master' ? problems : [REPLICA, ...problems]
}

function durabilityProblems(
  facts: ServerFacts & Appendfsync,
  {
    durability,
    replicas,
    topology,
  }: Pick<RedisLedgerSettings, 'durability' | 'replicas' | 'topology'>,
  starting: boolean,
): string[] {
  const problems: string[] = []
  if (durability === 'disk') {
    if (!facts.appendOnly) {
      problems.push('"appendonly" must be yes for "ledger.durability: disk"')
    }
    if (facts.appendfsync !== undefined && facts.appendfsync !== 'always') {
      problems.push(
        `"appendfsync" must be always, not "${facts.appendfsync}", for "ledger.durability: disk"`,
      )
    }
  }
  if (durability === 'strict') {
    if (starting && facts.connectedReplicas < replicas) {
      problems.push(
        `it has ${facts.connectedReplicas} replicas, and "ledger.replicas" asks for ${replicas}`,
      )
    }
    if (topology === 'sentinel' && facts.goodReplicas === undefined) {
      problems.push(
        '"min-replicas-to-write" must be at least 1 with Sentinel, or an old master goes on alone',
      )
    }
  }
  return problems
}
