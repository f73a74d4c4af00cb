/** What `INFO` says about a server, as far as the ledger cares (redis.io, INFO command). */
export interface ServerFacts {
  /** Redis' own, or what Valkey says it is compatible with. */
  readonly version: string
  readonly runId: string
  readonly role: string
  readonly replicationId: string
  readonly connectedReplicas: number
  /** `undefined` where `min-replicas-to-write` is not set. */
  readonly goodReplicas: number | undefined
  readonly maxmemoryPolicy: string
  readonly appendOnly: boolean
  readonly cluster: boolean
}

/** Reads the text of `INFO`. What is not there becomes empty, which no check accepts. */
export function serverFactsOf(info: string): ServerFacts {
  const fields = new Map<string, string>()
  for (const line of info.split('\n')) {
    const colon = line.indexOf(':')
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trim())
  }
  const good = fields.get('min_slaves_good_slaves')
  return {
    version: fields.get('redis_version') ?? '',
    runId: fields.get('run_id') ?? '',
    role: fields.get('role') ?? '',
    replicationId: fields.get('master_replid') ?? '',
    connectedReplicas: Number(fields.get('connected_slaves') ?? '0'),
    goodReplicas: good === undefined ? undefined : Number(good),
    maxmemoryPolicy: fields.get('maxmemory_policy') ?? '',
    appendOnly: fields.get('aof_enabled') === '1',
    cluster: fields.get('cluster_enabled') === '1',
  }
}
